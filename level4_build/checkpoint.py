"""A checkpoint: all that a training needs to go on as if it had never stopped, in one file."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from shared.errors import LadderError
from shared.files import write_atomic

HOLDS = {"config", "network", "step", "model", "optimizer", "random", "losses", "history", "wall_s"}


def save(path: Path, state: Mapping[str, Any]) -> Path:
    """Write the state: to a file beside it, to the disk, then to its name. A kill leaves the old whole."""
    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    try:
        return write_atomic(path, buffer.getvalue())
    except OSError as error:
        raise LadderError(
            f"The checkpoint {path} cannot be written ({error.strerror}).", "Name another place with --out."
        ) from None


def load(path: Path) -> dict[str, Any]:
    """Read a state. Only tensors and plain values are read, never code (`weights_only`).

    Raises:
        LadderError: the file is damaged, or is something else.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, OSError, EOFError, ValueError, pickle.UnpicklingError, zipfile.BadZipFile):
        state = None
    if not isinstance(state, dict) or not state.keys() >= HOLDS:
        raise LadderError(
            f"The checkpoint {path} is damaged, or is no checkpoint of this level.",
            "Remove it, or start anew with --fresh.",
        )
    return state
