"""How right a mask is: counts of pixels, summed over the whole set and divided once at the end.

    score = SegmentationScore(CLASSES)
    for images, masks in batches:
        score.add(model(images), masks)
    score.macro_iou()

Of a class, "both" are the pixels that are of it in truth and in the prediction, "either" those in one or the
other. Then IoU = both / either (Jaccard 1901), Dice = 2 · both / (true + predicted) (Dice 1945).

The mean of the scores of batches is another number, which depends on how the set was cut. And a class that
is neither there nor predicted has no score: counting it as 0 or as 1 would both be invented.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Self

import torch
from torch import Tensor

from level4_build.scenes import CLASSES, IGNORE
from shared.errors import BadUsage

Scores = dict[str, float | None]  # of each class; None if it is neither there nor predicted


class ClassScore(NamedTuple):
    """One class: its scores from 0 to 1, and how many pixels and images of the truth they stand on."""

    name: str
    iou: float | None
    dice: float | None
    imagewise_iou: float | None
    imagewise_dice: float | None
    pixels: int
    images: int


class SegmentationScore:
    """What there is to count in predictions and their truth, over everything added.

    Two scores can be added, so that several processes give the score of the whole.

    Args:
        classes: their names, in the order of their numbers.

    Attributes:
        confusion: (n, n) int64, pixels by true class (rows) and predicted class (columns).
        holding: (n,) int64, images whose truth holds the class.
        meeting: (n,) int64, images in which it is true or predicted somewhere.
        iou_sum, dice_sum: (n,) float64, over these images the sum of their own scores.
    """

    def __init__(self, classes: Sequence[str] = CLASSES) -> None:
        self.classes = tuple(classes)
        n = len(self.classes)
        self.confusion = torch.zeros(n, n, dtype=torch.int64)
        self.holding, self.meeting = torch.zeros(2, n, dtype=torch.int64)
        self.iou_sum, self.dice_sum = torch.zeros(2, n, dtype=torch.float64)

    # Counting ----------------------------------------------------------------------------------------

    def add(self, found: Tensor, mask: Tensor) -> None:
        """Count a batch.

        Args:
            found: logits (B, classes, H, W) or predicted classes (B, H, W); a single picture may lack the B.
            mask: the truth, integers (B, H, W); pixels of IGNORE are not counted.

        Raises:
            BadUsage: the mask holds fractions or classes that there are not, or the sizes differ.
        """
        n = len(self.classes)
        if found.is_floating_point():
            found = found.argmax(dim=-3)
        if found.shape != mask.shape or mask.ndim not in (2, 3):
            raise BadUsage(
                f"The prediction is {tuple(found.shape)}, the mask {tuple(mask.shape)}.",
                "Both must be pictures of the same size, one class for each pixel.",
            )
        check_mask(mask, n)
        if mask.ndim == 2:
            found, mask = found[None], mask[None]
        counted = mask != IGNORE  # (B, H, W)
        truth, guess = mask[counted].long(), found[counted].long()
        if guess.numel() and (int(guess.min()) < 0 or int(guess.max()) >= n):
            raise BadUsage(
                f"The prediction holds classes up to {int(guess.max())}; there are {n}.",
                f"Classes are numbered 0 to {n - 1}.",
            )
        image = torch.nonzero(counted)[:, 0]  # of each pixel that counts, the number of its image
        cells = torch.bincount((image * n + truth) * n + guess, minlength=len(mask) * n * n)
        each = cells.view(-1, n, n).cpu()  # (B, n, n), a confusion matrix an image
        both, sizes = _overlap(each.double())  # (B, n) each
        self.confusion += each.sum(0)
        self.holding += (each.sum(2) > 0).sum(0)
        self.meeting += (sizes > 0).sum(0)
        self.iou_sum += (both / (sizes - both).clamp(min=1)).sum(0)
        self.dice_sum += (2 * both / sizes.clamp(min=1)).sum(0)

    def counts(self) -> Tensor:
        """All that was counted as one float64 (n² + 4n,), such that the counts of a set are their sum."""
        parts = [self.confusion, self.holding, self.meeting, self.iou_sum, self.dice_sum]
        return torch.cat([part.double().flatten() for part in parts])

    @classmethod
    def of_counts(cls, counts: Tensor, classes: Sequence[str] = CLASSES) -> Self:
        """The score with these counts, as `counts` gave them or as their sum over processes."""
        score = cls(classes)
        n = len(score.classes)
        square, holding, meeting, score.iou_sum, score.dice_sum = (
            counts.double().cpu().split([n * n, n, n, n, n])
        )
        score.confusion = square.view(n, n).long()
        score.holding, score.meeting = holding.long(), meeting.long()
        return score

    def __add__(self, other: SegmentationScore) -> SegmentationScore:
        if self.classes != other.classes:
            raise BadUsage(
                f"Scores of {len(self.classes)} classes and of {len(other.classes)} others cannot be added.",
                "Both must be of the same classes in the same order.",
            )
        return SegmentationScore.of_counts(self.counts() + other.counts(), self.classes)

    # Scores ------------------------------------------------------------------------------------------

    def iou(self) -> Scores:
        """For each class the pixels in both truth and prediction, divided by those in either; None if 0."""
        both, sizes = _overlap(self.confusion)
        return self._ratios(both, sizes - both)

    def dice(self) -> Scores:
        """For each class twice the pixels in both, divided by true plus predicted: 2 IoU / (1 + IoU)."""
        both, sizes = _overlap(self.confusion)
        return self._ratios(2 * both, sizes)

    def imagewise_iou(self) -> Scores:
        """For each class the mean IoU of the images in which it is true or predicted: each weighs 1."""
        return self._ratios(self.iou_sum, self.meeting)

    def imagewise_dice(self) -> Scores:
        """For each class the mean Dice of the images in which it is true or predicted."""
        return self._ratios(self.dice_sum, self.meeting)

    def macro_iou(self) -> float:
        """The mean over the classes that are there, each weighing the same; nan if nothing was counted."""
        return mean_of(self.iou())

    def macro_dice(self) -> float:
        """The mean Dice over the classes that are there; nan if nothing was counted."""
        return mean_of(self.dice())

    def micro_iou(self) -> float:
        """All classes' pixels added up before the division, so that the largest class decides."""
        both, sizes = (int(each.sum()) for each in _overlap(self.confusion))
        return both / (sizes - both) if sizes else math.nan

    def accuracy(self) -> float:
        """The share of pixels that are right. It is also the micro Dice: each pixel has one class."""
        total = int(self.confusion.sum())
        return int(self.confusion.diagonal().sum()) / total if total else math.nan

    def support(self) -> dict[str, int]:
        """How many pixels truly are of each class."""
        return dict(zip(self.classes, self.confusion.sum(1).tolist(), strict=True))

    def absent(self) -> tuple[str, ...]:
        """The classes that are neither there nor predicted, and so are in no mean."""
        return tuple(name for name, value in self.iou().items() if value is None)

    def by_class(self) -> list[ClassScore]:
        """Every class with its scores and what they stand on."""
        iou, dice = self.iou(), self.dice()
        imagewise_iou, imagewise_dice = self.imagewise_iou(), self.imagewise_dice()
        support = zip(self.support().items(), self.holding.tolist(), strict=True)
        return [
            ClassScore(n, iou[n], dice[n], imagewise_iou[n], imagewise_dice[n], pixels, images)
            for (n, pixels), images in support
        ]

    def summary(self) -> dict[str, float]:
        """The whole set in seven numbers, by the names under which runs record them."""
        return {
            "iou": self.macro_iou(),
            "iou_micro": self.micro_iou(),
            "iou_imagewise": mean_of(self.imagewise_iou()),
            "dice": self.macro_dice(),
            "dice_micro": self.accuracy(),
            "dice_imagewise": mean_of(self.imagewise_dice()),
            "accuracy": self.accuracy(),
        }

    def _ratios(self, above: Tensor, below: Tensor) -> Scores:
        pairs = zip(self.classes, above.tolist(), below.tolist(), strict=True)
        return {name: a / b if b else None for name, a, b in pairs}


