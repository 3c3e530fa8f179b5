"""What is kept of each run: a training with its curves, scores and weights; a prediction with its mask.

The only module of this level that records.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

from level4_build import LEVEL, weights
from level4_build.find_lr import RangeTest
from level4_build.predict import Found, look, mask_png, panel_png
from level4_build.scenes import CLASSES, Scenes, Split, scene
from level4_build.schedules import best_of, drops_at, learning_rate
from level4_build.trainer import Evaluation, Fit, Step, TrainConfig
from level4_build.unet import parameters
from shared.files import write_atomic
from shared.tracking import Run, track

PANEL = 6  # validation scenes in the panel of a training


class Recorder:
    """A training's run: steps while they happen, the rest at the end."""

    def __init__(self, run: Run, config: TrainConfig) -> None:
        self.run, self.config = run, config
        self._told: set[int] = set()

    def step(self, step: Step) -> None:
        """Record one step; give it to `fit` as `on_step`."""
        self._told.add(step.step)
        self._one(step.step, step.loss, step.lr, step.evaluation)

    def finish(self, fit: Fit, keep: bool = True) -> Path | None:
        """Record what came of it, and the steps that were not told, from before it was resumed.

        Args:
            keep: also keep the network in the home, as the last trained one; returns where.
        """
        evaluations, task = {each.step: each for each in fit.history}, self.config.task()
        for step, loss in enumerate(fit.losses, start=1):
            if step not in self._told:
                drops = drops_at([e for e in fit.history if e.step < step], self.config, task)
                self._one(step, loss, learning_rate(step - 1, self.config, drops), evaluations.get(step))
        self.run.tag(precision=fit.precision, device=fit.device, resumed_at=str(fit.resumed_at))
        self.run.metrics(
            macro_iou=fit.macro_iou, wall_s=fit.wall_s, steps=fit.steps, parameters=parameters(fit.model),
            best_iou=best_of(fit.history, task).macro_iou, best_step=best_of(fit.history, task).step,
        )  # fmt: skip
        self.run.table("iou.json", {"class": [*fit.iou], "iou": [*fit.iou.values()]})
        self._dataset("train", self.config.train_count)
        self._dataset("val", self.config.val_count)
        self.run.artifact("panel.png", panel_png(examples(fit)))
        packed = weights.pack(fit, self.run.id, self.run.url)
        self.run.artifact("model/model.safetensors", packed)
        self.run.artifact("model/config.json", json.dumps(self.config.as_dict(), indent=1))
        return weights.save(packed) if keep else None

    def _one(self, step: int, loss: float, lr: float, evaluation: Evaluation | None) -> None:
        passed_over = math.isnan(loss)
        self.run.metrics({"loss/train": None if passed_over else loss, "lr": lr}, step=step)
        if evaluation is not None:
            self.run.metrics(evaluation.scores, step=step)

    def _dataset(self, split: Split, count: int) -> None:
        scenes = Scenes(split, count, self.config.size, self.config.seed)
        source = f"level4_build.scenes.Scenes({split!r}, {count}, {self.config.size}, {self.config.seed})"
        self.run.dataset(
            f"scenes-{split}", scenes.digest(), source, "training" if split == "train" else split
        )


@contextmanager
def recording(
    config: TrainConfig, name: str = "", kept: Path | None = None, **tags: str
) -> Iterator[Recorder]:
    """Record a training while it goes on; one that fails or is stopped is marked so.

    Args:
        kept: where the run's id is kept, so that a training that is resumed goes on in its run.
    """
    plain = config.as_dict()
    params = {**plain.pop("model"), **plain}
    told = {"engine": "unet", "seed": config.seed, **tags}
    earlier = kept.read_text(encoding="utf-8") if kept is not None and kept.exists() else ""
    with track(LEVEL.slug, name or f"unet {config.steps} steps", params, told, resume=earlier or None) as run:
        if kept is not None:
            Thread(target=_remember, args=(run, kept), daemon=True).start()
        run.watch_machine()
        yield Recorder(run, config)


def _remember(run: Run, kept: Path) -> None:
    """Write down which run it is, as soon as MLflow has made it."""
    with suppress(OSError):
        write_atomic(kept, run.id or "")


def record_range_test(config: TrainConfig, found: RangeTest, **tags: str) -> Run:
    """Record the loss at each learning rate that was tried; returns when everything is written."""
    plain = config.as_dict()
    params = {**plain.pop("model"), **plain}
    told = {"engine": "unet", "seed": config.seed, **tags}
    with track(LEVEL.slug, "learning-rate range test", params, told) as run:
        for step, (rate, loss) in enumerate(zip(found.rates, found.losses, strict=True), start=1):
            run.metrics({"lr": rate, "loss/train": loss}, step=step)
        run.metrics(suggested_lr=found.suggestion)
    return run


def record(fit: Fit, name: str = "", keep: bool = True, **tags: str) -> Run:
    """Record a training after it; returns when everything is written."""
    with recording(fit.config, name, None, **tags) as recorder:
        recorder.finish(fit, keep)
    return recorder.run


def record_prediction(found: Found, trained: weights.Trained, **tags: str) -> Run:
    """Record what the network sees in one picture; returns when everything is written."""
    told = {"engine": "unet", "device": "cpu", "seed": trained.config.seed, **tags}
    params = {"image": found.name, "model_run": trained.run_id, "model_steps": trained.steps}
    with track(LEVEL.slug, f"predict {found.name}", params, told) as run:
        run.metrics({f"share/{name}": share for name, share in found.shares().items()})
        if score := found.score():
            run.metrics({f"iou/{name}": value for name, value in score.iou().items()})
            run.metrics(macro_iou=score.macro_iou())
        run.artifact("mask.png", mask_png(found.mask))
        run.artifact("panel.png", panel_png([found]))
    return run


def examples(fit: Fit, count: int = PANEL) -> list[Found]:
    """What the network sees in the first validation scenes."""
    config = fit.config
    drawn = [scene(config.seed, "val", number, config.size) for number in range(count)]
    return [look(fit.model, each, f"scene:{number}") for number, each in enumerate(drawn)]


def iou_rows(fit: Fit) -> list[tuple[str, float | None]]:
    """The scores for a table: each class, then their mean."""
    return [*((name, fit.iou.get(name)) for name in CLASSES), ("mean", fit.macro_iou)]
