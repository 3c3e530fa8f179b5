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

STEPS = 200


class Network(nn.Module):
    """A plain U-Net of three sizes."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.down1, self.down2 = ConvBlock(3, 16), Down(16, 32), Down(32, 64)
        self.up1, self.up2, self.head = Up(64, 32), Up(32, 16), nn.Conv2d(16, len(CLASSES), 1)

    def forward(self, x: Tensor) -> Tensor:
        fine = self.stem(x)
        middle = self.down1(fine)
        x = self.up1(self.down2(middle), middle)
        return self.head(self.up2(x, fine))


def build(seed: int) -> nn.Module:
    """The network, with first weights that the seed alone decides. (B, 3, H, W) -> (B, classes, H, W)."""
    return initialise(Network(), torch.Generator().manual_seed(seed))


def loss(logits: Tensor, masks: Tensor) -> Tensor:
    """What training makes small, one number. Masks (B, H, W) int64; where they are IGNORE nothing counts."""
    return F.cross_entropy(logits, masks, ignore_index=IGNORE)


def train(network: nn.Module, scenes: Scenes, seed: int, steps: int = STEPS) -> None:
    """Train in place. With the same seed and steps the same weights come out, whatever else goes on."""
    images, masks = scenes.all()
    rng = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(network.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.01, total_steps=steps)
    network.train()
    for _ in range(steps):
        chosen = torch.randint(len(images), (16,), generator=rng)
        x, y = images[chosen].float() / 255, masks[chosen].long()
        if torch.rand((), generator=rng) < 0.5:  # a scene in the mirror is a scene
            x, y = x.flip(-1), y.flip(-1)
        optimiser.zero_grad()
        loss(network(x), y).backward()
        optimiser.step()
        schedule.step()


if __name__ == "__main__":
    from level4_build.score import SegmentationScore

    network = build(0)
    train(network, Scenes("train", 512), seed=0)
    images, masks = Scenes("val", 64).all()
    score = SegmentationScore()
    with torch.inference_mode():
        score.add(network.eval()(images / 255), masks)
    print(f"macro IoU {score.macro_iou():.3f}", score.iou())
