"""The exam of level 4: build a network and train it to see what each pixel of a scene is. No hints this time.

The scenes are those of level4_build/scenes.py. Take the blocks of level4_build/blocks.py, or torch's; the
network and its training are yours. `scenes.all()` gives images (N, 3, H, W) and masks (N, H, W) as bytes; in
use the network is given images from 0 to 1.

    build(seed)(torch.rand(2, 3, 64, 64)).shape       must be (2, 6, 64, 64): a score for each class and pixel

Judged by the macro IoU on 128 scenes that were not shown, after `train` on 512 others in at most 3 minutes of
processor time, all cores together. At least 0.65 is needed. Run this file to see where you are.

Check with: ladder gate 4
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - its usual name

from level4_build.blocks import ConvBlock, Down, Up, initialise
from level4_build.scenes import CLASSES, IGNORE, Scenes

STEPS = 100  # yours to choose


def build(seed: int) -> nn.Module:
    """The network, with first weights that the seed alone decides. (B, 3, H, W) -> (B, classes, H, W)."""
    # TODO: a network that sees both where and what.
    raise NotImplementedError


def loss(logits: Tensor, masks: Tensor) -> Tensor:
    """What training makes small, one number. Masks (B, H, W) int64; where they are IGNORE nothing counts."""
    # TODO: the border between two classes must not count.
    raise NotImplementedError


def train(network: nn.Module, scenes: Scenes, seed: int, steps: int = STEPS) -> None:
    """Train in place. With the same seed and steps the same weights come out, whatever else goes on."""
    # TODO: batches that the seed decides, steps, and what makes the most of them.
    raise NotImplementedError


if __name__ == "__main__":
    from level4_build.score import SegmentationScore

    network = build(0)
    train(network, Scenes("train", 512), seed=0)
    images, masks = Scenes("val", 64).all()
    score = SegmentationScore()
    with torch.inference_mode():
        score.add(network.eval()(images / 255), masks)
    print(f"macro IoU {score.macro_iou():.3f}", score.iou())
