"""How well are the right passages found? Retrieval measured on the development questions.

    from shared.encoder import Encoder
    print(retrieval_scores(Encoder.load().encode).hit_at_5)

The search is exact: every question is compared with every passage in numpy. So the figures are those of the
encoder and the splitter alone, and two encoders can be compared by them (level 3 does).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from level2_prompting.corpus import articles
from level2_prompting.questions import Question, questions
from level2_prompting.split import Chunk, split

Encode = Callable[[Sequence[str]], np.ndarray]


@dataclass(frozen=True)
class Retrieval:
    """What retrieval reaches on the answerable development questions.

    Attributes:
        ranks: for each question the rank of the first relevant passage, from 1; None if there is none.
        gains: for each question its nDCG@10.
    """

    ranks: tuple[int | None, ...]
    gains: tuple[float, ...]

    @property
    def hit_at_1(self) -> float:
        return self._hit(1)

    @property
    def hit_at_5(self) -> float:
        return self._hit(5)

    @property
    def ndcg_at_10(self) -> float:
        return fmean(self.gains)

    def _hit(self, k: int) -> float:
        """The share of questions with a relevant passage among the first k."""
        return fmean(rank is not None and rank <= k for rank in self.ranks)


def retrieval_scores(encode: Encode) -> Retrieval:
    """Rank all passages of the corpus for each answerable question, by cosine.

    Args:
        encode: N texts to an array (N, D); the vectors need not have unit length.
    """
    chunks = [chunk for article in articles() for chunk in split(article.text, article.name)]
    asked = [question for question in questions() if question.answerable]
    passages = _unit(encode([chunk.text for chunk in chunks]))  # (C, D)
    scores = _unit(encode([question.text for question in asked])) @ passages.T  # (Q, C)
    ranks: list[int | None] = []
    gains: list[float] = []
    for question, row in zip(asked, scores, strict=True):
        order = np.argsort(-row, kind="stable")
        hits = [relevant(question, chunks[index]) for index in order]
        ranks.append(hits.index(True) + 1 if True in hits else None)
        gains.append(ndcg(hits))
    return Retrieval(tuple(ranks), tuple(gains))


def relevant(question: Question, chunk: Chunk) -> bool:
    """Whether a passage holds at least half of the words that answer the question."""
    shared = min(question.end, chunk.end) - max(question.start, chunk.start)
    return question.source == chunk.source and 2 * shared >= question.end - question.start > 0


def ndcg(hits: Sequence[bool], k: int = 10) -> float:
    """Normalised discounted cumulative gain of a ranking, each passage relevant or not.

    DCG@k is the sum of 1 / log2(rank + 1) over the relevant passages among the first k; it is divided by
    the DCG of the best possible order (Järvelin and Kekäläinen 2002). 0 where nothing is relevant.
    """
    discount = 1 / np.log2(np.arange(2, k + 2))  # (k,) for the ranks 1 … k
    top = np.asarray(hits[:k], float)
    best = discount[: min(sum(hits), k)].sum()
    return float((top * discount[: len(top)]).sum() / best) if best else 0.0


def _unit(vectors: np.ndarray) -> np.ndarray:
    """(N, D) with rows of length 1."""
    vectors = np.asarray(vectors, np.float64)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True).clip(1e-12)
