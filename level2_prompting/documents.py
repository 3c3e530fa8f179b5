"""Documents from files: what can be indexed, and one sentence for each file that cannot.

Names say little about contents, so a file is judged by its bytes. The text of a document is what
`Path.read_text(encoding="utf-8")` gives, so that an offset means the same to everybody.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

SUFFIXES = frozenset({".md", ".markdown", ".txt"})
LARGEST_BYTES = 10_000_000  # some 20 novels
LONGEST_LINE = 100_000  # characters; nobody writes such a paragraph


@dataclass(frozen=True)
class Document:
    """A text under the name by which answers cite it.

    Attributes:
        pages: where each page begins in the text; empty for a document without pages.
    """

    name: str
    text: str
    pages: tuple[int, ...] = ()

    @property
    def digest(self) -> str:
        """A hash of the text: the same text has the same digest everywhere."""
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True)
class Skipped:
    """A file that was left out, and why, as one sentence."""

    name: str
    reason: str


def read(paths: Iterable[Path]) -> tuple[list[Document], list[Skipped]]:
    """The documents among files and folders, each with a name of its own, and what was left out.

    A file of a folder is named by its path inside it. Where two would share a name, both go by their
    paths.
    """
    named: list[tuple[str, Path]] = []
    skipped: list[Skipped] = []
    seen: set[Path] = set()
    for path in paths:
        for name, file in _files(path):
            if file.resolve() not in seen:
                seen.add(file.resolve())
                named.append((name, file))
        if path.is_dir() and not any(True for _ in _files(path)):
            skipped.append(Skipped(str(path), f"{path} holds no Markdown or text file."))
    names = [name for name, _ in named]
    documents: list[Document] = []
    for name, file in named:
        unique = name if names.count(name) == 1 else file.as_posix()
        if any(unique == other.name for other in documents):
            unique = file.resolve().as_posix()
        try:
            documents.append(document(unique, _bytes(file)))
        except ValueError as error:
            skipped.append(Skipped(unique, str(error)))
    return documents, skipped


def document(name: str, data: bytes) -> Document:
    """A document from the bytes of a file.

    Raises:
        ValueError: one sentence that says why it cannot be indexed.
    """
    if Path(name).suffix.lower() not in SUFFIXES:
        raise ValueError(
            f"{name} is left out: it is no Markdown or text file ({', '.join(sorted(SUFFIXES))})."
        )
    if len(data) > LARGEST_BYTES:
        raise ValueError(f"{name} is left out: it has {len(data):,} bytes, more than {LARGEST_BYTES:,}.")
    if b"\0" in data:
        raise ValueError(
            f"{name} is left out: it holds NUL bytes, so it is not text, whatever its name says."
        )
    try:
        text = data.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{name} is left out: it is not UTF-8 text (byte {error.start:,}).") from None
    if not text.strip():
        raise ValueError(f"{name} is left out: it is empty.")
    longest = max(map(len, text.splitlines()))
    if longest > LONGEST_LINE:
        raise ValueError(
            f"{name} is left out: it has a line of {longest:,} characters, more than {LONGEST_LINE:,}."
        )
    return Document(name, text)


def _files(path: Path) -> Iterator[tuple[str, Path]]:
    """Each file with its name; of a folder all that look like documents, nothing hidden."""
    if not path.is_dir():
        yield path.name, path
        return
    for file in sorted(path.rglob("*")):
        inside = file.relative_to(path)
        hidden = any(part.startswith(".") for part in inside.parts)
        if not hidden and file.suffix.lower() in SUFFIXES and file.is_file():
            yield inside.as_posix(), file


def _bytes(file: Path) -> bytes:
    try:
        if file.stat().st_size > LARGEST_BYTES:
            raise ValueError(f"{file} is left out: it is larger than {LARGEST_BYTES:,} bytes.")
        return file.read_bytes()
    except FileNotFoundError:
        raise ValueError(f"There is no file or folder {file}.") from None
    except OSError as error:
        raise ValueError(f"{file} cannot be read: {error.strerror}.") from None
