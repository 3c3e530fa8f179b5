"""What is kept of each run: a training with its curves, scores and weights; predictions; an evaluation.

What differs between a segmenter and a language model, `product.py` says.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any

from torch import nn

from level4_build import LEVEL
from level4_build.find_lr import RangeTest
from level4_build.language_model import TrainedLanguage, Writing
from level4_build.predict import Found, mask_png, overlay_png, panel_png
from level4_build.product import Results, product_of
from level4_build.recipe import Recipe
from level4_build.schedules import best_of, drops_at, learning_rate
from level4_build.trainer import Evaluation, Fit, Step
from level4_build.unet import parameters
from level4_build.weights import Trained
from shared.files import write_atomic
from shared.traces import Span, Trace, trace
from shared.tracking import Run, track


class Recorder:
    """A training's run: steps while they happen, the rest at the end.

    Args:
        model: the network that is trained, if it is trained in this process: at each evaluation it may then
            be asked for a sample.
    """

    def __init__(self, run: Run, config: Recipe, model: nn.Module | None = None) -> None:
        self.run, self.config, self.model = run, config, model
        self.product = product_of(config)
        self._told: set[int] = set()

    def step(self, step: Step) -> str:
        """Record one step, and the network's sample at an evaluation, which is given back."""
        self._told.add(step.step)
        self._one(step.step, step.loss, step.lr, step.evaluation)
        if step.evaluation is None or self.model is None:
            return ""
        sample = self.product.sample(self.model, self.config)
        if sample:
            self.run.artifact(f"samples/step-{step.step:06}.txt", sample + "\n")
        return sample

    def finish(self, fit: Fit) -> Results:
        """Record what came of it, and the steps that were not told, from before it was resumed."""
        evaluations, task = {each.step: each for each in fit.history}, self.config.task()
        for step, loss in enumerate(fit.losses, start=1):
            if step not in self._told:
                drops = drops_at([e for e in fit.history if e.step < step], self.config, task)
                self._one(step, loss, learning_rate(step - 1, self.config, drops), evaluations.get(step))
        self.run.tag(precision=fit.precision, device=fit.device, resumed_at=str(fit.resumed_at))
        best = best_of(fit.history, task)
        self.run.metrics(
            wall_s=fit.wall_s, steps=fit.steps, parameters=parameters(fit.model), best_step=best.step
        )
        self.run.metrics({f"best_{task.decides.removesuffix('/val')}": best.score(task.decides)})
        results = self.product.results(fit, self.run.id, self.run.url)
        _write(self.run, results)
        return results

    def _one(self, step: int, loss: float, lr: float, evaluation: Evaluation | None) -> None:
        passed_over = math.isnan(loss)
        self.run.metrics({"loss/train": None if passed_over else loss, "lr": lr}, step=step)
        if evaluation is not None:
            self.run.metrics(evaluation.scores, step=step)


def _write(run: Run, results: Results) -> None:
    """Hand everything to the run."""
    run.metrics(results.metrics)
    for name, columns in results.tables.items():
        run.table(name, columns)
    for name, data in results.files.items():
        run.artifact(name, data)
    for each in results.data:
        run.dataset(*each)


@contextmanager
def recording(
    config: Recipe, name: str = "", kept: Path | None = None, model: nn.Module | None = None, **tags: str
) -> Iterator[Recorder]:
    """Record a training while it goes on; one that fails or is stopped is marked so.

    Args:
        kept: where the run's id is kept, so that a training that is resumed goes on in its run.
        model: the network, if it is trained in this process.
    """
    engine = product_of(config).engine
    name = name or f"{engine} {config.steps} steps"
    earlier = kept.read_text(encoding="utf-8") if kept is not None and kept.exists() else ""
    told = {"engine": engine, "seed": config.seed, **tags}
    with track(LEVEL.slug, name, settings_of(config), told, resume=earlier or None) as run:
        if kept is not None:
            Thread(target=_remember, args=(run, kept), daemon=True).start()
        run.watch_machine()
        yield Recorder(run, config, model)


