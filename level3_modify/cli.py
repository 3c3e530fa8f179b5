"""The commands of level 3: `ladder level3 slim|variants|save`.

Results go to stdout, everything else to stderr; the link to the recorded run comes last.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from shared.cli import example, json_option, say, say_run
from shared.files import results_folder, write_atomic
from shared.progress import progress, waiting


@click.group(epilog=example("ladder level3 slim --quick", "ladder level3 variants"))
def cli() -> None:
    """Change a model that you did not write: a real encoder made slimmer, and what each change costs."""


@cli.command(
    epilog=example(
        "ladder level3 slim",
        "ladder level3 slim --variants bf16,int8-channel --rounds 5",
        "ladder level3 slim --quick --out slimmed --json",
    )
)
@click.option("--variants", default="", metavar="A,B", help="Default: all of `ladder level3 variants`.")
@click.option("--rounds", type=click.IntRange(1, 10_000), help="Rounds of timing. Default: 20.")
@click.option("--quick", is_flag=True, help="3 rounds: the times are then rough, the rest is the same.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of order and intervals.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Write chart and figures here.")
@json_option
def slim(variants: str, rounds: int | None, quick: bool, seed: int, out: Path | None, as_json: bool) -> None:
    """Measure size, speed, agreement and retrieval of the encoder before and after each change."""
    from level3_modify.slim import QUICK_ROUNDS, ROUNDS, Plan
    from level3_modify.slim import slim as measure
    from level3_modify.words import as_dict, sentences, study_table

    names = tuple(name for name in variants.split(",") if name.strip())
    plan = Plan(names, rounds or (QUICK_ROUNDS if quick else ROUNDS), seed)
    results_folder(out)
    with progress("Measuring the encoder before and after") as advance:
        try:
            study = measure(plan, on_change=lambda rows, share: advance(share))
        except KeyboardInterrupt:
            raise KeyboardInterrupt("Stopped: nothing is kept before all is measured.") from None
    if not as_json:
        click.echo(study_table(study))
        click.echo("\n" + "\n".join(f"  {line}" for line in sentences(study)) + "\n")
    say(f"Measured with {study.circumstances}.")
    if out is not None:
        for path in _write(out, study):
            say(f"Wrote {path}")
    with waiting("Recording the run in MLflow …"):
        from level3_modify.record import record

        run = record(study, source="command").run
    if as_json:
        click.echo(json.dumps({**as_dict(study), "run_id": run.id, "url": run.url}, indent=2))
    else:
        say_run(run.url)


@cli.command(epilog=example("ladder level3 variants", "ladder level3 variants --json"))
@json_option
def variants(as_json: bool) -> None:
    """List the variants: what each changes, which tensors, and through which public seam."""
    from level3_modify.variants import VARIANTS
    from shared.tables import table

    rows = [(v.name, v.changes, v.tensors, v.seam) for v in VARIANTS.values()]
    names = ("variant", "changes", "tensors", "seam")
    if as_json:
        click.echo(json.dumps([dict(zip(names, row, strict=True)) for row in rows], indent=2))
    else:
        click.echo(table(names, rows))


@cli.command(epilog=example("ladder level3 save layers-5", "ladder level3 save bf16 --out ../small-encoder"))
@click.argument("variant")
@click.option(
    "--out", type=click.Path(path_type=Path), help="The new folder. Default: one in the home's models."
)
def save(variant: str, out: Path | None) -> None:
    """Keep a slimmed encoder in a folder that `Encoder.load(folder)` reads."""
    from level3_modify.save import save as write

    with waiting(f"Saving {variant} …"):
        folder = write(variant, out)
    click.echo(folder)
    say(f'Load it: Encoder.load(Path("{folder.as_posix()}")), with Encoder from shared.encoder.')


# Small parts -----------------------------------------------------------------------------------------


def _write(out: Path, study: Any) -> list[Path]:
    from level3_modify.chart import png
    from level3_modify.words import as_dict

    figures = json.dumps(as_dict(study), indent=1)
    return [write_atomic(out / "slim.png", png(study.rows)), write_atomic(out / "slim.json", figures)]
