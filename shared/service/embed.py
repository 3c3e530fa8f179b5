"""The work of an embedding request: texts to vectors, a few at a time. Runs in a worker thread."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from shared.service.engines.base import EmbeddingEngine
from shared.service.jobs import Cancelled
from shared.service.refusal import Refusal
from shared.service.timings import Timings

MAX_TOKENS = 8192  # of one text, as at OpenAI
MAX_CHARACTERS = 100_000  # of one text: what is longer is refused before it is split into tokens
MAX_TOTAL = 300_000  # tokens of one request, as at OpenAI
STEP_TOKENS, STEP_TEXTS = 4096, 64  # encoded between two looks at the cancel event

EMBEDDING_ANSWERS: dict[int | str, dict] = {
    200: {
        "description": "A vector a text.",
        "content": {"application/json": {"schema": {"type": "object", "required": ["data", "usage"]}}},
    }
}


def embed(
    texts: Sequence[str],
    dimensions: int | None,
    load: Callable[[], EmbeddingEngine],
    timings: Timings,
    cancel: threading.Event,
) -> Iterator[int | np.ndarray]:
    """Yield the number of tokens, then the vectors in arrays of shape (n, width), in order.

    Raises:
        Refusal: a text is too long, or the dimensions are not the model's.
        Cancelled: the event was set.
    """
    timings.turn_has_come()
    with timings.step("load"):
        engine = load()
    if dimensions not in (None, engine.width):
        raise Refusal(
            f"dimensions: the model's vectors have {engine.width} numbers, not {dimensions}.",
            "Leave it out.",
            param="dimensions",
        )
    with timings.step("tokens"):
        counts = _counted(texts, engine)
    yield sum(counts)
    for start, end in _steps(counts):
        if cancel.is_set():
            raise Cancelled
        with timings.step("model"):
            vectors = engine.encode(texts[start:end])
        yield vectors


def _counted(texts: Sequence[str], engine: EmbeddingEngine) -> list[int]:
    """The tokens of each text. Nothing is cut silently: what is too long is refused."""
    limit = f"at most {MAX_TOKENS} tokens and {MAX_CHARACTERS} characters are taken."
    for number, text in enumerate(texts):
        if len(text) > MAX_CHARACTERS:
            raise Refusal(f"input: text {number} has {len(text)} characters; {limit}", param="input")
    counts = [len(ids) for ids in engine.token_ids(texts)]
    for number, count in enumerate(counts):
        if count > MAX_TOKENS:
            raise Refusal(f"input: text {number} has {count} tokens; {limit}", param="input")
    if sum(counts) > MAX_TOTAL:
        raise Refusal(
            f"input: the texts have {sum(counts)} tokens; at most {MAX_TOTAL} are taken in one request.",
            "Send fewer at a time.",
            param="input",
        )
    return counts


def _steps(counts: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Runs of texts that are short together, each as (start, end)."""
    start, tokens = 0, 0
    for number, count in enumerate(counts):
        if number > start and (tokens + count > STEP_TOKENS or number - start == STEP_TEXTS):
            yield start, number
            start, tokens = number, 0
        tokens += count
    yield start, len(counts)


def embedding_body(
    vectors: np.ndarray, tokens: int, model: str, encoding_format: str | None
) -> dict[str, Any]:
    """The answer: vectors (N, width) as lists, or as base64 of little-endian float32."""

    def spelled(vector: np.ndarray) -> list[float] | str:
        if encoding_format == "base64":
            return base64.b64encode(vector.astype("<f4").tobytes()).decode()
        return vector.tolist()

    data = [
        {"object": "embedding", "index": number, "embedding": spelled(vector)}
        for number, vector in enumerate(vectors)
    ]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": data, "model": model, "usage": usage, "engine": model}
