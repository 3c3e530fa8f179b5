"""The files that a command is given and the files that it writes: by name, and never over something else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from level1_api.samples import sample
from shared.errors import BadUsage, LadderError
from shared.files import write_atomic

if TYPE_CHECKING:
    from level1_api.transcribe import Result

SUFFIX = {"text": "txt", "json": "json", "verbose_json": "json", "srt": "srt", "vtt": "vtt"}


def source(name: str) -> tuple[Path, str | None]:
    """A file, or a sample clip with its words."""
    if name.startswith("sample:"):
        found = sample(name.removeprefix("sample:"))
        return found.path, found.text
    if "://" in name:
        raise BadUsage(
            f"{name} is an address, and addresses are not fetched.", "Download the file, then name that."
        )
    return Path(name), None


def reference_text(reference: str) -> str:
    """The reference itself, or what the file of that name holds."""
    path = Path(reference)
    try:
        if path.is_file():
            return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise BadUsage(f"{reference} is no text file.", "Save it as plain text in UTF-8.") from None
    except (OSError, ValueError):  # a long text is no file name
        return reference
    if path.suffix == ".txt":
        raise BadUsage(f"There is no file {reference}.", "Check the name, or give the words themselves.")
    return reference


def stems(names: Sequence[str]) -> list[str]:
    """The name of each output file without its ending. No two are the same: talk.mp3 beside talk.wav."""
    plain = [Path(name.removeprefix("sample:")).stem for name in names]
    told = [Path(n).name if plain.count(s) > 1 else s for n, s in zip(names, plain, strict=True)]
    return [t if told.count(t) == 1 else f"{t}-{told[: i + 1].count(t)}" for i, t in enumerate(told)]


def write(folder: Path, stem: str, result: Result, sound: Path) -> Path:
    """Write a transcript. Beside the sound, talk.txt may hold what was said: that is never overwritten."""
    content = result.render().rstrip("\n") + "\n"
    path = folder / f"{stem}.{SUFFIX[result.output]}"
    if path.is_file() and path.parent.samefile(sound.parent) and path.read_bytes() != content.encode():
        path = folder / f"{stem}.transcript.{SUFFIX[result.output]}"
    try:
        return write_atomic(path, content)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise LadderError(f"{path} cannot be written: {reason}.", "Mend that, then type it again.") from None
