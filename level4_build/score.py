"""How right a mask is: intersection over union, summed over the whole set and divided once at the end.

    score = SegmentationScore(CLASSES)
    for images, masks in batches:
        score.add(model(images), masks)
    score.macro_iou()

The mean of the scores of batches is another number, which depends on how the set was cut. And a class that
is neither there nor predicted has no score: counting it as 0 or as 1 would both be invented.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from level4_build.scenes import CLASSES, IGNORE
from shared.errors import BadUsage


class SegmentationScore:
    """Counts of pixels by true class (rows) and predicted class (columns), over everything added.

    Args:
        classes: their names, in the order of their numbers.
    """

    def __init__(self, classes: Sequence[str] = CLASSES) -> None:
        self.classes = tuple(classes)
        self.confusion = torch.zeros(len(self.classes), len(self.classes), dtype=torch.int64)

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
        if found.shape != mask.shape:
            raise BadUsage(
                f"The prediction is {tuple(found.shape)}, the mask {tuple(mask.shape)}.",
                "Both must be pictures of the same size, one class for each pixel.",
            )
        check_mask(mask, n)
        counted = mask != IGNORE
        truth, guess = mask[counted].long(), found[counted].long()
        if guess.numel() and (int(guess.min()) < 0 or int(guess.max()) >= n):
            raise BadUsage(
                f"The prediction holds classes up to {int(guess.max())}; there are {n}.",
                f"Classes are numbered 0 to {n - 1}.",
            )
        self.confusion += torch.bincount(truth * n + guess, minlength=n * n).view(n, n).cpu()

    def iou(self) -> dict[str, float | None]:
        """For each class the pixels in both truth and prediction, divided by those in either; None if 0."""
        both = self.confusion.diag()
        either = self.confusion.sum(0) + self.confusion.sum(1) - both
        return {
            name: int(b) / int(e) if e else None
            for name, b, e in zip(self.classes, both, either, strict=True)
        }

    def macro_iou(self) -> float:
        """The mean over the classes that are there, each weighing the same; nan if nothing was counted."""
        there = [value for value in self.iou().values() if value is not None]
        return sum(there) / len(there) if there else math.nan

    def support(self) -> dict[str, int]:
        """How many pixels truly are of each class."""
        return dict(zip(self.classes, self.confusion.sum(1).tolist(), strict=True))


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
