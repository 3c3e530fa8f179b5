"""A checkpoint: all that a training needs to go on as if it had never stopped, in one file.

What follows from the rest is not kept: the learning rate, the patience that is left and the order of the data
are functions of the step, the evaluations and the seed.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import random
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from shared.errors import LadderError
from shared.files import write_atomic

HOLDS = {  # step, epoch and position say the same: how far it is, and where in the data that is
    "config", "network", "data", "code", "precision", "step", "epoch", "position", "model", "optimizer",
    "average", "random", "losses", "history", "best", "wall_s",
}  # fmt: skip


def save(path: Path, state: Mapping[str, Any]) -> Path:
    """Write the state: to a file beside it, to the disk, then to its name. A kill leaves the old whole."""
    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    try:
        return write_atomic(path, buffer.getvalue())
    except OSError as error:
        raise LadderError(
            f"The checkpoint {path} cannot be written ({error.strerror}).",
            "The one before it is whole. Make room or name another --out, and type the same again.",
        ) from None


def load(path: Path) -> dict[str, Any]:
    """Read a state. Only tensors and plain values are read, never code (`weights_only`).

    Raises:
        LadderError: the file is not there, is damaged, or is something else.
    """
    if not path.exists():
        raise LadderError(f"There is no checkpoint {path}.", "A training makes one: ladder level4 train")
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


def code_digest() -> str:
    """A hash of this level's code: under other code the same checkpoint may end otherwise."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


# Randomness ------------------------------------------------------------------------------------------


def random_state() -> dict[str, Any]:
    """Where every generator of random numbers stands, as plain values and tensors."""
    version, numbers, gauss = random.getstate()
    name, keys, *rest = np.random.get_state(legacy=True)
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    return {
        "python": [version, list(numbers), gauss],
        "numpy": [name, torch.from_numpy(np.asarray(keys).astype(np.int64)), *rest],
        "torch": torch.get_rng_state(),
        "cuda": cuda,
    }


def set_random_state(state: Mapping[str, Any]) -> None:
    """Put every generator where `random_state` found it."""
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))
    torch.set_rng_state(state["torch"])
    if state["cuda"] and torch.cuda.device_count() == len(state["cuda"]):
        torch.cuda.set_rng_state_all(state["cuda"])


@contextmanager
def own_randomness(seed: int) -> Iterator[None]:
    """Every generator begins at `seed`; afterwards the caller's numbers go on as if nothing had been."""
    before = random_state()
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    try:
        yield
    finally:
        set_random_state(before)
