"""Which items a step takes, and how they are loaded: here, or by workers that load ahead.

The order is a function of the seed and the step. So there is no sampler whose state could be lost: a training
that goes on at step 700 asks for the items of step 700, in the middle of an epoch or not.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from level4_build.recipe import Recipe
from level4_build.task import Batch, Item, Task
from shared.errors import BadUsage


def items_of(step: int, recipe: Recipe, count: int) -> list[Item]:
    """The items of a step (from 0): each epoch is a shuffle that the seed and its number decide."""
    places = range(step * recipe.batch, (step + 1) * recipe.batch)
    return [
        Item(place // count, int(shuffled(recipe.seed, place // count, count)[place % count]))
        for place in places
    ]


@lru_cache(maxsize=4)
def shuffled(seed: int, epoch: int, count: int) -> np.ndarray:
    """The numbers below `count` in the order of an epoch."""
    return np.random.default_rng([seed, epoch]).permutation(count)


def learnt(recipe: Recipe, task: Task) -> int:
    """How many items of the data are learnt: all of them, but with `overfit_batches`.

    Raises:
        BadUsage: a batch is larger than the data.
    """
    there = task.size("train")
    if recipe.batch > there:
        raise BadUsage(
            f"A batch of {recipe.batch} is larger than the data, which has {there} items.",
            f"Take a batch of at most {there}, or more data.",
        )
    return min(there, recipe.overfit_batches * recipe.batch) if recipe.overfit_batches else there


class Order(Sampler[list[Item]]):
    """For each step from `first` on, and for each piece of its batch, this process's share of the items.

    Args:
        rank, ranks: item number i of a piece is loaded by process i modulo `ranks`.
    """

    def __init__(self, recipe: Recipe, count: int, first: int, rank: int = 0, ranks: int = 1) -> None:
        smallest = recipe.batch // recipe.accumulate
        if smallest < ranks:
            raise BadUsage(
                f"A batch of {recipe.batch} in {recipe.accumulate} pieces leaves {smallest} items "
                f"for {ranks} processes.",
                "Take a larger batch, fewer pieces or fewer processes.",
            )
        self.recipe, self.count, self.first = recipe, count, first
        self.rank, self.ranks = rank, ranks

    def __iter__(self) -> Iterator[list[Item]]:
        pieces = self.recipe.accumulate
        for step in range(self.first, self.recipe.steps):
            items = items_of(step, self.recipe, self.count)
            for piece in range(pieces):
                yield items[piece::pieces][self.rank :: self.ranks]


class _Data(Dataset[Batch]):
    """A task's training data as torch's DataLoader takes it: a list of items in, a batch out."""

    def __init__(self, task: Task) -> None:
        self.task = task

    def __getitem__(self, items: list[Item]) -> Batch:
        return self.task.batch("train", items)


def loader(task: Task, recipe: Recipe, order: Order, device: torch.device) -> Iterator[Batch]:
    """The pieces of the batches, in order, loaded by `workers` processes."""
    return iter(
        DataLoader(
            _Data(task),
            sampler=order,
            batch_size=None,  # the order gives whole pieces
            num_workers=recipe.workers,
            worker_init_fn=_leave_signals,
            pin_memory=device.type == "cuda",
            generator=torch.Generator(),  # else it would draw from the one that dropout uses
        )
    )


def _leave_signals(worker: int) -> None:
    """Ctrl-C reaches every process of the terminal; a worker leaves it to its parent, which ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
