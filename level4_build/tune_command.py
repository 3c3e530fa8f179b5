"""The command `ladder level4 tune`."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from shared.cli import example, json_option, say, say_run
from shared.progress import progress, waiting
from shared.tables import number, table

if TYPE_CHECKING:
    from level4_build.trainer import Step
    from level4_build.tune import Study, Trial


@click.command(
    epilog=example(
        "ladder level4 tune",
        "ladder level4 tune --trials 24 --steps 100",
        "ladder level4 tune --seed 1 --fresh --json",
    )
)
@click.option("--trials", default=12, show_default=True, help="How many, those of an earlier start included.")
@click.option("--steps", default=60, show_default=True, help="How long each may be, in steps of 16 scenes.")
@click.option("--size", default=64, show_default=True, help="Side of the scenes, in pixels.")
@click.option("--seed", default=0, show_default=True, help="Of the search, the scenes and the first weights.")
@click.option(
    "--resume/--fresh", default=True, show_default=True, help="Go on with an earlier start, or begin anew."
)
@json_option
def tune(resume: bool, as_json: bool, **settings: Any) -> None:
    """Search for settings: short trainings that are cut short where they are worse than most.

    Learning rate, weight decay, width, batch and Transformer layers. Scored on validation scenes alone. Stop
    it and type it again: it goes on where it was.
    """
    with waiting("Loading torch and Optuna …"):
        from level4_build import tune as work
        from level4_build import tune_record
    plan = work.Plan(**settings)
    say(f"{plan.trials} trials of {plan.steps} steps at most, scored on {plan.val_count} validation scenes.")
    with tune_record.recording(plan, not resume, source="command") as recorder:
        with progress(f"Searching, {plan.trials} trials") as advance:
            unseen = not sys.stderr.isatty()

            def on_step(trial: int, step: Step) -> None:
                advance((trial - 1 + step.step / step.steps) / plan.trials)
                if unseen and step.evaluation is not None and step.step < step.steps:
                    iou = step.evaluation.macro_iou
                    say(f"trial {trial}: step {step.step} of {step.steps}, IoU {iou:.3f}")

            def on_trial(trial: Trial) -> None:
                recorder.trial(trial)
                say(f"trial {trial.number} of {plan.trials}: {_words(trial)}")

            study = work.tune(plan, on_step, on_trial, fresh=not resume)
        if not as_json:
            click.echo(told(study))
        with waiting("Recording the run in MLflow …"):
            recorder.finish(study)
    if as_json:
        ids = {"run_id": recorder.run.id, "url": recorder.run.url}
        click.echo(json.dumps({**study.as_dict(), **ids}, indent=2))
    else:
        say_run(recorder.run.url)


def told(study: Study) -> str:
    """The trials from the best down, what mattered, and what the best one is worth."""
    order = sorted(study.trials, key=lambda t: (t.state != "complete", -t.score if t.scores else 0.0))
    rows = [
        (
            each.number, f"{each.settings['lr']:.2g}", f"{each.settings['weight_decay']:.2g}",
            each.settings["width"], each.settings["batch"], each.settings["transformer_layers"],
            number(each.score if each.scores else None), f"{each.wall_s:.0f}",
            "" if each.state == "complete" else each.state,
        )
        for each in order
    ]  # fmt: skip
    right = ["trial", "lr", "weight decay", "width", "batch", "layers", "macro IoU", "s"]
    shown = [table([*right, ""], rows, right=right), ""]
    if study.importance:
        parts = ", ".join(f"{name} {share:.0%}" for name, share in study.importance.items())
        shown.append(f"What set the better trials apart, a hint from {len(study.complete)}: {parts}.")
    best, default = study.best, study.default
    shown += [
        f"The best is trial {best.number}: macro IoU {best.score:.3f}; the defaults reach {number(default)}.",
        "It was chosen on these validation scenes, so it is flattered: try it with another seed as well.",
    ]
    return "\n".join(shown)


def _words(trial: Trial) -> str:
    settings = trial.settings
    what = (
        f"lr {settings['lr']:.2g}, width {settings['width']}, batch {settings['batch']}, "
        f"{settings['transformer_layers']} layers"
    )
    reached = f"IoU {trial.score:.3f}" if trial.scores else "no score"
    return f"{what}: {reached}" + ("" if trial.state == "complete" else f", {trial.state}")
