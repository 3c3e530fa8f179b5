"""The command `ladder level4 build`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from shared.cli import example, json_option, say
from shared.errors import BadUsage
from shared.progress import waiting
from shared.tables import number, table

COLUMNS = ("", "block", "settings", "gives", "parameters", "multiply-adds")


@click.command(
    epilog=example(
        "ladder level4 build",
        "ladder level4 build example:classifier --shape 3x32x48",
        "ladder level4 build --out my-network.yaml",
        "ladder level4 build my-network.yaml --json",
    )
)
@click.argument("spec", default="example:unet")
@click.option("--shape", help="Of the input without the batch, such as 3x37x53.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the declaration here.")
@json_option
def build(spec: str, shape: str | None, out: Path | None, as_json: bool) -> None:
    """Show what each block of a declared network gives and costs, before anything is trained.

    SPEC is a YAML file, or one of example:unet, example:classifier, example:finder and example:language.
    Where two blocks do not fit, it says which, what the one needs, and what to change.
    """
    with waiting("Loading torch …"):
        from level4_build import declaration, shapes

    declared = declaration.read(spec)
    if shape is not None:
        declared = declared.of(_numbers(shape))
    rows, wrong = shapes.as_far_as_it_fits(declared)
    totals = shapes.totals(rows)
    if as_json:
        told = {"input": declared.input.model_dump(), "blocks": rows, **totals}
        click.echo(json.dumps({**told, "wrong": None if wrong is None else str(wrong)}, indent=2))
    else:
        shown = [("", "input", "", str(declared.input), "", "")]
        shown += [(row["number"], row["block"], row["words"], row["shape"], *_costs(row)) for row in rows]
        if wrong is None:
            shown.append(("", "all", "", "", *_costs(totals)))
        click.echo(table(COLUMNS, shown, right=COLUMNS[4:]))
    if wrong is not None:
        raise wrong
    if out is not None:
        say(f"Wrote {declaration.write(declared, out)}: change a line, then: ladder level4 build {out}")


def _numbers(shape: str) -> tuple[int, ...]:
    """From "3x37x53" to (3, 37, 53)."""
    parts = shape.lower().replace("×", "x").replace(",", "x").split("x")
    if not all(part.strip().isdecimal() for part in parts):
        raise BadUsage(
            f"The shape {shape!r} is not numbers with an x between them.", "Write it as in: --shape 3x37x53"
        )
    return tuple(map(int, parts))


def _costs(row: dict[str, int]) -> tuple[str, str]:
    return number(row["parameters"], 0), number(row["multiply_adds"], 0)
