"""The commands of level 4: `ladder level4 train|resume|predict`.

Results go to stdout, everything else to stderr; the link to the recorded run comes last.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from level4_build.autograd_command import autograd
from level4_build.baselines_command import baselines
from level4_build.build_command import build
from level4_build.train_command import resume, train
from shared.cli import example, json_option, say, say_run
from shared.progress import waiting
from shared.store import link_now
from shared.tables import number, table

RECORDING = "Recording the run in MLflow …"


@click.group(epilog=example("ladder level4 train", "ladder level4 predict scene:3"))
def cli() -> None:
    """Build a network from blocks, train it to tell shapes apart, and look at what it sees."""


cli.add_command(autograd)
cli.add_command(build)
cli.add_command(baselines)


cli.add_command(train)
cli.add_command(resume)


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


def _found_table(found: Any, score: Any) -> str:
    """Each class with its share of the picture, and its IoU where the truth is known."""
    iou = score.iou() if score else {}
    rows = [(name, f"{share:.1%}", number(iou.get(name))) for name, share in found.shares().items()]
    if not score:
        return table(["class", "share"], [row[:2] for row in rows], right=["share"])
    rows.append(("mean", "", number(score.macro_iou())))
    return table(["class", "share", "IoU"], rows, right=["share", "IoU"])
