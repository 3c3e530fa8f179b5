"""The task of segmentation: the class of each pixel of a scene, by a U-Net.

fit(TrainConfig(steps=300)).macro_iou
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

import torch
import torch.nn.functional as F  # noqa: N812 - as everywhere
from torch import Tensor

from level4_build.blocks import initialise
from level4_build.recipe import DEV_BATCHES, Recipe
from level4_build.scenes import CLASSES, IGNORE, Scenes
from level4_build.score import SegmentationScore
from level4_build.task import Batch, Item, Split
from level4_build.unet import UNet, UNetConfig

MOST_PIXELS = {"batch": 2**20, "train_count": 2**27, "val_count": 2**27}  # of their scenes together: memory


@dataclass(frozen=True)
class TrainConfig(Recipe):
    """All that decides the training of a segmenter.

    Attributes:
        size, train_count, val_count: side of the scenes in pixels, how many to learn, how many to score.
        flip: mirror half of the scenes that are learnt, at random; each epoch mirrors others.
        model: the network.
    """

    size: int = 64
    train_count: int = 512
    val_count: int = 64
    flip: bool = False
    model: UNetConfig = field(default_factory=UNetConfig)

    def least(self) -> dict[str, float]:
        return super().least() | {"size": 8, "train_count": 1, "val_count": 1}

    def most(self) -> dict[str, tuple[float, str]]:
        here = f" with scenes of {self.size} pixels a side"
        scenes = {name: (pixels // self.size**2, here) for name, pixels in MOST_PIXELS.items()}
        return super().most() | {"size": (256, "")} | scenes

    def task(self) -> Segmentation:
        return Segmentation(self)

    def dev_run(self) -> Self:
        few = DEV_BATCHES * self.batch
        counts = {name: min(getattr(self, name), few) for name in ("train_count", "val_count")}
        return replace(super().dev_run(), **counts)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        model = values["model"]
        known = {f.name: values[f.name] for f in fields(cls) if f.name in values}
        return cls(**(known | {"model": UNetConfig(**(model | {"widths": tuple(model["widths"])}))}))


def new_model(config: TrainConfig) -> UNet:
    """The network of this configuration with its first weights, which the seed alone decides."""
    model = UNet(config.model)
    initialise(model, torch.Generator().manual_seed(config.seed))
    return model


class Segmentation:
    """Scenes and their masks, pixel-wise cross-entropy, and intersection over union."""

    decides, higher = "iou/val", True

    def __init__(self, config: TrainConfig) -> None:
        self.config = config

    def network(self) -> UNet:
        return new_model(self.config)

    def size(self, split: Split) -> int:
        return self.config.train_count if split == "train" else self.config.val_count

    def scenes(self, split: Split) -> Scenes:
        return Scenes(split, self.size(split), self.config.size, self.config.seed)

    def batch(self, split: Split, items: Sequence[Item]) -> Batch:
        """Images (B, 3, H, W) float32 from 0 to 1, and masks (B, H, W) int64."""
        images, masks = self.scenes(split).all()  # uint8
        chosen = [item.number for item in items]
        inputs, targets = images[chosen].float() / 255, masks[chosen].long()
        if self.config.flip and split == "train":
            mirrored = torch.tensor([item.rng(self.config.seed).random() < 0.5 for item in items])
            inputs[mirrored] = inputs[mirrored].flip(-1)
            targets[mirrored] = targets[mirrored].flip(-1)
        return inputs, targets

    def loss(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Cross-entropy summed over the pixels that count, and their number.

        Args:
            outputs: logits (B, classes, H, W) of any precision; the loss is in float32 at least.
            targets: classes (B, H, W), or IGNORE.
        """
        logits = outputs.to(torch.promote_types(outputs.dtype, torch.float32))
        return F.cross_entropy(logits, targets, ignore_index=IGNORE, reduction="sum"), (
            targets != IGNORE
        ).sum()

    def counts(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The summed loss, the pixels, and the confusion matrix row by row: (2 + classes²,)."""
        summed, pixels = self.loss(outputs, targets)
        score = SegmentationScore(CLASSES)
        score.add(outputs, targets)
        return torch.cat(
            [torch.stack([summed.double(), pixels.double()]).cpu(), score.confusion.double().flatten()]
        )

    def scores(self, counts: Tensor) -> dict[str, float | None]:
        score = SegmentationScore(CLASSES)
        score.confusion += counts[2:].long().view_as(score.confusion)
        classes = {f"iou/val/{name}": value for name, value in score.iou().items()}
        return {"loss/val": float(counts[0] / counts[1]), "iou/val": score.macro_iou(), **classes}

    def digests(self) -> Mapping[str, str]:
        splits: tuple[Split, ...] = ("train", "val")
        return {split: self.scenes(split).digest() for split in splits}
