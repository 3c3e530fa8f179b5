"""Documents from files: what can be indexed, and one sentence for each file that cannot.

    documents, skipped = read([Path("notes"), Path("report.pdf")])

Which files are meant is told by their names; what is in them by their bytes (`loaders.py`). Of Markdown and
text the document is what `Path.read_text(encoding="utf-8")` gives, of HTML and PDF the words in it.
"""

from __future__ import annotations

import hashlib
import os
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from level2_prompting.loaders import LARGEST_PDF, Unreadable, load

SUFFIXES = frozenset({".md", ".markdown", ".txt", ".html", ".htm", ".pdf"})
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


def read(
    paths: Iterable[Path], on_progress: Callable[[float], None] = lambda share: None
) -> tuple[list[Document], list[Skipped]]:
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
            skipped.append(Skipped(str(path), f"{path} holds no document."))
    names = [name for name, _ in named]
    documents: list[Document] = []
    for number, (name, file) in enumerate(named):
        on_progress(number / len(named))
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
    suffix = Path(name).suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(f"{name} is left out: it is no document ({', '.join(sorted(SUFFIXES))}).")
    try:
        text, pages = load(data, suffix)
    except Unreadable as reason:
        raise ValueError(f"{name} is left out: {reason}.") from None
    longest = max(map(len, text.splitlines()))
    if longest > LONGEST_LINE:
        raise ValueError(
            f"{name} is left out: it has a line of {longest:,} characters, more than {LONGEST_LINE:,}."
        )
    return Document(name, text, pages)


def page_at(pages: Sequence[int], place: int) -> int | None:
    """The number of the page, from 1, that a place in a document's text is on; None without pages."""
    return bisect_right(pages, place) or None


def _files(path: Path) -> Iterator[tuple[str, Path]]:
    """Each file with its name; of a folder all that look like documents, nothing hidden."""
    if not path.is_dir():
        yield path.name, path
        return
    found = []
    for folder, inner, names in os.walk(path):  # what vanishes or is not ours to read is passed over
        inner[:] = [name for name in inner if not name.startswith(".")]
        found += [Path(folder, name) for name in names if not name.startswith(".")]
    for file in sorted(found):
        if file.suffix.lower() in SUFFIXES and file.is_file():
            yield file.relative_to(path).as_posix(), file


def _bytes(file: Path) -> bytes:
    try:
        if file.stat().st_size > LARGEST_PDF:
            raise ValueError(f"{file} is left out: it is larger than {LARGEST_PDF:,} bytes.")
        return file.read_bytes()
    except FileNotFoundError:
        raise ValueError(f"There is no file or folder {file}.") from None
    except OSError as error:
        raise ValueError(f"{file} cannot be read: {error.strerror}.") from None
