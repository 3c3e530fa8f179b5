"""The task of segmentation: the class of each pixel, by a U-Net, on drawn scenes or pictures of one's own.

fit(TrainConfig(steps=300)).macro_iou
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from typing import Any, Self

import torch
import torch.nn.functional as F  # noqa: N812 - as everywhere
from torch import Tensor

from level4_build.blocks import initialise
from level4_build.folder import Folder
from level4_build.own_pictures import OwnPictures
from level4_build.recipe import DEV_BATCHES, Recipe
from level4_build.scenes import CLASSES, FROZEN, IGNORE, Scenes
from level4_build.score import SegmentationScore
from level4_build.task import Batch, Item, Split
from level4_build.unet import UNet, UNetConfig
from shared.errors import BadUsage

MOST_PIXELS = {"batch": 2**20, "train_count": 2**27, "val_count": 2**27}  # of their scenes together: memory


@dataclass(frozen=True)
class TrainConfig(Recipe):
    """All that decides the training of a segmenter.

    Attributes:
        size: side of the pictures, in pixels.
        train_count, val_count, difficulty: of scenes how many to learn, how many to score, and how hard.
        own: pictures and masks of one's own instead of scenes.
        flip: mirror half of the pictures that are learnt, at random; each epoch mirrors others.
        model: the network.
    """

    size: int = 64
    train_count: int = 512
    val_count: int = 64
    difficulty: float = FROZEN
    own: OwnPictures | None = None
    flip: bool = False
    model: UNetConfig = field(default_factory=UNetConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.model.classes != len(self.classes):
            raise BadUsage(
                f"The network tells {self.model.classes} classes apart, and the pictures have "
                f"{len(self.classes)}: {', '.join(self.classes)}.",
                f"Take UNetConfig(classes={len(self.classes)}).",
            )

    @property
    def classes(self) -> tuple[str, ...]:
        """What there is to tell apart, in the order of the numbers in the masks."""
        return CLASSES if self.own is None else self.own.classes

    def least(self) -> dict[str, float]:
        return super().least() | {"size": 8, "train_count": 1, "val_count": 1, "difficulty": 0}

    def most(self) -> dict[str, tuple[float, str]]:
        here = f" with scenes of {self.size} pixels a side"
        scenes = {name: (pixels // self.size**2, here) for name, pixels in MOST_PIXELS.items()}
        return super().most() | {"size": (256, ""), "difficulty": (1, "")} | scenes

    def task(self) -> Segmentation:
        return Segmentation(self)

    def dev_run(self) -> Self:
        few = DEV_BATCHES * self.batch
        counts = {name: min(getattr(self, name), few) for name in ("train_count", "val_count")}
        return replace(super().dev_run(), **counts)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        model, own = values["model"], values.get("own")
        known = {f.name: values[f.name] for f in fields(cls) if f.name in values}
        network = UNetConfig(**(model | {"widths": tuple(model["widths"])}))
        return cls(**(known | {"model": network, "own": OwnPictures.from_dict(own) if own else None}))


def new_model(config: TrainConfig) -> UNet:
    """The network of this configuration with its first weights, which the seed alone decides."""
    model = UNet(config.model)
    initialise(model, torch.Generator().manual_seed(config.seed))
    return model


class Segmentation:
    """Pictures and their masks, pixel-wise cross-entropy, and intersection over union."""

    decides, higher = "iou/val", True

    def __init__(self, config: TrainConfig) -> None:
        self.config = config

    def network(self) -> UNet:
        return new_model(self.config)

    def size(self, split: Split) -> int:
        return len(self.pictures(split))

    def pictures(self, split: Split) -> Scenes | Folder:
        """The scenes of a split, or its part of the pictures of one's own."""
        config = self.config
        if config.own is not None:
            return _parts(config.own, config.size, config.seed)[split]
        count = config.train_count if split == "train" else config.val_count
        return Scenes(split, count, config.size, config.seed, config.difficulty)

    def batch(self, split: Split, items: Sequence[Item]) -> Batch:
        """Images (B, 3, H, W) float32 from 0 to 1, and masks (B, H, W) int64."""
        images, masks = self.pictures(split).all()  # uint8
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
        """The summed loss, the pixels, and all that a score counts: (2 + classes² + 4 classes,)."""
        summed, pixels = self.loss(outputs, targets)
        score = SegmentationScore(self.config.classes)
        score.add(outputs, targets)
        return torch.cat([torch.stack([summed.double(), pixels.double()]).cpu(), score.counts()])

    def scores(self, counts: Tensor) -> dict[str, float | None]:
        """The loss per pixel, IoU and Dice of the set in all their means, and the IoU of each class."""
        score = SegmentationScore.of_counts(counts[2:], self.config.classes)
        means = {f"{name}/val": value for name, value in score.summary().items()}
        classes = {f"iou/val/{name}": value for name, value in score.iou().items()}
        return {"loss/val": float(counts[0] / counts[1]), **means, **classes}

    def digests(self) -> Mapping[str, str]:
        splits: tuple[Split, ...] = ("train", "val")
        return {split: self.pictures(split).digest() for split in splits}


@lru_cache(maxsize=2)
def _parts(own: OwnPictures, size: int, seed: int) -> dict[Split, Folder]:
    return own.parts(size, seed)
