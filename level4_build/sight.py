"""What a network sees in a picture, and how sure it is of each pixel.

sight = see(trained.model, Picture("mine.png", image))
sight.above(0.6).mask  # IGNORE where the most likely class has less than 60 %
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from level4_build.predict import Found
from level4_build.scenes import IGNORE


@dataclass(frozen=True)
class Sight:
    """A mask with its certainty.

    Attributes:
        found: the most likely class of each pixel.
        sure: (H, W) float32, the probability that the network gives it.
    """

    found: Found
    sure: np.ndarray

    def above(self, threshold: float) -> Found:
        """The same, where each pixel below the threshold is nobody's."""
        return replace(self.found, mask=np.where(self.sure < threshold, np.uint8(IGNORE), self.found.mask))

    def left(self, threshold: float) -> float:
        """The share of pixels that are not below the threshold."""
        return float((self.sure >= threshold).mean())

    def right(self, threshold: float) -> float | None:
        """The share of these that are right; None without a truth, or if there are none."""
        if self.found.truth is None:
            return None
        counted = (self.sure >= threshold) & (self.found.truth != IGNORE)
        return float((self.found.mask == self.found.truth)[counted].mean()) if counted.any() else None


@torch.no_grad()
def see(
    model: nn.Module, name: str, image: np.ndarray, truth: np.ndarray | None = None, note: str = ""
) -> Sight:
    """Ask a network.

    Args:
        image: (H, W, 3) uint8.
        truth, note: as in `Found`.
    """
    batch = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255  # (1, 3, H, W)
    sure, mask = model(batch)[0].softmax(dim=0).max(dim=0)  # (H, W) each
    return Sight(Found(name, image, mask.to(torch.uint8).numpy(), truth, note), sure.numpy())