def mean_of(scores: Mapping[str, float | None]) -> float:
    """The mean over the classes that have a score, each weighing the same; nan if none has."""
    there = [value for value in scores.values() if value is not None]
    return sum(there) / len(there) if there else math.nan


def check_mask(mask: Tensor, classes: int) -> None:
    """Raise BadUsage unless the mask holds whole numbers of classes, or IGNORE, alone."""
    if mask.is_floating_point() or mask.dtype == torch.bool:
        raise BadUsage(
            f"The mask is of type {mask.dtype}.", "A mask holds one whole number, its class, for each pixel."
        )
    values = torch.unique(mask)
    wrong = values[((values < 0) | (values >= classes)) & (values != IGNORE)].tolist()
    if wrong:
        some = ", ".join(str(value) for value in wrong[:5]) + (" …" if len(wrong) > 5 else "")
        raise BadUsage(
            f"The mask holds {some}; the classes are 0 to {classes - 1}, and {IGNORE} is ignored.",
            "Was a grey picture of 0 to 255 saved as a mask? Map its greys to the classes' numbers.",
        )


def _overlap(confusion: Tensor) -> tuple[Tensor, Tensor]:
    """Of each class the pixels in both, and true plus predicted ones: (…, n, n) -> (…, n) each."""
    return confusion.diagonal(dim1=-2, dim2=-1), confusion.sum(-1) + confusion.sum(-2)
