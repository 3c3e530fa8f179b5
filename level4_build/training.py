"""Where a training's files are: the checkpoint that it goes on from, and what it leaves behind."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from level4_build import checkpoint as files
from level4_build import weights
from level4_build.loader import learnt
from level4_build.predict import panel_png
from level4_build.record import examples
from level4_build.trainer import Fit, TrainConfig, new_model
from level4_build.unet import parameters
from shared.errors import BadUsage, LadderError
from shared.files import home_folder, write_atomic
from shared.tracking import Run

CHECKPOINT = "checkpoint.pt"


def checkpoint_place(config: TrainConfig, out: Path | None = None) -> Path:
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


def stopped(place: Path | None) -> tuple[TrainConfig, Path]:
    """The settings and the checkpoint of a training that was stopped.

    Args:
        place: a checkpoint, or a folder that an --out named; by default the last one in the home.

    Raises:
        LadderError: there is none, or it is damaged or not of a segmenter.
    """
    if place is None:
        there = sorted((home_folder() / "level4").glob("*.pt"), key=lambda file: file.stat().st_mtime)
        if not there:
            raise LadderError("No training was stopped here.", "Start one: ladder level4 train")
        place = there[-1]
    file = place / CHECKPOINT if place.is_dir() else place
    try:
        return TrainConfig.from_dict(files.load(file)["config"]), file
    except (KeyError, TypeError, BadUsage):
        raise LadderError(
            f"The checkpoint {file} is not of a segmenter.", "Go on with it by the command that began it."
        ) from None


def plan(config: TrainConfig) -> str:
    """What is about to be trained, in a sentence.

    Raises:
        BadUsage: a batch is larger than the data.
    """
    learnt(config, config.task())
    return (
        f"Training a U-Net of {parameters(new_model(config)):,} parameters: {config.steps} steps of "
        f"{config.batch} of {config.train_count} scenes, {config.size} pixels a side."
    )


def summary(fit: Fit) -> str:
    """What came of it, in a sentence."""
    at = fit.evaluation.step
    return (
        f"{fit.steps} of {fit.config.steps} steps in {fit.wall_s:.0f} s; "
        f"{fit.config.val_count} scenes not trained on"
        + (f"; the best network was that of step {at}." if at < fit.steps else ".")
    )


def as_dict(fit: Fit) -> dict[str, Any]:
    """What a script would read."""
    return {
        "steps": fit.steps, "wall_s": fit.wall_s, "resumed_at": fit.resumed_at, "loss": fit.losses[-1],
        "macro_iou": fit.macro_iou, "iou": fit.iou, "at_step": fit.evaluation.step,
        "precision": fit.precision, "device": fit.device,
    }  # fmt: skip


def keep(fit: Fit, checkpoint: Path, out: Path | None, run: Run, say: Callable[[str], None]) -> None:
    """After the recording: write the files into `out`, or drop the checkpoint that is not needed any more."""
    run_file(checkpoint).unlink(missing_ok=True)
    if out is None:
        checkpoint.unlink(missing_ok=True)
        return
    model = weights.save(weights.pack(fit, run.id, run.url), out / "model.safetensors")
    panel = write_atomic(out / "panel.png", panel_png(examples(fit)))
    say(f"Wrote {model} and {panel}")


def run_file(checkpoint: Path) -> Path:
    """Where the id of a training's run is kept, so that one that is resumed goes on in the same run."""
    return checkpoint.with_suffix(".run")
