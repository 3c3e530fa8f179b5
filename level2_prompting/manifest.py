"""What an index holds and how it was made: the pointer file, and everything it names read at once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from level2_prompting.documents import Document
from level2_prompting.split import CHUNK_CHARS, Chunk

if TYPE_CHECKING:
    from chromadb import Collection

PAGE = 2000  # passages read from Chroma at once: it takes some 5,000 at most


@dataclass(frozen=True)
class Manifest:
    """What an index holds, and how it was made. The pointer file is this, as JSON.

    Attributes:
        collection: the Chroma collection of this build.
        provider, model: who made the vectors; questions go to the same.
        documents: each document's name, with the digest under which its text is kept.
        chunks: how many passages it holds.
        fingerprint: a hash of all that decides what the index holds.
        kept: how many of the passages have their vectors from the build before; the rest was embedded.
        pages: where each page of a document begins, for those that have pages.
    """

    collection: str
    provider: str
    model: str
    documents: dict[str, str]
    chunks: int
    fingerprint: str
    kept: int = 0
    pages: dict[str, list[int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Snapshot:
    """Everything that one build holds, in memory.

    Attributes:
        chunks: the C passages, by source and place.
        vectors: (C, D) float32, unit length, a row a passage; not to be written to.
        texts: the whole documents, by name.
    """

    manifest: Manifest
    chunks: tuple[Chunk, ...]
    vectors: np.ndarray
    texts: dict[str, str]


def fingerprint(documents: Sequence[Document], provider: str, model: str) -> str:
    """A hash of all that decides what an index holds: equal ones need not be built again."""
    parts = sorted((document.name, document.digest, document.pages) for document in documents)
    return hashlib.sha256(repr((parts, provider, model, CHUNK_CHARS)).encode()).hexdigest()


def chunk_of(name: str, text: str, place: dict[str, str | int]) -> Chunk:
    """A passage as Chroma keeps it: its id, its words, and where they stand."""
    return Chunk(name, str(place["source"]), text, int(place["start"]), int(place["end"]))


def passages(collection: Collection) -> tuple[tuple[Chunk, ...], np.ndarray]:
    """All C passages of a collection by source and place, and their unit vectors (C, D)."""
    chunks: list[Chunk] = []
    vectors: list[np.ndarray] = []
    while True:
        rows = collection.get(
            limit=PAGE, offset=len(chunks), include=["documents", "metadatas", "embeddings"]
        )
        if not rows["ids"]:
            break
        found = zip(rows["ids"], rows["documents"] or [], rows["metadatas"] or [], strict=True)
        chunks += [chunk_of(name, text, dict(place)) for name, text, place in found]  # type: ignore[arg-type]
        vectors.append(np.asarray(rows["embeddings"], np.float32))
    order = sorted(range(len(chunks)), key=lambda i: (chunks[i].source, chunks[i].start))
    table = unit(np.concatenate(vectors)[order]) if vectors else np.zeros((0, 0), np.float32)
    table.flags.writeable = False  # it is shared by all who ask
    return tuple(chunks[i] for i in order), table


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors (N, D) as float32 of length 1, so that a dot product is a cosine."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.maximum(lengths, 1e-12)).astype(np.float32)