def _remember(run: Run, kept: Path) -> None:
    """Write down which run it is, as soon as MLflow has made it."""
    with suppress(OSError):
        write_atomic(kept, run.id or "")


def record(fit: Fit, name: str = "", keep: bool = True, **tags: str) -> Run:
    """Record a training after it; returns when everything is written.

    Args:
        keep: also make its network the one in use, and register it.
    """
    with recording(fit.config, name, None, None, **tags) as recorder:
        results = recorder.finish(fit)
        if keep:
            recorder.product.keep(results.files)
    if keep:
        recorder.product.register(fit, recorder.run)
    return recorder.run


def record_range_test(config: Recipe, found: RangeTest, **tags: str) -> Run:
    """Record the loss at each learning rate that was tried; returns when everything is written."""
    told = {"engine": product_of(config).engine, "seed": config.seed, **tags}
    with track(LEVEL.slug, "learning-rate range test", settings_of(config), told) as run:
        for step, (rate, loss) in enumerate(zip(found.rates, found.losses, strict=True), start=1):
            run.metrics({"lr": rate, "loss/train": loss}, step=step)
        run.metrics(suggested_lr=found.suggestion)
    return run


def record_prediction(found: Found, trained: Trained, **tags: str) -> Run:
    """Record what the network sees in one picture; returns when everything is written."""
    return record_predictions([found], found.name, trained, **tags)


def record_predictions(founds: Sequence[Found], name: str, trained: Trained, **tags: str) -> Run:
    """Record what the network sees in pictures, one or a folder of them.

    Args:
        name: what the pictures are called together.
    """
    told = {"engine": "unet", "device": "cpu", "seed": trained.config.seed, **tags}
    params = {"image": name, "model_run": trained.run_id, "model_steps": trained.steps}
    several = len(founds) > 1
    with track(LEVEL.slug, f"predict {name}", params, told) as run:
        for step, found in enumerate(founds):
            run.metrics({f"share/{c}": share for c, share in found.shares().items()}, step=step)
            if score := found.score():
                run.metrics(
                    {f"iou/{c}": value for c, value in score.iou().items()}, macro_iou=score.macro_iou()
                )
            folder = f"{found.name}/" if several else ""
            run.artifact(f"{folder}mask.png", mask_png(found.mask, found.classes))
            run.artifact(f"{folder}overlay.png", overlay_png(found))
            run.artifact(f"{folder}panel.png", panel_png([found]))
        run.metrics(pictures=len(founds), unsure=sum(found.unsure() for found in founds) / len(founds))
    return run


def record_writing(written: Writing, **tags: str) -> Trace | None:
    """Record how a text was gone on with, as a trace: one text is nothing to compare."""
    trained, sampling = written.trained, written.sampling
    about = {
        "model_run": trained.run_id or "", "model_steps": str(trained.steps), "seed": str(written.seed),
        "engine": "llama", **tags,
    }  # fmt: skip
    told = {"tokens": written.count, "tokens_per_s": written.pace(), "temperature": sampling.temperature}
    span = Span("generate", written.began, written.ended, told, kind="LLM")
    return trace(LEVEL.slug, "write", [span], written.beginning, written.text, about)


def record_evaluation(trained: Trained | TrainedLanguage, split: str, results: Results, **tags: str) -> Run:
    """Record how a trained network does on a split; returns when everything is written.

    Args:
        trained: a segmenter or a language model; the tag `opened` says whether it met the test split.
    """
    config = trained.config
    opened = "test" if split == "test" else "development"
    told = {"engine": product_of(config).engine, "device": "cpu", "seed": config.seed, "opened": opened}
    params = {"split": split, "model_run": trained.run_id, "model_steps": trained.steps}
    with track(LEVEL.slug, f"evaluate {split}", params, {**told, **tags}) as run:
        _write(run, results)
    return run


def settings_of(config: Recipe) -> dict[str, Any]:
    """The settings as a run shows them: those of the network among the others."""
    plain = config.as_dict()
    network = plain.pop("model", {})
    return {**network, **plain}
