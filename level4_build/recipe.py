"""The recipe: all that decides how a training goes, whatever it trains. Each task adds its own settings."""

from __future__ import annotations

import json
import math
from abc import abstractmethod
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from shared.errors import BadUsage

if TYPE_CHECKING:
    from level4_build.task import Task

Schedule = Literal["cosine", "one-cycle", "plateau", "constant"]
SCHEDULES: tuple[Schedule, ...] = ("cosine", "one-cycle", "plateau", "constant")
Wanted = Literal["auto", "float32", "bfloat16"]
PRECISIONS: tuple[Wanted, ...] = ("auto", "float32", "bfloat16")
DEV_BATCHES = 2  # of everything in a `--fast-dev-run`


@dataclass(frozen=True)
class Recipe:
    """How to train.

    Attributes:
        steps, batch: how many batches, of how many items each.
        accumulate: a batch is done in so many pieces, to need less memory; the step is the same.
        lr, schedule, warmup: the highest learning rate, how it moves, and after how many steps it is reached.
        plateau: with that schedule, how many evaluations without a better score halve the rate.
        weight_decay, clip: how much weights shrink, and the longest gradient that is let through.
        ema: how much of the averaged weights each step keeps, such as 0.999; 0 for no average.
        patience: the training ends after so many evaluations without a better score, and the best network
            comes back; 0 to go on to the last step and hand back the last.
        precision: what the network computes in; `auto` is bfloat16 where the hardware has it.
        skip: how many losses in a row that are no number are passed over; 0 stops at the first.
        workers: processes that load the data; 0 loads it where it is trained. The result is the same.
        overfit_batches: learn and score the first so many batches alone; 0 for all the data.
        seed: draws the first weights and the order of the data.
        eval_every, save_every: steps between two evaluations, and between two checkpoints.
    """

    steps: int = 300
    batch: int = 16
    accumulate: int = 1
    lr: float = 3e-3
    schedule: Schedule = "cosine"
    warmup: int = 20
    plateau: int = 2
    weight_decay: float = 0.01
    clip: float = 1.0
    ema: float = 0.0
    patience: int = 0
    precision: Wanted = "float32"
    skip: int = 0
    workers: int = 0
    overfit_batches: int = 0
    seed: int = 0
    eval_every: int = 100
    save_every: int = 50

    FREE: ClassVar[tuple[str, ...]] = ("workers", "save_every")  # these may change when one is gone on with

    def __post_init__(self) -> None:
        for name, low in self.least().items():
            if not low <= getattr(self, name) < math.inf:
                raise BadUsage(f"{name} is {getattr(self, name)}.", f"It must be at least {low:g}.")
        for name, (high, why) in self.most().items():
            if getattr(self, name) > high:
                raise BadUsage(f"{name} is {getattr(self, name)}.", f"It must be at most {high}{why}.")
        for name in ("lr", "clip"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise BadUsage(f"{name} is {getattr(self, name)}.", "It must be a number above 0.")
        for name, choices in (("schedule", SCHEDULES), ("precision", PRECISIONS)):
            if getattr(self, name) not in choices:
                raise BadUsage(f"{name} is {getattr(self, name)!r}.", f"Take one of {', '.join(choices)}.")
        if not self.ema < 1:
            raise BadUsage(
                f"ema is {self.ema}.", "It must be below 1: of 1 nothing new would ever be learnt."
            )

    def least(self) -> dict[str, float]:
        """The least that a setting may be."""
        one = ("steps", "batch", "accumulate", "plateau", "eval_every", "save_every")
        none = ("warmup", "weight_decay", "ema", "patience", "skip", "workers", "overfit_batches", "seed")
        return dict.fromkeys(one, 1.0) | dict.fromkeys(none, 0.0)

    def most(self) -> dict[str, tuple[float, str]]:
        """The most that a setting may be, and what that depends on."""
        return {
            "steps": (1_000_000, ""),
            "seed": (2**32 - 1, ""),
            "workers": (64, ""),
            "accumulate": (self.batch, ", the batch: a piece holds one item or more"),
        }

    @abstractmethod
    def task(self) -> Task:
        """What is trained: the network, the data, the loss and the score."""

    def dev_run(self) -> Self:
        """The same training over two batches of everything, to see that all its parts work together."""
        return replace(
            self, steps=DEV_BATCHES, warmup=min(self.warmup, 1), eval_every=1, save_every=1, patience=0
        )

    def as_dict(self) -> dict[str, Any]:
        """The configuration as plain values, as JSON would give it back."""
        return json.loads(json.dumps(asdict(self)))

    def decisive(self) -> dict[str, Any]:
        """What decides the result, so that a training can be gone on with only by the same."""
        return {name: value for name, value in self.as_dict().items() if name not in self.FREE}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The configuration that `as_dict` wrote; what it did not know yet has its default."""
        return cls(**{f.name: values[f.name] for f in fields(cls) if f.name in values})
