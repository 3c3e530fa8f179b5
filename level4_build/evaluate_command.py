"""The command `ladder level4 evaluate`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from shared.cli import example, json_option, say, say_run
from shared.progress import waiting
from shared.store import link_now
from shared.tables import number, table

TASKS = ("segmentation", "language")
ONCE = (
    "This opens the test split. Look at it once, for a network that is chosen already: what is chosen by it "
    "is no longer a test."
)


@click.command(
    epilog=example(
        "ladder level4 evaluate",
        "ladder level4 evaluate --split test",
        "ladder level4 evaluate --model my-training/model/model.safetensors --json",
        "ladder level4 evaluate --task language",
    )
)
@click.option(
    "--task", default="segmentation", show_default=True, type=click.Choice(TASKS), help="Which network."
)
@click.option(
    "--split", default="val", show_default=True, type=click.Choice(("val", "test")), help="On which data."
)
@click.option(
    "--model", type=click.Path(path_type=Path), help="Another network than the last: its file, or its folder."
)
@json_option
def evaluate(task: str, split: str, model: Path | None, as_json: bool) -> None:
    """Score the last network on validation or test data.

    The validation split is the one that choices are made on. The test split is for what is chosen already.
    """
    with waiting("Loading torch …"):
        from level4_build import evaluation, record

    trained = evaluation.load(task, model)
    url = link_now(trained.url)
    say(f"Evaluating {trained}" + (f", of {url}" if url else ""))
    if split == "test":
        say(ONCE)
    with waiting("Looking at all of them …"):
        found = evaluation.evaluate(trained, split)
    if not as_json:
        cells = [[number(cell) if isinstance(cell, float) else cell for cell in row] for row in found.rows]
        click.echo(table(found.headings, cells, right=found.headings[1:]))
        say(found.words)
    with waiting("Recording the run in MLflow …"):
        run = record.record_evaluation(trained, split, found.results, source="command")
    if as_json:
        told = {"split": split, **found.results.metrics, "run_id": run.id, "url": run.url}
        network = {"steps": trained.steps, "run_id": trained.run_id, "url": url}
        click.echo(json.dumps({**told, "network": network}, indent=2))
    else:
        say_run(run.url)
