"""Files that are whole or not there, nothing half-written after `kill -9`; and the home that holds them."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from shared.errors import LadderError
from shared.settings import settings


def write_atomic(path: Path, content: str | bytes) -> Path:
    """Replace the file at `path` by `content` (text as UTF-8), in one step that other processes see.

    The content goes to a temporary file beside it, is flushed to the disk, and takes the name at the end.
    Missing folders are made.

    Raises:
        OSError: the disk is full, or the folder is not writable; the old file is then untouched.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode("utf-8") if isinstance(content, str) else content
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with temporary.open("xb") as file:  # not mkstemp: its files are for their owner alone
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    return path


def results_folder(out: Path | None) -> None:
    """Make the folder that a command's --out names before its work, so that no work is lost for want of it.

    Raises:
        LadderError: it cannot be made or written.
    """
    if out is None:
        return
    try:
        out.mkdir(parents=True, exist_ok=True)
        reason = "" if os.access(out, os.W_OK) else "permission denied"
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
    if reason:
        raise LadderError(f"The folder {out} cannot be written: {reason}.", "Choose another --out.")


def home_folder() -> Path:
    """The home, made if it is not there.

    Raises:
        LadderError: it cannot be made or written.
    """
    home = settings().home
    try:
        home.mkdir(parents=True, exist_ok=True)
        writable = os.access(home, os.W_OK)
    except OSError:
        writable = False
    if not writable:
        raise LadderError(
            f"The home {home} cannot be written.", "Set LADDER_HOME to a folder that you may write to."
        )
    return home
