"""What level 2 uses the encoder for: passages to find, questions to find them by, and the search itself.

before = Index(encoder.encode)
before.top("Who closes the tide gate?")
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from level2_prompting.corpus import articles
from level2_prompting.evaluate import Encode
from level2_prompting.questions import Question
from level2_prompting.questions import questions as all_questions
from level2_prompting.split import Chunk, split

TOP = 5


@lru_cache
def passages() -> tuple[Chunk, ...]:
    """Every passage of level 2's corpus, cut as level 2 cuts it."""
    return tuple(chunk for article in articles() for chunk in split(article.text, article.name))


@lru_cache
def questions() -> tuple[Question, ...]:
    """The development questions of level 2 whose answer stands in the corpus."""
    return tuple(question for question in all_questions() if question.answerable)


def spread(count: int) -> list[str]:
    """So many passages from all over the corpus, at equal steps."""
    texts = [passage.text for passage in passages()]
    return [texts[i % len(texts)] for i in np.linspace(0, len(texts) - 1, count).round().astype(int)]


@dataclass(frozen=True)
class Found:
    """A passage, and the cosine between it and the question."""

    passage: Chunk
    cosine: float


class Index:
    """The corpus as one encoder sees it. Encodes all passages once, when it is made."""

    def __init__(self, encode: Encode) -> None:
        self.encode = encode
        self._vectors = encode([passage.text for passage in passages()])  # (N, width)

    def top(self, question: str, count: int = TOP) -> list[Found]:
        """The passages nearest to the question, the nearest first: exact search."""
        cosines = self._vectors @ self.encode([question])[0]  # (N,)
        return [Found(passages()[i], float(cosines[i])) for i in np.argsort(-cosines, kind="stable")[:count]]


def cosine(encode: Encode, one: str, other: str) -> float:
    """The cosine between two texts, -1 to 1: how much alike the encoder takes them to be."""
    a, b = encode([one, other])
    return float(a @ b)
