"""A learning-rate range test: raise the rate at each step, and see where learning is fastest or breaks.

found = find_lr(TrainConfig())
found.suggestion, found.losses

Smith, *Cyclical Learning Rates for Training Neural Networks*, arXiv 1506.01186, section 3.3; one step a rate.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from level4_build import checkpoint as files
from level4_build.recipe import Recipe
from level4_build.trainer import Trainer
from shared.errors import BadUsage, LadderError

STEPS = 100
LOWEST, HIGHEST = 1e-5, 1.0
BROKEN = 4.0  # the test ends where the loss is so many times the best
KEPT = 0.8  # how much of the smoothed loss each step keeps
EDGE = 3  # steps at either end where the slope is not looked at


@dataclass(frozen=True)
class RangeTest:
    """The rates that were tried, the smoothed loss after each, and the rate where it fell fastest."""

    rates: list[float]
    losses: list[float]
    suggestion: float


def find_lr(recipe: Recipe, steps: int = STEPS, on_step: Callable[[int], None] | None = None) -> RangeTest:
    """Train for some steps, each with a higher rate than the last; the network is thrown away.

    Raises:
        LadderError: the loss did not fall anywhere.
    """
    if steps < 4 * EDGE:
        raise BadUsage(f"A range test of {steps} steps shows nothing.", f"Take at least {4 * EDGE}.")
    recipe = replace(recipe, steps=steps, skip=steps)
    rates: list[float] = []
    losses: list[float] = []
    kept = math.nan
    with files.own_randomness(recipe.seed):
        trainer = Trainer(recipe)
        pieces = trainer.pieces()
        for number, rate in enumerate(np.geomspace(LOWEST, HIGHEST, steps).tolist(), start=1):
            loss = trainer.step([next(pieces) for _ in range(recipe.accumulate)], rate)
            if not losses:
                kept = loss
            kept = KEPT * kept + (1 - KEPT) * loss
            if math.isnan(kept) or (losses and kept > BROKEN * min(losses)):
                break
            rates.append(rate)
            losses.append(kept)
            if on_step is not None:
                on_step(number)
    return RangeTest(rates, losses, steepest(rates, losses))


def steepest(rates: list[float], losses: list[float]) -> float:
    """The rate at which the loss fell fastest over the logarithm of the rate.

    Raises:
        LadderError: it fell nowhere, or broke at once.
    """
    inner = slice(EDGE, len(rates) - EDGE)
    if len(rates) > 2 * EDGE + 1:
        slopes = np.gradient(losses, np.log(rates))[inner]
        if slopes.min() < 0:
            return rates[inner][int(slopes.argmin())]
    raise LadderError(
        "The loss fell at no learning rate.",
        "Look at the data first: ladder level4 train --overfit-batches 1",
    )
