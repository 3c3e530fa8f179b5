"""Files that are whole or not there: nothing half-written after a crash or `kill -9`."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path


def write_atomic(path: Path, content: str | bytes) -> Path:
    """Replace the file at `path` by `content` (text as UTF-8), in one step that other processes see.

    The content goes to a temporary file beside it, is flushed to the disk, and takes the name at the end.
    Missing folders are made.

    Raises:
        OSError: the disk is full, or the folder is not writable; the old file is then untouched.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode("utf-8") if isinstance(content, str) else content
    number, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    return path
