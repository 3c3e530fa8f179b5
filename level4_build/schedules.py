"""How the learning rate moves. Every schedule is a function of the step and of the evaluations so far.

So none has a state of its own that a checkpoint could forget: what is kept anyway says where it stands. The
same holds for early stopping.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from level4_build.outcome import Evaluation
from level4_build.recipe import Recipe
from level4_build.task import Task

DIVIDED, FINALLY, RISE = 25.0, 1e4, 0.3  # one cycle: begins at lr/25, rises over 0.3 of it, ends at lr/25/1e4
HALVED = 0.5


def learning_rate(step: int, recipe: Recipe, drops: int = 0) -> float:
    """The rate of a step (from 0).

    Args:
        drops: how often a plateau has halved it so far; `drops_at` counts them.
    """
    if recipe.schedule == "one-cycle":
        return one_cycle(step, recipe)
    if step < recipe.warmup:
        return recipe.lr * (step + 1) / recipe.warmup
    if recipe.schedule == "cosine":
        return cosine(step, recipe)
    return recipe.lr * HALVED**drops if recipe.schedule == "plateau" else recipe.lr


def cosine(step: int, recipe: Recipe) -> float:
    """Half a cosine down to 0 after the warm-up.

    Loshchilov and Hutter, arXiv 1608.03983, equation 5, without restarts.
    """
    share = (step - recipe.warmup) / max(recipe.steps - recipe.warmup, 1)
    return recipe.lr * (1 + math.cos(math.pi * share)) / 2


def one_cycle(step: int, recipe: Recipe) -> float:
    """Up and then far down, both as half a cosine. Smith and Topin, arXiv 1708.07120."""
    top, low = RISE * recipe.steps - 1, recipe.lr / DIVIDED
    if step <= top:
        return _between(low, recipe.lr, step / top if top > 0 else 1.0)
    return _between(recipe.lr, low / FINALLY, (step - top) / max(recipe.steps - 1 - top, 1e-9))


def _between(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * min(share, 1.0))) / 2


# What the evaluations say ----------------------------------------------------------------------------


def better(one: Evaluation, other: Evaluation | None, task: Task) -> bool:
    """Whether one evaluation beats the other, by the score that decides; what is no number beats nothing."""
    mine, theirs = one.score(task.decides), other.score(task.decides) if other else math.nan
    if math.isnan(mine) or math.isnan(theirs):
        return not math.isnan(mine)
    return mine > theirs if task.higher else mine < theirs


def best_of(history: Sequence[Evaluation], task: Task) -> Evaluation:
    """The best evaluation; of equal ones the first."""
    best = history[0]
    for each in history:
        best = each if better(each, best, task) else best
    return best


def waits(history: Sequence[Evaluation], task: Task) -> Iterator[int]:
    """For each evaluation, how many there have been since the best one before it or itself."""
    best, waited = None, 0
    for each in history:
        waited = 0 if better(each, best, task) else waited + 1
        best = each if waited == 0 else best
        yield waited


def drops_at(history: Sequence[Evaluation], recipe: Recipe, task: Task) -> int:
    """How often a plateau has halved the rate: after each `plateau` evaluations without a better one."""
    if recipe.schedule != "plateau":
        return 0
    return sum(waited > 0 and waited % recipe.plateau == 0 for waited in waits(history, task))


def out_of_patience(history: Sequence[Evaluation], recipe: Recipe, task: Task) -> bool:
    """Whether so many evaluations in a row were no better that training should end."""
    return bool(recipe.patience) and any(waited >= recipe.patience for waited in waits(history, task))
