"""The commands `ladder level4 export` and `ladder level4 models`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shared.cli import example, json_option, say, say_run
from shared.progress import progress, waiting
from shared.tables import number, table

if TYPE_CHECKING:
    from level4_build.export import Exported
    from level4_build.inference import Measured
    from level4_build.registry import Version


@click.command(
    epilog=example(
        "ladder level4 export",
        "ladder level4 export --model champion --int8 --out segmenter.onnx",
        "ladder level4 export --measure --json",
    )
)
@click.option(
    "--model",
    default="last",
    show_default=True,
    help="Which network: last, champion, challenger, a version's number, or a file.",
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Where it goes, an ONNX file.")
@click.option("--int8", is_flag=True, help="With its convolutions in 8 bits.")
@click.option("--measure", is_flag=True, help="Also time it in four forms, with memory and IoU of each.")
@json_option
def export(model: str, out: Path | None, int8: bool, measure: bool, as_json: bool) -> None:
    """Write a trained network as an ONNX file, which is compared with torch first.

    The file takes pictures of any size, and says itself which classes it knows and which run trained it.
    """
    with waiting("Loading torch …"):
        from level4_build import export as work
        from level4_build import inference, registry
    trained = registry.find(model, say)
    say(f"Exporting {trained}.")
    with waiting("Exporting, and comparing with torch …"):
        whole = work.to_onnx(trained)
        exported = work.to_int8(whole, trained) if int8 else whole
    file = work.write(exported, out)
    measured: list[Measured] = []
    if not as_json:
        click.echo(_exported_words(exported))
    if measure:
        say("Measuring four forms in turn, one picture at a time on one thread each.")
        with progress("Measuring") as advance:
            measured = inference.measure(trained, whole, advance)
        if not as_json:
            click.echo(_measured_table(measured))
    say(f"Wrote {file}")
    with waiting("Recording the run in MLflow …"):
        from level4_build.export_record import record_export

        run = record_export(exported, file, trained, measured, source="command")
    if as_json:
        told = {
            "file": str(file), "bytes": len(exported.data), **exported.metadata,
            "parity": [each._asdict() for each in exported.parity], "agreement": exported.agreement,
            "variants": [each.as_dict() for each in measured],
        }  # fmt: skip
        click.echo(json.dumps({**told, "run_id": run.id, "url": run.url}, indent=2))
    else:
        say_run(run.url)


@click.command(
    epilog=example("ladder level4 models", "ladder level4 models --promote 1", "ladder level4 models --json")
)
@click.option("--promote", type=click.IntRange(1), help="Make this version the champion.")
@json_option
def models(promote: int | None, as_json: bool) -> None:
    """List the registered networks: each finished training is one, the newest is the challenger.

    The champion is the one that you promoted last.
    """
    with waiting("Loading torch and MLflow …"):
        from level4_build import registry
    if promote is not None:
        say(f"Version {registry.promote(promote).number} is the champion now.")
    found = registry.versions()
    if as_json:
        click.echo(json.dumps([each.as_dict() for each in found], indent=2))
    elif found:
        click.echo(_versions_table(found))
    else:
        say("No network is registered yet. Train one: ladder level4 train")


def _exported_words(exported: Exported) -> str:
    """How far the file is from torch, at each size; in 8 bits, how often it says the same."""
    size = f"{len(exported.data) / 1e6:.2f} MB"
    if exported.agreement is not None:
        return f"{size}; {exported.agreement:.1%} of the pixels get the same class as from torch in float32."
    rows = [
        (each.batch, f"{each.height} × {each.width}", f"{each.difference:.1e}") for each in exported.parity
    ]
    columns = ["pictures", "pixels", "differs from torch by"]
    return f"{table(columns, rows, right=columns)}\n\n{size}"


def _measured_table(measured: list[Measured]) -> str:
    rows = [
        (
            each.variant.name, number(each.p50_ms, 2), number(each.p95_ms, 2), number(each.file_mb, 2),
            number(each.peak_rss_mb, 0), number(each.libraries_mb, 0), number(each.macro_iou),
        )
        for each in measured
    ]  # fmt: skip
    columns = ["network", "p50 ms", "p95 ms", "file MB", "memory MB", "of it libraries", "macro IoU"]
    return table(columns, rows, right=columns[1:])


def _versions_table(found: list[Version]) -> str:
    rows = [
        (each.number, ", ".join(each.aliases) or "–", each.steps, number(each.macro_iou), each.url)
        for each in found
    ]
    return table(
        ["version", "is the", "steps", "macro IoU", "link"], rows, right=["version", "steps", "macro IoU"]
    )
