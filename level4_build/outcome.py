"""What a training says while it goes on, and what comes of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from torch import nn


@dataclass(frozen=True)
class Evaluation:
    """How well the network does on what it is not trained on, after so many steps."""

    step: int
    scores: dict[str, float | None]

    def score(self, name: str) -> float:
        """The score of this name; nan if it is not there."""
        value = self.scores[name]
        return math.nan if value is None else value

    @property
    def loss(self) -> float:
        return self.score("loss/val")

    @property
    def macro_iou(self) -> float:
        """Of a segmentation: the mean over the classes that are there."""
        return self.score("iou/val")

    @property
    def iou(self) -> dict[str, float | None]:
        """Of a segmentation: each class."""
        start = "iou/val/"
        return {name.removeprefix(start): v for name, v in self.scores.items() if name.startswith(start)}


@dataclass(frozen=True)
class Step:
    """One step that is done: `step` counts from 1 to `steps`. Its loss is nan if the step was passed over."""

    step: int
    steps: int
    loss: float
    lr: float
    evaluation: Evaluation | None = None


@dataclass(frozen=True)
class Fit:
    """A training that is done, or was told to stop early.

    Attributes:
        model: the network, on the CPU: with `patience` the best one, else the last; averaged if `ema` is on.
        losses: of every step, also of those before it was resumed; nan for one that was passed over.
        history: every evaluation, the last one after the last step.
        evaluation: that of `model`.
        wall_s: seconds of work, the pieces of a resumed training together.
        resumed_at: the step it went on from; 0 if it began anew.
        precision, device: what it computed in and where.
    """

    config: Any  # the recipe, of whichever task it is
    model: nn.Module
    losses: list[float]
    history: list[Evaluation]
    evaluation: Evaluation
    wall_s: float
    resumed_at: int = 0
    precision: str = "float32"
    device: str = "cpu"

    @property
    def steps(self) -> int:
        return len(self.losses)

    @property
    def scores(self) -> dict[str, float | None]:
        return self.evaluation.scores

    @property
    def macro_iou(self) -> float:
        return self.evaluation.macro_iou

    @property
    def iou(self) -> dict[str, float | None]:
        return self.evaluation.iou
