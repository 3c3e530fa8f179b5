"""All that is to be known of a trained network on a set: scores, calibration, pictures.

report = examine(fit.model, Scenes("val", 64))
report.score.summary(), report.calibration.error()
for name, picture in report.pictures().items():
    run.artifact(name, picture)
run.table("classes.json", report.table())
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from level4_build import panels
from level4_build.calibration import Calibration
from level4_build.predict import Found
from level4_build.score import SegmentationScore

SHOWN = 6  # pictures in the panel


class Pictures(Protocol):
    """Pictures with their masks: `Scenes`, `Folder`, or anything like them."""

    @property
    def classes(self) -> Sequence[str]:
        """The names of the classes, in the order of their numbers."""

    def all(self) -> tuple[Tensor, Tensor]:
        """Images (N, 3, H, W) uint8, masks (N, H, W) uint8."""


@dataclass(frozen=True)
class Report:
    """What came of a look at a whole set; `shown` are simply its first pictures, not its best."""

    score: SegmentationScore
    calibration: Calibration
    shown: list[Found]

    def pictures(self) -> dict[str, bytes]:
        """The four figures by their file names, as PNG."""
        return {
            "panel.png": panels.png(panels.predictions(self.shown, self.score.classes)),
            "confusion.png": panels.png(panels.confusion(self.score)),
            "classes.png": panels.png(panels.classes(self.score)),
            "calibration.png": panels.png(panels.reliability(self.calibration)),
        }

    def table(self) -> dict[str, list[Any]]:
        """Every class, column by column; None where a class is absent."""
        rows = self.score.by_class()
        columns = {"name": "class", "pixels": "pixels of the truth", "images": "images with it"}
        return {columns.get(field, field): [getattr(row, field) for row in rows] for field in rows[0]._fields}

    def numbers(self) -> dict[str, float]:
        """The scores of the set and the expected calibration error, by the names that runs record."""
        return {**self.score.summary(), "calibration_error": self.calibration.error()}


@torch.no_grad()
def examine(
    model: nn.Module,
    data: Pictures,
    batch: int = 32,
    shown: int = SHOWN,
    on_progress: Callable[[float], None] | None = None,
) -> Report:
    """Let a network see every picture of a set once.

    Args:
        model: logits (B, classes, H, W) from images (B, 3, H, W) float32; left as it was, on its device.
        data: what it has not been trained on, if the scores are to mean anything.
        shown: how many pictures the panel shows.
        on_progress: told the share that is done, 0 to 1.
    """
    images, masks = data.all()
    score, calibration, rows = SegmentationScore(data.classes), Calibration(), list[Found]()
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    training = model.training
    model.eval()
    try:
        for first in range(0, len(images), batch):
            part, truth = images[first : first + batch], masks[first : first + batch]
            logits = model(part.to(device).float() / 255).cpu()  # (B, classes, H, W)
            score.add(logits, truth)
            calibration.add(logits, truth)
            for image, mask, seen in zip(part, truth, logits.argmax(1), strict=True):
                if len(rows) < shown:
                    pixels = image.permute(1, 2, 0).numpy()
                    rows.append(Found(f"picture {len(rows)}", pixels, seen.byte().numpy(), mask.numpy()))
            if on_progress is not None:
                on_progress(min(1.0, (first + batch) / len(images)))
    finally:
        model.train(training)
    return Report(score, calibration, rows)
