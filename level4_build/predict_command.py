"""The command `ladder level4 predict`: the masks of pictures, or how a text goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shared.cli import example, json_option, say, say_run
from shared.errors import BadUsage
from shared.progress import progress, waiting
from shared.store import link_now
from shared.tables import number, table

if TYPE_CHECKING:
    from level4_build.predict import Found

RECORDING = "Recording the run in MLflow …"


@click.command(
    epilog=example(
        "ladder level4 predict",
        "ladder level4 predict photo.png --out mask.png",
        "ladder level4 predict photos --out masks --unsure 0.6",
        "ladder level4 predict scene:3 --json",
        'ladder level4 predict --text "The order"',
        'ladder level4 predict --text "Dear shop," --tokens 100 --temperature 0',
    )
)
@click.argument("image", required=False)
@click.option("--out", type=click.Path(path_type=Path), help="Where the mask goes, a PNG; for a folder, one.")
@click.option(
    "--unsure", default=0.0, show_default=True, help="Leave out pixels whose class is less likely than this."
)
@click.option("--text", help="Go on with this text instead, by the language model.")
@click.option("--tokens", default=60, show_default=True, type=click.IntRange(1), help="Of text, at most.")
@click.option("--temperature", default=0.8, show_default=True, help="0 always takes the likeliest token.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Draws the tokens.")
@click.option(
    "--model", type=click.Path(path_type=Path), help="Another network than the last: its file, or its folder."
)
@json_option
def predict(
    image: str | None,
    out: Path | None,
    unsure: float,
    text: str | None,
    tokens: int,
    temperature: float,
    seed: int,
    model: Path | None,
    as_json: bool,
) -> None:
    """Find the shapes in an IMAGE, or go on with a text.

    By the network that was trained last, or --model. An IMAGE is a picture file, a folder of them, or
    scene:N, a scene that the network was not trained on; by default scene:0. Of each it writes the mask, the
    picture with the mask over it, and both side by side.
    """
    if text is None:
        _pictures(image or "scene:0", out, unsure, model, as_json)
    elif image is None and out is None:
        _text(text, tokens, temperature, seed, model, as_json)
    else:
        raise BadUsage(
            "--text was given with a picture or with --out.", "A text goes on in the terminal, alone."
        )


def _pictures(name: str, out: Path | None, unsure: float, model: Path | None, as_json: bool) -> None:
    """The mask of each picture that a name means."""
    with waiting("Loading torch …"):
        from level4_build import predict as work
        from level4_build import record, weights
    wanted = work.asked(name)
    trained = weights.load(model)
    url = link_now(trained.url)
    say(f"Asking {trained}" + (f", of {url}" if url else ""))
    founds = []
    with progress(f"{len(wanted)} pictures", quiet=len(wanted) == 1) as advance:
        for each in wanted:
            founds.append(work.segment(trained, each).surer_than(unsure))
            advance(len(founds) / len(wanted))
    places = work.places(founds, out, folder=Path(name).is_dir())
    written = [work.write(found, place) for found, place in zip(founds, places, strict=True)]
    if not as_json:
        click.echo(_found_table(founds[0]) if len(founds) == 1 else _folder_table(founds))
    for found in founds:
        if found.note:
            say(f"{found.name}: {found.note}")
    for files in written:
        say(f"Wrote {', '.join(map(str, files))}")
    with waiting(RECORDING):
        run = record.record_predictions(founds, Path(name).name, trained, source="command")
    if as_json:
        told = [_as_dict(found, files) for found, files in zip(founds, written, strict=True)]
        network = {
            "steps": trained.steps, "macro_iou": trained.macro_iou, "run_id": trained.run_id, "url": url,
        }  # fmt: skip
        first: dict[str, Any] = told[0] if len(told) == 1 else {"pictures": told}
        click.echo(json.dumps({**first, "network": network, "run_id": run.id, "url": run.url}, indent=2))
    else:
        say_run(run.url)


def _text(text: str, tokens: int, temperature: float, seed: int, model: Path | None, as_json: bool) -> None:
    """Go on with a text, each piece as soon as it is there."""
    with waiting("Loading torch …"):
        from level4_build import language_model, record
        from level4_build.generate import Sampling
    sampling = Sampling(temperature=temperature)
    trained = language_model.load(model)
    say(f"Asking {trained}")
    written = language_model.Writing(trained, text, tokens, sampling, seed)
    if not as_json:
        click.echo(text, nl=False)
    for piece in written:
        if not as_json:
            click.echo(piece, nl=False)
    if not as_json:
        click.echo()
    say(f"{written.count} tokens, {written.pace():.0f} in a second")
    with waiting("Recording the trace in MLflow …"):
        trace = record.record_writing(written, source="command")
    if as_json:
        told = {"text": text, "goes_on": written.text, "tokens": written.count, "seed": seed}
        network = {"steps": trained.steps, **trained.scores, "run_id": trained.run_id}
        about = {"trace_id": trace.id, "url": trace.url} if trace else {"trace_id": None, "url": None}
        click.echo(json.dumps({**told, "network": network, **about}, indent=2))
    else:
        say_run(trace.url if trace else None, "Trace")


def _as_dict(found: Found, files: list[Path]) -> dict[str, Any]:
    """One picture for a script."""
    score = found.score()
    rates = {"iou": score.iou(), "macro_iou": score.macro_iou()} if score else {}
    mask, overlay, panel = map(str, files)
    return {
        "image": found.name, "shares": found.shares(), "unsure": found.unsure(), **rates,
        "mask": mask, "overlay": overlay, "panel": panel,
    }  # fmt: skip


def _found_table(found: Found) -> str:
    """Each class with its share of the picture, and its IoU where the truth is known."""
    score = found.score()
    iou = score.iou() if score else {}
    rows = [(name, f"{share:.1%}", number(iou.get(name))) for name, share in found.shares().items()]
    if found.unsure():
        rows.append(("unsure", f"{found.unsure():.1%}", ""))
    if not score:
        return table(["class", "share"], [row[:2] for row in rows], right=["share"])
    rows.append(("mean", "", number(score.macro_iou())))
    return table(["class", "share", "IoU"], rows, right=["share", "IoU"])


def _folder_table(founds: list[Found]) -> str:
    """Each picture with the share of each class."""
    names = [*founds[0].classes, "unsure"]
    rows = [
        (found.name, *(f"{share:.1%}" for share in (*found.shares().values(), found.unsure())))
        for found in founds
    ]
    return table(["picture", *names], rows, right=names)
