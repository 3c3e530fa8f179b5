"""Whether a network is as sure as it is right: of the pixels it calls with 80 %, are 80 % right?

    calibration = Calibration()
    for images, masks in batches:
        calibration.add(model(images), masks)
    calibration.error()

Guo et al., *On Calibration of Modern Neural Networks*, arXiv 1706.04599: confidences are put into bins of
equal width, and in each the mean confidence is compared with the share that is right.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from level4_build.scenes import IGNORE
from shared.errors import BadUsage

BINS = 15  # as in the paper


class Bin(NamedTuple):
    """One bin: its middle, its pixels, how sure the network is of them on average, how often it is right."""

    middle: float
    pixels: int
    confidence: float
    accuracy: float


class Calibration:
    """Pixels by the confidence of their class, over everything added. Two can be added.

    Args:
        bins: how many, each of the same width: bin m holds confidences in ((m - 1) / bins, m / bins].

    Attributes:
        pixels, right: (bins,) int64, how many fell into each, and how many of these are right.
        confidence: (bins,) float64, the sum of their confidences.
    """

    def __init__(self, bins: int = BINS) -> None:
        self.pixels, self.right = torch.zeros(2, bins, dtype=torch.int64)
        self.confidence = torch.zeros(bins, dtype=torch.float64)

    def add(self, logits: Tensor, mask: Tensor) -> None:
        """Count a batch.

        Args:
            logits: (B, classes, H, W), before the softmax.
            mask: the truth, integers (B, H, W); pixels of IGNORE are not counted.
        """
        if logits.ndim != 4 or logits[:, 0].shape != mask.shape:
            raise BadUsage(
                f"The logits are {tuple(logits.shape)}, the mask {tuple(mask.shape)}.",
                "Logits are (batch, classes, height, width), the mask the same without the classes.",
            )
        confidence, found = logits.float().softmax(dim=1).max(dim=1)  # (B, H, W) each
        counted = mask != IGNORE
        sure = confidence[counted].cpu()  # (pixels,)
        right = (found == mask)[counted].cpu()
        bins = len(self.pixels)
        ends = torch.arange(1, bins + 1) / bins
        places = torch.bucketize(sure, ends).clamp(max=bins - 1)  # rounding may leave a confidence above 1
        self.pixels += torch.bincount(places, minlength=bins)
        self.right += torch.bincount(places[right], minlength=bins)
        self.confidence += torch.bincount(places, weights=sure.double(), minlength=bins)

    def __add__(self, other: Calibration) -> Calibration:
        if len(self.pixels) != len(other.pixels):
            raise BadUsage(
                f"Calibrations of {len(self.pixels)} and {len(other.pixels)} bins cannot be added.",
                "Both must have as many bins.",
            )
        both = Calibration(len(self.pixels))
        both.pixels, both.right = self.pixels + other.pixels, self.right + other.right
        both.confidence = self.confidence + other.confidence
        return both

    def filled(self) -> list[Bin]:
        """The bins that hold any pixel, from the least sure to the surest."""
        counts = zip(self.pixels.tolist(), self.confidence.tolist(), self.right.tolist(), strict=True)
        return [
            Bin((place + 0.5) / len(self.pixels), n, sure / n, right / n)
            for place, (n, sure, right) in enumerate(counts)
            if n
        ]

    def error(self) -> float:
        """The expected calibration error, from 0 (as sure as right) to 1; nan if nothing was counted.

        The mean gap between confidence and accuracy, each bin weighing as its pixels (equation 3).
        """
        total = int(self.pixels.sum())
        gaps = (each.pixels * abs(each.accuracy - each.confidence) for each in self.filled())
        return sum(gaps) / total if total else math.nan
