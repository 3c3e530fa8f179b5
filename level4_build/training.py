"""Where a training's files are: the checkpoint that it goes on from, and what it leaves behind."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from level4_build import checkpoint as files
from level4_build.lm_task import LanguageConfig
from level4_build.loader import learnt
from level4_build.own_pictures import OwnPictures
from level4_build.product import product_of
from level4_build.recipe import Recipe
from level4_build.trainer import Fit, TrainConfig
from level4_build.unet import UNetConfig
from shared.errors import BadUsage, LadderError
from shared.files import home_folder, write_atomic

CHECKPOINT = "checkpoint.pt"
RECIPES: dict[str, type[TrainConfig] | type[LanguageConfig]] = {
    "segmentation": TrainConfig,
    "language": LanguageConfig,
}


def recipe(task: str, given: Mapping[str, Any]) -> Recipe:
    """The recipe of a task with these settings; the others have their defaults.

    Raises:
        BadUsage: a setting is of another task, or cannot be.
    """
    kind = RECIPES[task]
    foreign = given.keys() - {each.name for each in fields(kind)}
    if foreign:
        raise BadUsage(
            f"A training for {task} has no {' and no '.join(sorted(foreign))}.",
            "Leave it out, or name the other --task.",
        )
    return kind(**given)


def own_pictures(images: Path | None, masks: Path | None, classes: str | None, values: str) -> dict[str, Any]:
    """The settings of a training on pictures of one's own; none without them.

    Raises:
        BadUsage: one of the three is missing, or they cannot be read.
    """
    if not (images or masks or classes or values):
        return {}
    if not (images and masks and classes):
        raise BadUsage(
            "Pictures of your own are named by --images, --masks and --classes together.",
            "For example: --images photos --masks masks --classes ground,leaf",
        )
    own = OwnPictures.named(images, masks, classes, values)
    return {"own": own, "model": UNetConfig(classes=len(own.classes))}


def checkpoint_place(config: Recipe, out: Path | None = None) -> Path:
    """Where a training keeps its checkpoint: in `out`, or in the home, named by its settings."""
    if out is not None:
        return out / CHECKPOINT
    name = hashlib.sha256(json.dumps(config.decisive()).encode()).hexdigest()[:12]
    return home_folder() / "level4" / f"{name}.pt"


def prepare(checkpoint: Path, resume: bool, say: Callable[[str], None]) -> None:
    """Say what a checkpoint that is there means, or remove it to begin anew.

    Raises:
        LadderError: its folder cannot be made, or it is damaged.
    """
    try:
        checkpoint.parent.mkdir(parents=True, exist_ok=True)
        if not resume:
            for file in (checkpoint, run_file(checkpoint)):
                file.unlink(missing_ok=True)
    except OSError as error:
        raise LadderError(
            f"The folder {checkpoint.parent} cannot be used ({error.strerror}).", "Name another with --out."
        ) from None
    if checkpoint.exists():
        state = files.load(checkpoint)
        if state["step"] < state["config"]["steps"]:
            say(f"Going on after step {state['step']}, from {checkpoint} (--fresh begins anew).")
        else:
            say(f"This training is complete in {checkpoint} (--fresh trains again).")
        if state["code"] != files.code_digest():
            say("This level's code has changed since: it may not end as it would have without the stop.")


def stopped(place: Path | None) -> tuple[Recipe, Path]:
    """The settings and the checkpoint of a training that was stopped.

    Args:
        place: a checkpoint, or a folder that an --out named; by default the last one in the home.

    Raises:
        LadderError: there is none, or it is damaged or of no training of this level.
    """
    if place is None:
        there = sorted((home_folder() / "level4").glob("*.pt"), key=lambda file: file.stat().st_mtime)
        if not there:
            raise LadderError("No training was stopped here.", "Start one: ladder level4 train")
        place = there[-1]
    file = place / CHECKPOINT if place.is_dir() else place
    values = files.load(file)["config"]
    kind = LanguageConfig if "preset" in values else TrainConfig
    try:
        return kind.from_dict(values), file
    except (KeyError, TypeError, BadUsage):
        raise LadderError(
            f"The checkpoint {file} is of no training that this command knows.",
            "Go on with it by the command that began it.",
        ) from None


def plan(config: Recipe) -> str:
    """What is about to be trained, in a sentence.

    Raises:
        BadUsage: a batch is larger than the data.
    """
    learnt(config, config.task())
    return product_of(config).plan(config)


def summary(fit: Fit) -> str:
    """What came of it, in a sentence."""
    at, scored_on = fit.evaluation.step, product_of(fit.config).summary(fit)
    return f"{fit.steps} of {fit.config.steps} steps in {fit.wall_s:.0f} s; {scored_on}" + (
        f"; the best network was that of step {at}." if at < fit.steps else "."
    )


def as_dict(fit: Fit) -> dict[str, Any]:
    """What a script would read."""
    return {
        "steps": fit.steps, "wall_s": fit.wall_s, "resumed_at": fit.resumed_at, "loss": fit.losses[-1],
        **product_of(fit.config).as_dict(fit), "at_step": fit.evaluation.step,
        "precision": fit.precision, "device": fit.device,
    }  # fmt: skip


def leave(results: Mapping[str, bytes], checkpoint: Path, out: Path | None) -> str:
    """After the recording: write all files into `out`, or drop the checkpoint that is not needed any more.

    Returns:
        What was written, in a sentence; empty if nothing was.

    Raises:
        LadderError: a file cannot be written.
    """
    run_file(checkpoint).unlink(missing_ok=True)
    if out is None:
        checkpoint.unlink(missing_ok=True)
        return ""
    try:
        for name, data in results.items():
            write_atomic(out / name, data)
    except OSError as error:
        raise LadderError(
            f"The folder {out} cannot be written ({error.strerror}).", "Make room, and type the same again."
        ) from None
    return f"Wrote {', '.join(results)} into {out}"


def run_file(checkpoint: Path) -> Path:
    """Where the id of a training's run is kept, so that one that is resumed goes on in the same run."""
    return checkpoint.with_suffix(".run")
