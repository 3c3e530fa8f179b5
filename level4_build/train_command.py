"""The commands `ladder level4 train` and `ladder level4 resume`."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shared.cli import example, json_option, say, say_run
from shared.progress import progress, waiting
from shared.tables import number, table

if TYPE_CHECKING:
    from level4_build.find_lr import RangeTest
    from level4_build.recipe import Recipe
    from level4_build.record import Recorder
    from level4_build.trainer import Step

RECORDING = "Recording the run in MLflow …"
TASKS = ("segmentation", "language")
PRESETS = ("tiny", "small", "base")
SCHEDULES = ("cosine", "one-cycle", "plateau", "constant")
PRECISIONS = ("auto", "float32", "bfloat16")
ROWS = 12  # of a range test that are shown

FOLDER = click.Path(file_okay=False, path_type=Path)

nproc_option = click.option(
    "--nproc", default=1, show_default=True, help="Processes of this machine that train together."
)
workers_option = click.option(
    "--workers", default=0, show_default=True, help="Processes that load the data; 0 loads it in between."
)


@click.command(
    epilog=example(
        "ladder level4 train",
        "ladder level4 train --steps 100 --lr 0.001 --seed 1",
        "ladder level4 train --nproc 2 --ema 0.99 --patience 3",
        "ladder level4 train --find-lr",
        "ladder level4 train --out my-training --fresh --json",
        "ladder level4 train --images photos --masks masks --classes ground,leaf --values 0:0,255:1",
        "ladder level4 train --task language",
        "ladder level4 train --task language --preset small --steps 1000",
    )
)
@click.option(
    "--task", default="segmentation", show_default=True, type=click.Choice(TASKS), help="What to learn."
)
@click.option("--steps", default=300, show_default=True, help="How many batches.")
@click.option("--seed", default=0, show_default=True, help="Decides the data and the first weights.")
@click.option("--lr", default=0.003, show_default=True, help="The highest learning rate.")
@click.option(
    "--schedule", default="cosine", show_default=True, type=click.Choice(SCHEDULES), help="How it moves."
)
@click.option("--batch", default=16, show_default=True, help="Pictures, or blocks of text, in each batch.")
@click.option("--accumulate", default=1, show_default=True, help="Pieces that a batch is done in.")
@click.option("--ema", default=0.0, show_default=True, help="Average the weights, such as 0.99; 0 does not.")
@click.option("--patience", default=0, show_default=True, help="Evaluations without a better one; 0: no end.")
@click.option(
    "--precision", default="auto", show_default=True, type=click.Choice(PRECISIONS), help="Of the products."
)
@click.option("--skip", default=0, show_default=True, help="Losses in a row that may be no number.")
@click.option("--size", type=int, help="Side of the pictures, in pixels.  [default: 64]")
@click.option("--difficulty", type=float, help="Of the scenes, from 0 to 1.  [default: 0.5]")
@click.option("--flip/--no-flip", default=None, help="Mirror half of the pictures.  [default: no-flip]")
@click.option("--images", type=FOLDER, help="Pictures of your own, instead of scenes.")
@click.option("--masks", type=FOLDER, help="Their masks, PNG files of the same names.")
@click.option("--classes", help="What the numbers 0, 1, … in the masks mean, such as ground,leaf.")
@click.option("--values", default="", help="Where masks hold others: value:class, such as 0:0,255:1.")
@click.option("--preset", type=click.Choice(PRESETS), help="The language model's size.  [default: tiny]")
@click.option("--length", type=int, help="Tokens in a block of text.  [default: 128]")
@workers_option
@nproc_option
@click.option("--overfit-batches", default=0, help="Learn and score the first so many batches alone.")
@click.option("--fast-dev-run", is_flag=True, help="Two batches of everything; nothing is kept.")
@click.option("--find-lr", is_flag=True, help="Try rising learning rates and suggest one.")
@click.option("--out", type=FOLDER, help="Also keep all files here.")
@click.option(
    "--resume/--fresh",
    default=True,
    show_default=True,
    help="Go on with one that was stopped, or begin anew.",
)
@json_option
def train(
    task: str,
    images: Path | None,
    masks: Path | None,
    classes: str | None,
    values: str,
    fast_dev_run: bool,
    find_lr: bool,
    nproc: int,
    out: Path | None,
    resume: bool,
    as_json: bool,
    **settings: Any,
) -> None:
    """Train a network, and score what it was not trained on.

    By default a U-Net learns to tell the shapes of drawn scenes apart, or with --images the classes of your
    own pictures. With --task language a small Llama learns to write about a shop.

    Stop it and type it again: it goes on where it was, and ends with the very same weights.
    """
    with _starting():
        with waiting("Loading torch …"):
            from level4_build import training

        given = {name: value for name, value in settings.items() if value is not None}
        given |= training.own_pictures(images, masks, classes, values)
        config = training.recipe(task, given)
        if find_lr:
            _range_test(config, as_json)
            return
        if fast_dev_run:
            _dev_run(config.dev_run(), nproc, as_json)
            return
        kept = training.checkpoint_place(config, out)
    _train(config, kept, nproc, out, resume, as_json)


@click.command(
    epilog=example(
        "ladder level4 resume", "ladder level4 resume my-training", "ladder level4 resume --workers 2 --json"
    )
)
@click.argument("place", required=False, type=click.Path(path_type=Path))
@workers_option
@nproc_option
@json_option
def resume(place: Path | None, workers: int, nproc: int, as_json: bool) -> None:
    """Go on with a training that was stopped.

    Its settings are those in its checkpoint. PLACE is a checkpoint, or the folder of a training that was
    begun with --out; by default the training that was stopped last.
    """
    with _starting():
        with waiting("Loading torch …"):
            from dataclasses import replace

            from level4_build import training

        config, kept = training.stopped(place)
        out = kept.parent if kept.name == training.CHECKPOINT else None
    _train(replace(config, workers=workers), kept, nproc, out, True, as_json)


# What they do ----------------------------------------------------------------------------------------


def _train(config: Recipe, kept: Path, nproc: int, out: Path | None, go_on: bool, as_json: bool) -> None:
    """Train, print the scores, record the run, keep the network."""
    from level4_build import distributed, record, trainer, training
    from level4_build.precision import choose

    with distributed.ranks_here() as ranks:
        with _starting():
            if ranks.rank == 0:
                training.prepare(kept, go_on, say)
                say(training.plan(config))
                say(f"Computing in {choose(config.precision, ranks.device)}.")
            ranks.gather(None)  # the others wait until the checkpoint that is not wanted is gone
        if ranks.rank > 0:  # torchrun started several: the first alone speaks and records
            trainer.fit(config, checkpoint=kept, ranks=ranks)
            return
        model = config.task().network() if nproc == 1 else None  # else it is trained in other processes
        run_file = training.run_file(kept)
        with record.recording(config, kept=run_file, model=model, source="command") as recorder:
            before = recorder.product.in_use()
            with progress(f"Training, {config.steps} steps") as advance:
                tell = _teller(advance, recorder)
                if nproc > 1:
                    distributed.fit_on(nproc, config, kept, tell)
                    fit = trainer.fit(config, checkpoint=kept)  # complete: it is only read
                else:
                    fit = trainer.fit(config, model, on_step=tell, checkpoint=kept, ranks=ranks)
            if not as_json:
                rows = [(name, number(value)) for name, value in recorder.product.rows(fit)]
                headings = recorder.product.headings
                click.echo(table(headings, rows, right=headings[1:]))
            say(training.summary(fit))
            with waiting(RECORDING):
                results = recorder.finish(fit)
                where = recorder.product.keep(results.files)
        say(f"Wrote {where}" + (f"; it replaces {before}." if before else ""))
        with waiting("Registering the network …"):
            registered = recorder.product.register(fit, recorder.run)
        if registered:
            say(registered)
        if written := training.leave(results.files, kept, out):
            say(written)
    if as_json:
        told = {
            **training.as_dict(fit),
            "model": str(where),
            "run_id": recorder.run.id,
            "url": recorder.run.url,
        }
        click.echo(json.dumps(told, indent=2))
    else:
        say_run(recorder.run.url)


def _dev_run(config: Recipe, nproc: int, as_json: bool) -> None:
    """Two batches of everything, in a folder that is then removed."""
    from level4_build import distributed, trainer, training

    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / training.CHECKPOINT
        if nproc > 1:
            distributed.fit_on(nproc, config, kept)
        else:
            trainer.fit(config, checkpoint=kept)
        fit = trainer.fit(config, checkpoint=kept)  # read back, as a resumed one would be
    if as_json:
        click.echo(json.dumps(training.as_dict(fit), indent=2))
    say(f"All parts work: {fit.steps} steps, an evaluation after each, a checkpoint that reads back.")
    say("Nothing was kept.")


def _range_test(config: Recipe, as_json: bool) -> None:
    """The loss at rising learning rates, and the rate where it fell fastest."""
    from level4_build import record
    from level4_build.find_lr import STEPS, find_lr

    with progress(f"Trying {STEPS} learning rates") as advance:
        found = find_lr(config, on_step=lambda step: advance(step / STEPS))
    if not as_json:
        click.echo(_range_table(found))
        best = f"{found.suggestion:.2g}"
        say(f"The loss fell fastest at {best}: train with --lr {best}")
    with waiting(RECORDING):
        run = record.record_range_test(config, found, source="command")
    if as_json:
        told = {"rates": found.rates, "losses": found.losses, "suggestion": found.suggestion}
        click.echo(json.dumps({**told, "run_id": run.id, "url": run.url}, indent=2))
    else:
        say_run(run.url)


def _range_table(found: RangeTest) -> str:
    """Some of the rates, and the smoothed loss after each."""
    every = max(1, len(found.rates) // ROWS)
    both = list(zip(found.rates, found.losses, strict=True))[::every]
    return table(
        ["rate", "loss"], [(f"{rate:.2g}", number(loss)) for rate, loss in both], right=["rate", "loss"]
    )


def _teller(advance: Callable[[float], None], recorder: Recorder) -> Callable[[Step], None]:
    """Records each step, moves the bar, and says in words how it goes: all of it where there is no bar."""
    unseen, first, began = not sys.stderr.isatty(), 0, 0.0  # the first step's own time is mostly starting
    watched, words = recorder.product.watched

    def tell(step: Step) -> None:
        nonlocal first, began
        if not first:
            first, began = step.step, time.monotonic()
        sample = recorder.step(step)
        advance(step.step / step.steps)
        tenth = step.step % max(1, step.steps // 10) == 0
        if step.step < step.steps and (step.evaluation or (unseen and tenth)):
            score = f", {words} {step.evaluation.score(watched):.3f}" if step.evaluation else ""
            pace = (time.monotonic() - began) / max(step.step - first, 1)
            rest = f"; about {pace * (step.steps - step.step):.0f} s to go" if step.step > first else ""
            say(f"step {step.step} of {step.steps}: loss {step.loss:.3f}{score}{rest}")
            if sample:
                say(f"  it writes: {' / '.join(sample.splitlines())}")

    return tell


@contextmanager
def _starting() -> Iterator[None]:
    """Ctrl-C before the first step says what it leaves, as one after it does."""
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt("Stopped before training began: nothing new is kept.") from None
