"""What the trainer asks of a task. It knows neither pictures nor words: segmentation is one of several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, Protocol

import numpy as np
from torch import Tensor, nn

Split = Literal["train", "val"]
Batch = tuple[Tensor, Tensor]  # what the network is given, and what it should say


class Item(NamedTuple):
    """One item of the data as it is met in one epoch."""

    epoch: int
    number: int

    def rng(self, seed: int) -> np.random.Generator:
        """Randomness for this item in this epoch alone, so that it does not matter which process loads it."""
        return np.random.default_rng([seed, self.epoch, self.number])


class Task(Protocol):
    """A network, its data, its loss and its score.

    Attributes:
        decides: the score by which two networks are compared, one of those that `scores` names.
        higher: whether more of it is better.
    """

    decides: str
    higher: bool

    def network(self) -> nn.Module:
        """The network with its first weights, which the seed alone decides."""

    def size(self, split: Split) -> int:
        """How many items there are."""

    def batch(self, split: Split, items: Sequence[Item]) -> Batch:
        """These items as tensors. Workers call it too, so it depends on its arguments alone."""

    def loss(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """The loss summed over what counts, and how much that is: two numbers, the first with a gradient.

        A mean would weigh an item by the batch that it happens to be in. Sums can be added over pieces and
        over processes, and are divided once.
        """

    def counts(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """What an evaluation counts in a batch, (n,) float64: over a set they are added up."""

    def scores(self, counts: Tensor) -> dict[str, float | None]:
        """The scores of a set by name, from its counts; `loss/val` is among them. None is "not there"."""

    def digests(self) -> Mapping[str, str]:
        """A hash of the data of each split: two trainings with the same saw the same."""
