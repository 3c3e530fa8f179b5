"""What the stages of a search need beside Chroma's vectors. It is written once, when an index is built.

    prepare(folder, chunks, encode)                # in a build
    prepared = Prepared(chunks, encode, folder)    # in a search
    prepared.words(in_context=False).scores("What holds back the sea?")

A vector is made for each sentence, and for each passage with its headings before it; equal texts share one.
Where the folder is missing, or of other passages, the same is computed in memory when it is first asked for.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path

import numpy as np

from level2_prompting.context import in_context
from level2_prompting.late import sentences_of
from level2_prompting.lexical import Lexical
from level2_prompting.manifest import unit
from level2_prompting.split import Chunk
from shared.files import write_atomic

Encode = Callable[[Sequence[str]], np.ndarray]
FORM = "1"  # of the folder; another form is computed anew
BATCH = 64  # texts that are embedded in one request
TABLES = {False: "words", True: "words-in-context"}  # BM25's folders


@dataclass(frozen=True)
class Vectors:
    """Vectors of C passages in their context and of their S sentences.

    Attributes:
        keys: a hash of each text that has a vector.
        table: (N, D) unit vectors, a row a text.
        passages: (C,) the row of each passage in its context; -1 where no heading stands above it.
        sentences: (S,) the row of each sentence; owners: (S,) the passage that it is from.
    """

    keys: tuple[str, ...]
    table: np.ndarray
    passages: np.ndarray
    sentences: np.ndarray
    owners: np.ndarray


class Prepared:
    """What was prepared for C passages.

    Args:
        chunks: the passages, by source and place.
        encode: N texts to an array (N, D), for what was not prepared.
        folder: where `prepare` wrote.
    """

    def __init__(self, chunks: Sequence[Chunk], encode: Encode, folder: Path | None = None) -> None:
        self._chunks, self._encode = chunks, encode
        self._folder = folder if folder and _holds(folder, chunks) else None
        self._words: dict[bool, Lexical] = {}
        self._in_context: np.ndarray | None = None

    def words(self, in_context: bool) -> Lexical:
        """BM25's table of the passages, with the headings above them or without."""
        if in_context not in self._words:
            self._words[in_context] = self._load_words(in_context) or _words(self._chunks, in_context)
        return self._words[in_context]

    @cached_property
    def vectors(self) -> Vectors:
        """The vectors of passages in their context and of sentences."""
        kept = _load_vectors(self._folder) if self._folder else None
        return kept or _embed(self._chunks, self._encode, {})

    def in_context(self, plain: np.ndarray) -> np.ndarray:
        """The vectors of the passages in their context, (C, D): `plain`, but for those under a heading."""
        if self._in_context is None:
            found, rows = plain.copy(), self.vectors.passages
            found[rows >= 0] = self.vectors.table[rows[rows >= 0]]
            self._in_context = found
        return self._in_context

    def _load_words(self, in_context: bool) -> Lexical | None:
        if self._folder is None:
            return None
        try:
            return Lexical.load(self._folder / TABLES[in_context], len(self._chunks))
        except (OSError, ValueError, EOFError, KeyError):
            return None


def prepare(
    folder: Path,
    chunks: Sequence[Chunk],
    encode: Encode,
    old: Path | None = None,
    on_progress: Callable[[float], None] = lambda share: None,
) -> tuple[int, int]:
    """Write what the stages need into a folder that nobody reads yet.

    Args:
        encode: N texts to an array (N, D).
        old: the folder of an earlier build whose vectors are of the same encoder: they are taken over.

    Returns:
        how many texts were embedded, and how many vectors were taken over.
    """
    chunks = sorted(chunks, key=lambda chunk: (chunk.source, chunk.start))
    for contextual, name in TABLES.items():
        _words(chunks, contextual).save(folder / name)
    before = _load_vectors(old) if old else None
    known = dict(zip(before.keys, before.table, strict=True)) if before else {}
    found = _embed(chunks, encode, known, on_progress)
    for name in ("table", "passages", "sentences", "owners"):
        write_atomic(folder / f"{name}.npy", _npy(getattr(found, name)))
    write_atomic(folder / "keys.json", json.dumps(found.keys))
    write_atomic(folder / "passages.txt", _mark(chunks))  # last: a folder with it is whole
    kept = sum(key in known for key in found.keys)
    return len(found.keys) - kept, kept


def _embed(
    chunks: Sequence[Chunk],
    encode: Encode,
    known: dict[str, np.ndarray],
    on_progress: Callable[[float], None] = lambda share: None,
) -> Vectors:
    """The vectors of all texts; of those in `known`, by the hash of the text, nothing is computed."""
    headed = [
        text if text != chunk.text else "" for text, chunk in zip(in_context(chunks), chunks, strict=True)
    ]
    sentences, owners = sentences_of(chunks)
    texts = {_key(text): text for text in [*headed, *sentences] if text}
    new = [key for key in texts if key not in known]
    fresh: dict[str, np.ndarray] = {}
    for first in range(0, len(new), BATCH):
        batch = new[first : first + BATCH]
        fresh.update(zip(batch, unit(encode([texts[key] for key in batch])), strict=True))
        on_progress(min(first + BATCH, len(new)) / len(new))
    rows = {key: row for row, key in enumerate(texts)}
    return Vectors(
        keys=tuple(texts),
        table=np.stack([fresh[key] if key in fresh else known[key] for key in texts]),
        passages=np.array([rows[_key(text)] if text else -1 for text in headed], np.int64),
        sentences=np.array([rows[_key(text)] for text in sentences], np.int64),
        owners=np.array(owners, np.int64),
    )


def _words(chunks: Sequence[Chunk], contextual: bool) -> Lexical:
    return Lexical.of(in_context(chunks) if contextual else [chunk.text for chunk in chunks])


def _load_vectors(folder: Path) -> Vectors | None:
    """What `prepare` wrote; None if it is not there or not whole."""
    try:
        keys = tuple(json.loads((folder / "keys.json").read_text(encoding="utf-8")))
        parts = ("table", "passages", "sentences", "owners")
        found = Vectors(keys, *(np.load(folder / f"{name}.npy", allow_pickle=False) for name in parts))
    except (OSError, ValueError, EOFError, TypeError):
        return None
    return found if len(found.keys) == len(found.table) else None


def _holds(folder: Path, chunks: Sequence[Chunk]) -> bool:
    """Whether a folder is whole and of these passages."""
    try:
        return (folder / "passages.txt").read_text(encoding="utf-8") == _mark(chunks)
    except (OSError, ValueError):
        return False


def _mark(chunks: Sequence[Chunk]) -> str:
    ids = "\n".join(chunk.id for chunk in chunks)
    return f"{FORM} {hashlib.sha256(ids.encode()).hexdigest()}\n"


def _key(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:32]


def _npy(array: np.ndarray) -> bytes:
    file = BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()
