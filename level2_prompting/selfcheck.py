"""Is a new build whole, and does it find what it holds? Asked before anybody may read it.

Three questions: are all passages there; does each of a sample find itself by its own vector; and does the
approximate search (HNSW, a graph that is walked) find what comparing with every vector finds?
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from level2_prompting.split import Chunk
from shared.errors import LadderError

if TYPE_CHECKING:
    from chromadb import Collection

ITSELF = 200  # passages that have to find themselves
EXACT = 50  # of these, the ones whose neighbours are compared with exact search
NEIGHBOURS = 10
LEAST_RECALL = 0.99
TIE = 1e-5  # cosines that differ by less are equal: rounding


def check(
    collection: Collection, chunks: Sequence[Chunk], vectors: np.ndarray, rng: np.random.Generator
) -> None:
    """Compare what a collection holds and finds with the C passages and unit vectors (C, D) it should hold.

    Args:
        rng: draws the sample.

    Raises:
        LadderError: it is not whole, or does not find them.
    """
    held = collection.count()
    if held != len(chunks):
        raise _failed(f"it holds {held:,} of {len(chunks):,} passages")
    sample = rng.permutation(len(chunks))[:ITSELF]
    found = _found(collection, chunks, vectors[sample])
    lost = sum(not _same(chunks, vectors, int(n), rows[0]) for n, rows in zip(sample, found, strict=True))
    if lost:
        raise _failed(f"{lost} of {len(sample)} passages do not find themselves")
    recall = recall_of(found[:EXACT], vectors[sample[:EXACT]], vectors)
    if recall < LEAST_RECALL:
        raise _failed(f"it finds {recall:.3f} of what exact search finds, less than {LEAST_RECALL}")


def recall_of(found: Sequence[Sequence[int]], asked: np.ndarray, vectors: np.ndarray) -> float:
    """The share of the nearest passages that a search found; of equally near ones any will do.

    Args:
        found: for each of Q questions the rows of the k passages that were found.
        asked: (Q, D) unit vectors; vectors: (C, D).
    """
    hits = 0
    for question, rows in zip(asked, found, strict=True):
        near = vectors @ question  # (C,)
        last = np.partition(near, -len(rows))[-len(rows)]  # the k-th nearest, exactly
        hits += int((near[list(rows)] >= last - TIE).sum())
    return hits / sum(map(len, found))


def _found(collection: Collection, chunks: Sequence[Chunk], asked: np.ndarray) -> list[list[int]]:
    """The rows of the passages that the collection finds for each vector; at least one each."""
    row = {chunk.id: number for number, chunk in enumerate(chunks)}
    most = min(NEIGHBOURS, len(chunks))
    answers = collection.query(query_embeddings=asked, n_results=most, include=[])["ids"]
    if any(len(set(ids)) < most or not row.keys() >= set(ids) for ids in answers):
        raise _failed("a search in it finds too few passages, or others than were written")
    return [[row[name] for name in ids] for ids in answers]


def _same(chunks: Sequence[Chunk], vectors: np.ndarray, one: int, other: int) -> bool:
    """Whether two passages cannot be told apart: by their words, or by their vectors."""
    return chunks[one].text == chunks[other].text or bool(vectors[one] @ vectors[other] >= 1 - TIE)


def _failed(reason: str) -> LadderError:
    return LadderError(
        f"The new index fails its self-check: {reason}. It was removed, and the old one stays.",
        "Try again; if it fails again, see: ladder doctor",
    )
