"""What comes of the training of a segmenter: scores in words, a report in pictures, a file of weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from level4_build import registry, weights
from level4_build.card import folder_card, scenes_card
from level4_build.folder import Folder
from level4_build.product import Data, Results
from level4_build.report import examine
from level4_build.scenes import Scenes
from level4_build.segmentation import TrainConfig, new_model
from level4_build.trainer import Fit
from level4_build.unet import parameters
from shared.tracking import Run

WEIGHTS = "model/model.safetensors"
NOT_SAID = "not said; only whoever took the pictures knows."


class Segmenter:
    """See `Product`."""

    engine, headings, watched = "unet", ("class", "IoU"), ("iou/val", "IoU")

    def plan(self, config: TrainConfig) -> str:
        return (
            f"Training a U-Net of {parameters(new_model(config)):,} parameters: {config.steps} steps of "
            f"{config.batch} of {config.task().size('train')} {_what(config)}, {config.size} pixels a side."
        )

    def sample(self, model: nn.Module, config: TrainConfig) -> str:
        return ""

    def rows(self, fit: Fit) -> list[tuple[str, float | None]]:
        return [*fit.iou.items(), ("mean", fit.macro_iou)]

    def summary(self, fit: Fit) -> str:
        config: TrainConfig = fit.config
        if config.overfit_batches:
            return f"scored on the {config.overfit_batches * config.batch} {_what(config)} that it learnt"
        return f"{config.task().size('val')} {_what(config)} not trained on"

    def as_dict(self, fit: Fit) -> dict[str, Any]:
        return {"macro_iou": fit.macro_iou, "iou": fit.iou}

    def results(self, fit: Fit, run_id: str | None, url: str | None) -> Results:
        """The report of what is not trained on, the card of the data, and the weights."""
        config: TrainConfig = fit.config
        task = config.task()
        report = examine(fit.model, task.pictures("val"))
        files = {
            **report.pictures(),
            "data.md": data_card(config).encode(),
            WEIGHTS: weights.pack(fit, run_id, url),
            "model/config.json": json.dumps(config.as_dict(), indent=1).encode(),
        }
        data = [
            data_of(config, task.pictures("train"), "train", "training"),
            data_of(config, task.pictures("val"), "val", "val"),
        ]
        return Results(report.numbers(), files, {"classes.json": report.table()}, data)

    def in_use(self) -> str:
        return str(weights.in_use() or "")

    def keep(self, files: Mapping[str, bytes]) -> Path:
        return weights.save(files[WEIGHTS])

    def register(self, fit: Fit, run: Run) -> str:
        version = registry.register(fit, run)
        if version is None:
            return ""
        return f"It is version {version.number} of the registry, the challenger (see: ladder level4 models)."


def data_card(config: TrainConfig) -> str:
    """The card of what a segmenter learns and is scored on, Markdown."""
    train, val = (config.task().pictures(split) for split in ("train", "val"))
    if isinstance(train, Scenes) and isinstance(val, Scenes):
        return scenes_card([train, val])
    assert isinstance(train, Folder) and isinstance(val, Folder) and config.own is not None
    origin = f"the folders `{config.own.images}` and `{config.own.masks}`; who took them is {NOT_SAID}"
    return folder_card({"train": train, "val": val}, origin, NOT_SAID)


def data_of(config: TrainConfig, pictures: Scenes | Folder, split: str, context: str) -> Data:
    """A split as a run names it."""
    if isinstance(pictures, Scenes):
        settings = (pictures.split, pictures.count, pictures.size, pictures.seed, pictures.difficulty)
        return Data(f"scenes-{split}", pictures.digest(), f"level4_build.scenes.Scenes{settings}", context)
    images = config.own.images if config.own is not None else ""
    return Data(f"pictures-{split}", pictures.digest(), images, context)


def _what(config: TrainConfig) -> str:
    return "scenes" if config.own is None else "pictures"
