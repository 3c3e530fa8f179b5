"""A new build embeds only what is new: a passage whose words are in the old build keeps its vector.

    known = reusable(old, encode)                        # vectors by text
    vectors = fill(collection, chunks, known, encode)    # (C, D), and written into Chroma

A vector depends on the words alone. So a passage keeps its own though it has moved, or is in another file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from level2_prompting.manifest import PAGE, Snapshot, unit
from level2_prompting.split import Chunk

if TYPE_CHECKING:
    from chromadb import Collection

BATCH = 64  # passages that are embedded in one request
PROBES = 4  # old passages that are embedded again, to see whether the encoder is still the same
ALIKE = 0.999  # least cosine of a probe's two vectors; the same encoder differs by rounding alone
Encode = Callable[[Sequence[str]], np.ndarray]
T = TypeVar("T")


def reusable(old: Snapshot, chunks: Sequence[Chunk], encode: Encode) -> dict[str, np.ndarray]:
    """Of these passages' texts the ones that an old build has a vector of, (D,) each.

    The name of a model does not prove that it is the same one, so a few are embedded again and compared.
    """
    wanted = {chunk.text for chunk in chunks}
    known = {
        chunk.text: vector
        for chunk, vector in zip(old.chunks, old.vectors, strict=True)
        if chunk.text in wanted
    }
    probes = list(known)[:: max(1, len(known) // PROBES)][:PROBES]
    if not probes:
        return {}
    before, now = np.stack([known[text] for text in probes]), unit(encode(probes))
    same = before.shape == now.shape and bool(((before * now).sum(axis=1) >= ALIKE).all())
    return known if same else {}


def fill(
    collection: Collection,
    chunks: Sequence[Chunk],
    known: dict[str, np.ndarray],
    encode: Encode,
    on_progress: Callable[[float], None] = lambda share: None,
) -> np.ndarray:
    """Write C passages with their vectors into a collection.

    Args:
        known: vectors (D,) by text; the other texts are embedded.

    Returns:
        (C, D) unit vectors, a row a passage.
    """
    rows = {number: known[chunk.text] for number, chunk in enumerate(chunks) if chunk.text in known}
    new = [number for number in range(len(chunks)) if number not in rows]
    for part in _parts(list(rows), PAGE):
        _write(collection, [chunks[n] for n in part], [rows[n] for n in part])
    on_progress(len(rows) / len(chunks))
    parts = list(_parts(new, BATCH))
    with ThreadPoolExecutor(1) as ahead:  # the next vectors are made while these are written
        made = [ahead.submit(encode, [chunks[n].text for n in part]) for part in parts]
        try:
            for part, future in zip(parts, made, strict=True):
                rows.update(zip(part, unit(future.result()), strict=True))
                _write(collection, [chunks[n] for n in part], [rows[n] for n in part])
                on_progress(len(rows) / len(chunks))
        finally:
            ahead.shutdown(cancel_futures=True)
    return np.stack([rows[number] for number in range(len(chunks))])


def _write(collection: Collection, chunks: Sequence[Chunk], vectors: Sequence[np.ndarray]) -> None:
    collection.upsert(  # `add` would silently leave an id that is there as it is
        [chunk.id for chunk in chunks],
        np.stack(vectors),
        [{"source": chunk.source, "start": chunk.start, "end": chunk.end} for chunk in chunks],
        [chunk.text for chunk in chunks],
    )


def _parts(of: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for first in range(0, len(of), size):
        yield of[first : first + size]
