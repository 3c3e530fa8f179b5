"""The command `ladder level4 baselines`."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shared.cli import example, json_option, say, say_run
from shared.files import results_folder, write_atomic
from shared.progress import progress, waiting
from shared.tables import table

if TYPE_CHECKING:
    from level4_build.survey import Survey


@click.command(
    epilog=example(
        "ladder level4 baselines",
        "ladder level4 baselines --data diabetes --out my-baselines",
        "ladder level4 baselines --data wine --confirm --json",
    )
)
@click.option(
    "--data",
    type=click.Choice(["digits", "cancer", "wine", "diabetes"]),
    default="digits",
    show_default=True,
    help="What to look at; all come with scikit-learn.",
)
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True)
@click.option("--confirm", is_flag=True, help="Open the test rows for the best. Once, when all is chosen.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Also keep the pictures here.")
@json_option
def baselines(data: str, seed: int, confirm: bool, out: Path | None, as_json: bool) -> None:
    """Try what comes before a network, and see what a small network adds to it.

    Everything is cross-validated on development rows. Less than a minute.
    """
    results_folder(out)
    began = time.monotonic()
    with waiting("Loading scikit-learn and torch …"):
        from level4_build.survey import survey
    unseen = not sys.stderr.isatty()  # without a terminal there is no bar
    with progress(f"Baselines of {data}") as advance:

        def on_progress(share: float, words: str) -> None:
            advance(share)
            if unseen and words:
                say(f"{words} …")

        found = survey(data, seed, confirm, on_progress)
    if not as_json:
        click.echo(told(found))
    say(f"{len(found.scores)} candidates in {time.monotonic() - began:.0f} s.")
    with waiting("Recording the run in MLflow …"):
        from level4_build.baselines_figure import figures, png
        from level4_build.baselines_record import record_baselines

        if out is not None:
            for name, figure in figures(found).items():
                write_atomic(out / f"{name}.png", png(figure))
        run = record_baselines(found, source="command")
    if out is not None:
        say(f"Wrote the pictures to {out}")
    if as_json:
        click.echo(json.dumps({**found.as_dict(), "run_id": run.id, "url": run.url}, indent=2))
    else:
        say_run(run.url)


def told(found: Survey) -> str:
    """The survey as text: a first look, the table, what the network adds, curves and the worst slices."""
    look, metric = found.look, found.table.metric
    size = f"{look.rows} rows of {look.columns} columns, and {found.test_rows} put aside"
    shown = [f"{found.table.name}: {found.table.target}. {size}.", *(f"  {note}" for note in look.notes)]
    rows = [
        (s.name, f"{s.mean:.3f}", f"{s.interval.low:.3f} to {s.interval.high:.3f}", f"{s.train:.3f}", s.words)
        for s in found.scores
    ]
    right = [metric, "95 %", "on its own rows"]
    shown += [table(["baseline", *right, "what it is"], rows, right=right), "", found.added.words, ""]
    shown += [curve.reading for curve in found.curves]
    whole, *parts = found.slices
    worst = sorted(parts, key=lambda part: -part.error)[:5]
    errors = [
        (p.by, p.name, p.rows, f"{p.error:.3f}", f"{p.interval.low:.3f} to {p.interval.high:.3f}")
        for p in (whole, *worst)
    ]
    columns = ["by", "slice", "rows", "error", "95 %"]
    shown += ["", f"Where {found.best.name} errs most:", table(columns, errors, right=columns[2:])]
    if confirmed := found.confirmed:
        interval = f"{confirmed.interval.low:.3f} to {confirmed.interval.high:.3f}"
        shown.append(
            f"\nTest, {confirmed.rows} rows: {confirmed.name} {metric} {confirmed.score:.3f} ({interval})."
        )
    else:
        shown.append(f"\nThe {found.test_rows} test rows stay closed. --confirm opens them, once.")
    return "\n".join(shown)
