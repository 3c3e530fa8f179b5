"""The commands of level 4: `ladder level4 train|predict`.

Results go to stdout, everything else to stderr; the link to the recorded run comes last.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from level4_build.autograd_command import autograd
from shared.cli import example, json_option, say, say_run
from shared.progress import progress, waiting
from shared.store import link_now
from shared.tables import number, table

RECORDING = "Recording the run in MLflow …"


@click.group(epilog=example("ladder level4 train", "ladder level4 predict scene:3"))
def cli() -> None:
    """Build a network from blocks, train it to tell shapes apart, and look at what it sees."""


cli.add_command(autograd)


@cli.command(
    epilog=example(
        "ladder level4 train",
        "ladder level4 train --steps 100 --lr 0.001 --seed 1",
        "ladder level4 train --out my-training --fresh --json",
    )
)
@click.option("--steps", default=300, show_default=True, help="How many batches.")
@click.option("--seed", default=0, show_default=True, help="Decides the scenes and the first weights.")
@click.option("--size", default=64, show_default=True, help="Side of the scenes, in pixels.")
@click.option("--lr", default=0.003, show_default=True, help="The highest learning rate.")
@click.option("--batch", default=16, show_default=True, help="Scenes in each batch.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Also keep all files here.")
@click.option(
    "--resume/--fresh",
    default=True,
    show_default=True,
    help="Go on with one that was stopped, or begin anew.",
)
@json_option
def train(
    steps: int,
    seed: int,
    size: int,
    lr: float,
    batch: int,
    out: Path | None,
    resume: bool,
    as_json: bool,
) -> None:
    """Train the U-Net on drawn scenes and print how well it knows each class.

    Stop it and type it again: it goes on where it was, and ends with the very same weights.
    """
    with _starting():
        with waiting("Loading torch …"):
            from level4_build import record, trainer, training, weights

        config = trainer.TrainConfig(steps=steps, seed=seed, size=size, lr=lr, batch=batch)
        kept = training.checkpoint_place(config, out)
        training.prepare(kept, resume, say)
        say(training.plan(config))
        before = weights.in_use()
    unseen, tenth = not sys.stderr.isatty(), max(1, steps // 10)  # without a terminal there is no bar
    with record.recording(config, source="command") as recorder:
        with progress(f"Training, {steps} steps") as advance:

            def on_step(step: trainer.Step) -> None:
                recorder.step(step)
                advance(step.step / step.steps)
                if step.step < step.steps and (step.evaluation or (unseen and step.step % tenth == 0)):
                    iou = f", IoU {step.evaluation.macro_iou:.3f}" if step.evaluation else ""
                    say(f"step {step.step} of {step.steps}: loss {step.loss:.3f}{iou}")

            fit = trainer.fit(config, on_step=on_step, checkpoint=kept)
        if not as_json:
            rows = [(name, number(value)) for name, value in record.iou_rows(fit)]
            click.echo(table(["class", "IoU"], rows, right=["IoU"]))
        say(f"{fit.steps} steps in {fit.wall_s:.0f} s; {config.val_count} scenes not trained on.")
        with waiting(RECORDING):
            where = recorder.finish(fit)
    say(f"Wrote {where}" + (f"; it replaces {before}." if before else ""))
    training.keep(fit, out, recorder.run, say)
    if as_json:
        told = {
            "steps": fit.steps, "wall_s": fit.wall_s, "resumed_at": fit.resumed_at, "loss": fit.losses[-1],
            "macro_iou": fit.macro_iou, "iou": fit.iou, "model": str(where),
        }  # fmt: skip
        click.echo(json.dumps({**told, "run_id": recorder.run.id, "url": recorder.run.url}, indent=2))
    else:
        say_run(recorder.run.url)


@cli.command(
    epilog=example(
        "ladder level4 predict",
        "ladder level4 predict photo.png --out mask.png",
        "ladder level4 predict scene:3 --json",
    )
)
@click.argument("image", default="scene:0")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Where the mask goes, a PNG.")
@json_option
def predict(image: str, out: Path | None, as_json: bool) -> None:
    """Find the shapes in an IMAGE with the network that was trained last.

    An IMAGE is a picture file, or scene:N, a scene that the network was not trained on.
    """
    with waiting("Loading torch …"):
        from level4_build import predict as work
        from level4_build import record, weights
    wanted = work.asked(image)
    trained = weights.load()
    url = link_now(trained.url)
    say(f"Asking {trained}" + (f", of {url}" if url else ""))
    found = work.segment(trained, wanted)
    mask, panel = work.write(found, out)
    score = found.score()
    if not as_json:
        click.echo(_found_table(found, score))
    if found.note:
        say(found.note)
    say(f"Wrote {mask} and {panel}")
    with waiting(RECORDING):
        run = record.record_prediction(found, trained, source="command")
    if as_json:
        rates = {"iou": score.iou(), "macro_iou": score.macro_iou()} if score else {}
        told = {
            "image": image, "shares": found.shares(), **rates, "mask": str(mask), "panel": str(panel),
            "network": {
                "steps": trained.steps, "macro_iou": trained.macro_iou, "run_id": trained.run_id, "url": url,
            },
        }  # fmt: skip
        click.echo(json.dumps({**told, "run_id": run.id, "url": run.url}, indent=2))
    else:
        say_run(run.url)


@contextmanager
def _starting() -> Iterator[None]:
    """Ctrl-C before the first step says what it leaves, as one after it does."""
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt("Stopped before training began: nothing new is kept.") from None


def _found_table(found: Any, score: Any) -> str:
    """Each class with its share of the picture, and its IoU where the truth is known."""
    iou = score.iou() if score else {}
    rows = [(name, f"{share:.1%}", number(iou.get(name))) for name, share in found.shares().items()]
    if not score:
        return table(["class", "share"], [row[:2] for row in rows], right=["share"])
    rows.append(("mean", "", number(score.macro_iou())))
    return table(["class", "share", "IoU"], rows, right=["share", "IoU"])
