"""Curves that are written down, and gradient descent on a parabola, whose losses follow from a formula."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import nn

from shared.study.case import Case

NEAR = 1e-9  # float64: a factor taken some times
BROKEN = 4.0
CURVE = [2.3, 2.29, 2.25, 1.9, 1.2, 0.9, 0.85, 0.84, 1.1, 3.0]  # a jump at the end steeper than any fall
LATE = [1.0, 0.95, 0.9, 0.85, 0.45, 0.4, 0.39, 0.5]


def cases(work: ModuleType, rng: np.random.Generator) -> Iterator[Case]:
    yield Case(
        "rates from a thousandth to ten",
        call="rates",
        args=(0.001, 10.0, 5),
        expected=[0.001, 0.01, 0.1, 1.0, 10.0],
        tolerance=NEAR,
        mistakes={"linear": np.linspace(0.001, 10.0, 5).tolist()},
    )
    yield _sweep("losses that fall", [2.0, 1.9, 1.5], 3)
    yield _sweep("a loss that rises a little before it falls", [2.0, 2.1, 1.5, 1.6, 1.0], 5)
    yield _sweep("a loss that is no number", [2.0, 1.0, math.nan, math.nan], 2)
    yield _sweep("a loss five times the lowest", [2.0, 1.0, 5.0, 0.5, 0.4], 2)
    yield Case(
        "the weights after a sweep",
        call="sweep",
        run=_weights_after,
        given="sweep(network, step, [0.1, 0.2]) of a network whose weight is 3.0",
        expected=3.0,
        mistakes={
            "same-tensors": lambda got: got["restored"],
            "not-restored": lambda got: not got["restored"],
        },
        holds=lambda got: got["weight"] == 3.0,
    )
    tried = np.geomspace(1e-4, 10, len(CURVE)).tolist()
    yield _steepest("a curve that falls, is flat and breaks", tried, CURVE)
    yield _steepest("a curve with fewer losses than rates", np.geomspace(1e-4, 10, 12).tolist(), LATE)
    curvature, low = rng.uniform(1, 4), rng.uniform(1e-4, 1e-3)
    tried = np.geomspace(low, 100 / curvature, 40).tolist()
    yield Case(
        "a parabola drawn at random, from the rates to the choice",
        call="steepest",
        run=lambda work: _whole(work, curvature, low),
        given=f"sweep and steepest over rates({low:.4g}, {tried[-1]:.4g}, 40) on {curvature:.3f} · w² / 2",
        expected=_steepest_of(tried, _parabola(curvature, tried)),
        tolerance=NEAR,
    )


def _sweep(title: str, losses: list[float], kept: int) -> Case:
    """A step that gives these losses whatever the rate."""

    def run(work: ModuleType) -> list[float]:
        told = iter(losses)
        return work.sweep(nn.Linear(1, 1), lambda _: next(told), [0.1] * len(losses))

    return Case(
        title,
        call="sweep",
        run=run,
        given=f"steps whose losses are {losses}",
        expected=losses[:kept],
        mistakes={
            "never-stops": lambda got: len(got) == len(losses) and any(map(math.isnan, losses)),
            "stops-at-nan-alone": lambda got: len(got) == len(losses) > kept,
            "keeps-the-broken": lambda got: len(got) == kept + 1,
            "stops-at-a-bump": lambda got: len(got) < kept,
        },
    )


def _steepest(title: str, tried: list[float], losses: list[float]) -> Case:
    used = tried[: len(losses)]
    return Case(
        title,
        call="steepest",
        args=(tried, losses),
        expected=_steepest_of(tried, losses),
        tolerance=NEAR,
        mistakes={
            "lowest": used[int(np.argmin(losses))],
            "over-the-rate": used[int(np.argmin(np.gradient(losses, used)))],
            "steepest-rise": used[-1],
        },
    )


def _steepest_of(tried: Sequence[float], losses: Sequence[float]) -> float:
    """Slopes by hand: over two steps inside, over one at the ends; in the logarithm all are as wide."""
    last = len(losses) - 1
    ends = [(max(at - 1, 0), min(at + 1, last)) for at in range(len(losses))]
    slopes = [(losses[after] - losses[before]) / (after - before) for before, after in ends]
    return tried[slopes.index(min(slopes))]


class _Bowl(nn.Module):
    """The loss curvature · w² / 2, from w = 3 on, and one step down it."""

    def __init__(self, curvature: float = 1.0) -> None:
        super().__init__()
        self.curvature, self.restored = curvature, False
        self.w = nn.Parameter(torch.tensor(3.0, dtype=torch.float64))

    def step(self, rate: float) -> float:
        with torch.no_grad():
            self.w.sub_(rate * self.curvature * self.w)
        return self.curvature * self.w.item() ** 2 / 2

    def load_state_dict(self, *args: Any, **options: Any) -> Any:
        self.restored = True
        return super().load_state_dict(*args, **options)


def _weights_after(work: ModuleType) -> dict[str, Any]:
    bowl = _Bowl()
    work.sweep(bowl, bowl.step, [0.1, 0.2])
    return {"weight": bowl.w.item(), "restored": bowl.restored}


def _whole(work: ModuleType, curvature: float, low: float) -> float:
    bowl = _Bowl(curvature)
    tried = work.rates(low, 100 / curvature, 40)
    step: Callable[[float], float] = bowl.step
    return work.steepest(tried, work.sweep(bowl, step, tried))


def _parabola(curvature: float, tried: Sequence[float]) -> list[float]:
    """The losses up to the break: each step multiplies w by 1 - rate · curvature."""
    walked = 3.0 * np.cumprod(1 - curvature * np.array(tried))
    losses = curvature * walked**2 / 2
    broken = [at for at in range(1, len(losses)) if losses[at] > BROKEN * losses[:at].min()]
    return losses[: broken[0] if broken else None].tolist()
