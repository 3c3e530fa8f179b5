"""Late interaction: a passage is judged by its best sentence, where one vector for all of it would blur.

    score = max_similarity(question[None], sentence_vectors, owners, passages=2)    # (2,)

ColBERT (Khattab and Zaharia 2020, section 3.3) keeps a vector for each token and sums, over the question's
tokens, the similarity of the nearest one in the passage. Here the parts are sentences, whose vectors are made
when the index is built: far fewer, and of use with an encoder that was not trained for it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from level2_prompting.split import Chunk
from shared.service.engines.sentences import sentences


def max_similarity(parts: np.ndarray, vectors: np.ndarray, owners: np.ndarray, passages: int) -> np.ndarray:
    """For each passage the mean, over the question's parts, of the cosine of its nearest sentence.

    The mean in place of ColBERT's sum stays a cosine, however many parts there are.

    Args:
        parts: (P, D) unit vectors of the question; one row for the question as a whole.
        vectors: (S, D) unit vectors of sentences.
        owners: (S,) the passage, 0 to C - 1, that each sentence is from.
        passages: C.

    Returns:
        (C,); -1, the least that a cosine can be, for a passage without a sentence.
    """
    best = np.full((passages, len(parts)), -1.0, np.float32)  # (C, P)
    np.maximum.at(best, owners, vectors @ parts.T)
    return best.mean(axis=1)


def sentences_of(chunks: Sequence[Chunk]) -> tuple[list[str], list[int]]:
    """The sentences of all passages, and the number of the passage that each is from.

    A passage that holds none, such as a table or code, is one as it stands.
    """
    texts: list[str] = []
    owners: list[int] = []
    for number, chunk in enumerate(chunks):
        found = [sentence.text for sentence in sentences(chunk.text)] or [chunk.text]
        texts += found
        owners += [number] * len(found)
    return texts, owners
