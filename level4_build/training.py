"""Where a training's files are: the checkpoint that it goes on from, and what it leaves behind."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from level4_build import checkpoint as files
from level4_build import weights
from level4_build.predict import panel_png
from level4_build.record import examples
from level4_build.trainer import Fit, TrainConfig, new_model
from level4_build.unet import parameters
from shared.errors import LadderError
from shared.files import home_folder, write_atomic
from shared.tracking import Run


def checkpoint_place(config: TrainConfig, out: Path | None = None) -> Path:
    """Where a training keeps its checkpoint: in `out`, or in the home, named by its settings."""
    if out is not None:
        return out / "checkpoint.pt"
    name = hashlib.sha256(json.dumps(config.as_dict()).encode()).hexdigest()[:12]
    return home_folder() / "level4" / f"{name}.pt"


def prepare(checkpoint: Path, resume: bool, say: Callable[[str], None]) -> None:
    """Say what a checkpoint that is there means, or remove it to begin anew.

    Raises:
        LadderError: its folder cannot be made, or it is damaged.
    """
    try:
        checkpoint.parent.mkdir(parents=True, exist_ok=True)
        if not resume:
            checkpoint.unlink(missing_ok=True)
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


def plan(config: TrainConfig) -> str:
    """What is about to be trained, in a sentence."""
    return (
        f"Training a U-Net of {parameters(new_model(config)):,} parameters: {config.steps} steps of "
        f"{config.batch} of {config.train_count} scenes, {config.size} pixels a side."
    )


def keep(fit: Fit, out: Path | None, run: Run, say: Callable[[str], None]) -> None:
    """After the recording: write the files into `out`, or drop the checkpoint that is not needed any more."""
    if out is None:
        checkpoint_place(fit.config).unlink(missing_ok=True)
        return
    model = weights.save(weights.pack(fit, run.id, run.url), out / "model.safetensors")
    panel = write_atomic(out / "panel.png", panel_png(examples(fit)))
    say(f"Wrote {model} and {panel}")
