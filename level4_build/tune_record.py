"""What is kept of a search: a run with a child for each trial, written as they end."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from level4_build import LEVEL
from level4_build.tune import Plan, Study, Trial
from level4_build.tune_figure import history
from shared.files import home_folder, write_atomic
from shared.tracking import Run, track


class Recorder:
    """A search's run."""

    def __init__(self, run: Run, plan: Plan, tags: dict[str, str]) -> None:
        self.run, self.plan, self.tags = run, plan, tags

    def trial(self, trial: Trial) -> None:
        """Record a trial that has ended; give it to `tune` as `on_trial`."""
        config = self.plan.config(trial.settings)
        told = {"engine": "unet", "seed": str(self.plan.seed), "state": trial.state, **self.tags}
        began = time.time() - trial.wall_s
        with self.run.child(f"trial {trial.number}", trial.settings, began=began, **told) as child:
            for step, loss in enumerate(trial.losses, start=1):
                child.metrics({"loss/train": loss if loss == loss else None}, step=step)
            for number, score in enumerate(trial.scores, start=1):
                child.metrics({"iou/val": score}, step=min(number * config.eval_every, config.steps))
            child.metrics(wall_s=trial.wall_s, steps=len(trial.losses))
        if self.run.id is not None:
            write_atomic(run_file(self.plan), self.run.id)

    def finish(self, study: Study) -> None:
        """Record what came of it."""
        best = study.best
        self.run.metrics(
            {"iou/val": best.score, **{f"importance/{name}": v for name, v in study.importance.items()}},
            best_trial=best.number, trials=len(study.trials),
            pruned=sum(each.state == "pruned" for each in study.trials),
            diverged=sum(each.state == "diverged" for each in study.trials),
            iou_default=study.default,
            wall_s=sum(each.wall_s for each in study.trials),
        )  # fmt: skip
        rows = [{**each.settings, "state": each.state, "macro_iou": each.score} for each in study.trials]
        self.run.table("trials.json", {name: [row[name] for row in rows] for name in rows[0]})
        self.run.artifact("best.json", json.dumps(study.config().as_dict(), indent=1))
        self.run.figure("history.png", history(study))


@contextmanager
def recording(plan: Plan, fresh: bool = False, **tags: str) -> Iterator[Recorder]:
    """Record a search while it goes on; one that was stopped goes on in its own run.

    Args:
        fresh: the trials of an earlier start are forgotten, so this is another run.
    """
    if fresh:
        run_file(plan).unlink(missing_ok=True)
    earlier = run_file(plan).read_text(encoding="utf-8").strip() if run_file(plan).exists() else None
    told = {"engine": "optuna", "seed": plan.seed, "opened": "validation", **tags}
    with track(LEVEL.slug, f"tune {plan.trials} trials", asdict(plan), told, resume=earlier) as run:
        yield Recorder(run, plan, tags)


def run_file(plan: Plan) -> Path:
    """Where the id of a search's run is kept."""
    return home_folder() / "level4" / f"{plan.name}.run"
