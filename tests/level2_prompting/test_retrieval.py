"""Retrieval figures against scikit-learn and against encoders whose ranking is known."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from level2_prompting.corpus import articles
from level2_prompting.evaluate import ndcg, relevant, retrieval_scores
from level2_prompting.questions import questions
from level2_prompting.split import split


def slow_ndcg(hits: Sequence[bool], k: int) -> float:
    """The definition, a term at a time."""
    gained = sum(1 / math.log2(rank + 1) for rank, hit in enumerate(hits, 1) if hit and rank <= k)
    best = sum(1 / math.log2(rank + 1) for rank in range(1, min(sum(hits), k) + 1))
    return gained / best if best else 0.0


@given(st.lists(st.booleans(), min_size=2, max_size=30), st.integers(1, 12))
def test_ndcg_is_the_definition(hits: list[bool], k: int) -> None:
    assert ndcg(hits, k) == pytest.approx(slow_ndcg(hits, k), abs=1e-12)


def test_ndcg_agrees_with_scikit_learn() -> None:
    sklearn = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    for _ in range(50):
        scores = rng.permutation(30).astype(float)  # no ties: scikit-learn averages over them
        truth = rng.random(30) < 0.15
        order = np.argsort(-scores)
        expected = sklearn.ndcg_score([truth.astype(float)], [scores], k=10)
        assert ndcg(list(truth[order])) == pytest.approx(expected, abs=1e-12)


class Oracle:
    """Gives a question the vector of the passage that answers it, blurred, of any length."""

    def __init__(self, blur: float) -> None:
        self.chunks = [chunk for article in articles() for chunk in split(article.text, article.name)]
        self.place = {chunk.text: n for n, chunk in enumerate(self.chunks)}
        self.asked = {q.text: q for q in questions()}
        self.rng, self.blur = np.random.default_rng(0), blur

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        return np.stack([self.vector(text) for text in texts])

    def vector(self, text: str) -> np.ndarray:
        at = self.place.get(text)
        if at is None:
            at = next(n for n, chunk in enumerate(self.chunks) if relevant(self.asked[text], chunk))
        noise = self.blur * self.rng.standard_normal(len(self.chunks))
        return (np.eye(len(self.chunks))[at] + noise) * self.rng.uniform(0.1, 9)


def test_a_perfect_encoder_scores_one() -> None:
    found = retrieval_scores(Oracle(blur=0))
    assert found.hit_at_1 == found.hit_at_5 == 1
    assert len(found.ranks) == 40
    assert found.ranks == (1,) * 40


def test_a_blurred_encoder_scores_what_its_ranks_say() -> None:
    found = retrieval_scores(Oracle(blur=0.3))
    ranks = [rank for rank in found.ranks if rank]
    assert len(ranks) == 40 and max(ranks) > 5
    assert found.hit_at_5 == sum(rank <= 5 for rank in ranks) / 40
    assert 0 < found.hit_at_1 <= found.hit_at_5 < 1
    assert found.hit_at_1 <= found.ndcg_at_10 < 1


def test_the_encoder_in_the_box() -> None:
    """Plain dense search is neither hopeless nor solved: there is something to improve."""
    from shared.encoder import Encoder

    found = retrieval_scores(Encoder.load().encode)
    assert 0.5 <= found.hit_at_1 <= 0.8
    assert 0.85 <= found.hit_at_5 <= 1
