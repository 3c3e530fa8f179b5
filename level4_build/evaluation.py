"""How a trained network does on a whole split: on "val", by which one chooses, or on "test", once.

found = evaluate(load("segmentation"), "val")
found.results.metrics["iou/val"], found.results.files["confusion.png"]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from level4_build import language_model, weights
from level4_build.language_model import TrainedLanguage
from level4_build.lm_task import Language
from level4_build.product import Data, Results
from level4_build.report import examine
from level4_build.scenes import Scenes
from level4_build.segmenter import data_of
from level4_build.trainer import evaluate as score
from level4_build.weights import Trained
from shared.errors import BadUsage


@dataclass(frozen=True)
class Evaluated:
    """What came of it.

    Attributes:
        headings, rows: the table for people.
        words: what else is to be said, in a sentence.
        results: for the record; each score by its name and the split, such as "iou/val".
    """

    headings: Sequence[str]
    rows: Sequence[Sequence[Any]]
    words: str
    results: Results


def load(task: str, place: Path | None = None) -> Trained | TrainedLanguage:
    """The network of a task that was trained last, or the one in this file or folder."""
    return language_model.load(place) if task == "language" else weights.load(place)


def evaluate(trained: Trained | TrainedLanguage, split: str) -> Evaluated:
    """Score a network on all of a split.

    Raises:
        BadUsage: there is no such split.
    """
    if isinstance(trained, TrainedLanguage):
        return _language(trained, split)
    return _segmenter(trained, split)


def _segmenter(trained: Trained, split: str) -> Evaluated:
    config = trained.config
    if split == "val":
        pictures = config.task().pictures("val")
    elif config.own is None:
        pictures = Scenes("test", config.val_count, config.size, config.seed, config.difficulty)
    else:
        raise BadUsage(
            "Your own pictures are split in two, to learn and to validate.",
            "Evaluate with --split val, and keep pictures of a test in a folder of their own.",
        )
    report = examine(trained.model, pictures)
    told = report.numbers()
    metrics = {f"{name}/{split}": value for name, value in told.items()}
    metrics |= {f"iou/{split}/{name}": v for name, v in report.score.iou().items() if v is not None}
    data = [data_of(config, pictures, split, split)]
    rows = [(r.name, r.iou, r.dice, r.imagewise_iou, r.pixels, r.images) for r in report.score.by_class()]
    means = (told["iou"], told["dice"], told["iou_imagewise"])
    words = (
        f"Of {len(pictures)} pictures {told['accuracy']:.1%} of the pixels are right, and it is "
        f"{told['calibration_error']:.3f} too sure or too unsure on average."
    )
    return Evaluated(
        ("class", "IoU", "Dice", "IoU by image", "pixels", "images"),
        [*rows, ("mean", *means, "", "")],
        words,
        Results(metrics, report.pictures(), {"classes.json": report.table()}, data),
    )


def _language(trained: TrainedLanguage, split: str) -> Evaluated:
    """Held-out text has names, goods and sentences of its own: how far does what was learnt reach?"""
    task = Language(trained.config, scored="held-out" if split == "test" else "development")
    scores = {n.removesuffix("/val"): v for n, v in score(trained.model, task).scores.items()}
    text = task.text("val")
    source = f"level4_build.text.ShopText({text.split!r}, {text.count}, {text.seed})"
    return Evaluated(
        ("score", "value"),
        [(name.replace("_", " "), value) for name, value in scores.items()],
        f"{text.count} {text.split} documents that it was not trained on.",
        Results(
            {f"{name}/{split}": value for name, value in scores.items() if value is not None},
            {},
            data=[Data(f"shop-text-{text.split}", text.digest(), source, split)],
        ),
    )
