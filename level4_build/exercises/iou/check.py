"""Pictures so small that one can count by hand, then larger ones against sets and level 4's own score."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import ModuleType

import numpy as np
import torch
from torch import Tensor

from level4_build.scenes import CLASSES, IGNORE, Scenes
from level4_build.score import SegmentationScore
from shared.study.case import Case

TWO = ("background", "circle")
THREE = (*TWO, "ring")
FLOAT32 = 1e-6  # a score of at most 1, should somebody divide in float32


def cases(work: ModuleType, rng: np.random.Generator) -> Iterator[Case]:
    yield Case(
        "one picture",
        call="iou",
        args=(torch.tensor([[[0, 1], [1, 1]]]), torch.tensor([[[0, 1], [0, 1]]]), TWO),
        expected={"background": 1 / 2, "circle": 2 / 3},
        tolerance=FLOAT32,
    )
    yield Case(
        "two pictures, one of them seen worse",
        call="iou",
        args=(
            torch.tensor([[[0, 1], [1, 1]], [[1, 1], [0, 1]]]),
            torch.tensor([[[0, 1], [1, 1]], [[0, 0], [0, 1]]]),
            TWO,
        ),
        expected={"background": 2 / 4, "circle": 4 / 6},
        tolerance=FLOAT32,
        mistakes={"mean-of-pictures": {"background": (1 + 1 / 3) / 2, "circle": (1 + 1 / 3) / 2}},
    )
    yield Case(
        "pixels that do not count",
        call="iou",
        args=(torch.tensor([[[0, 1], [1, 0]]]), torch.tensor([[[0, 1], [IGNORE, IGNORE]]]), TWO),
        expected={"background": 1.0, "circle": 1.0},
        tolerance=FLOAT32,
        mistakes={"counts-ignored": {"background": 1 / 2, "circle": 1 / 2}},
    )
    yield Case(
        "a class that is nowhere",
        call="iou",
        args=(torch.tensor([[[0, 1], [1, 1]]]), torch.tensor([[[0, 1], [0, 1]]]), THREE),
        expected={"background": 1 / 2, "circle": 2 / 3, "ring": None},
        tolerance=FLOAT32,
        mistakes={"absent-scored": lambda got: got["ring"] is not None},
    )
    yield Case(
        "a class that is seen and is not there",
        call="iou",
        args=(torch.tensor([[[0, 1], [2, 1]]]), torch.tensor([[[0, 1], [0, 1]]]), THREE),
        expected={"background": 1 / 2, "circle": 1.0, "ring": 0.0},
        tolerance=FLOAT32,
        mistakes={"truth-only": lambda got: got["ring"] is None},
    )
    predictions, masks = random_set(rng)
    yield Case(
        "a random set, compared with sets of places",
        call="iou",
        args=(predictions, masks, CLASSES),
        given="iou(predictions, masks, CLASSES) of 5 random pictures, 9 by 13",
        expected=by_sets(predictions, masks, CLASSES),
        tolerance=FLOAT32,
    )
    predictions, masks = shifted_scenes(rng)
    score = SegmentationScore()
    score.add(predictions, masks)
    yield Case(
        "scenes of level 4, seen some pixels off, compared with its score.py",
        call="iou",
        args=(predictions, masks, CLASSES),
        given="iou(predictions, masks, CLASSES) of 8 scenes, 64 by 64",
        expected=score.iou(),
        tolerance=FLOAT32,
    )


def random_set(rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Predictions and masks (5, 9, 13): two thirds agree, a tenth is ignored, one class is nowhere."""
    present = np.delete(np.arange(len(CLASSES)), rng.integers(len(CLASSES)))
    masks = rng.choice(present, (5, 9, 13))
    predictions = np.where(rng.random(masks.shape) < 2 / 3, masks, rng.choice(present, masks.shape))
    masks[rng.random(masks.shape) < 0.1] = IGNORE
    return torch.from_numpy(predictions), torch.from_numpy(masks)


def shifted_scenes(rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Masks (8, 64, 64) with their borders, and the same as one would see them some pixels to the side."""
    masks = Scenes("val", 8, seed=int(rng.integers(1000))).all()[1].long()
    shifted = masks.roll(int(rng.integers(1, 6)), dims=-1)
    return torch.where(shifted == IGNORE, 0, shifted), masks


def by_sets(predictions: Tensor, masks: Tensor, classes: Sequence[str]) -> dict[str, float | None]:
    """The definition word for word: sets of places, their intersection and their union."""
    scores: dict[str, float | None] = {}
    for label, name in enumerate(classes):
        ignored = places(masks, IGNORE)
        found, true = places(predictions, label) - ignored, places(masks, label)
        scores[name] = len(found & true) / len(found | true) if found | true else None
    return scores


def places(pixels: Tensor, label: int) -> set[tuple[int, ...]]:
    """Where the pixels have this value: picture, row, column."""
    return {place for place, value in np.ndenumerate(pixels.numpy()) if value == label}
