"""Cases of `metrics`. The oracle of nDCG is scikit-learn's ndcg_score, which averages over ties."""

from __future__ import annotations

from collections.abc import Iterator
from math import isnan
from types import ModuleType

import numpy as np
from sklearn.metrics import dcg_score, ndcg_score

from shared.study import Case

NEAR = 1e-9  # float64: the order of a sum changes its last digits


def cases(work: ModuleType, rng: np.random.Generator) -> Iterator[Case]:
    search = [0, 2, 0, 1, 0]
    for k, expected in ((1, 0.0), (2, 1.0), (4, 1.0)):
        yield Case(
            f"a hit among the first {k}?",
            call="hit",
            args=(search, k),
            expected=expected,
            mistakes={"counts-hits": sum(grade > 0 for grade in search[:k]) / k},
        )
    searches = [[0, 1, 0, 1], [0, 0, 0], [0, 0, 0, 2], [0, 0, 0, 0]]
    yield Case(
        "four searches, two of which found something",
        call="mrr",
        args=(searches,),
        expected=(1 / 2 + 0 + 1 / 4 + 0) / 4,
        tolerance=NEAR,
        mistakes={"rank-from-zero": (1 / 1 + 1 / 3) / 4, "mean-of-found": (1 / 2 + 1 / 4) / 2},
    )
    yield _ndcg("a relevant passage in second place", np.array([1, 0, 0]), np.array([0.2, 0.9, 0.1]))
    yield _ndcg("grades from 0 to 3", np.array([0, 3, 1, 2]), np.array([0.9, 0.7, 0.3, 0.1]))
    yield _ndcg("the better one in eleventh place", np.array([1, *[0] * 9, 2]), np.linspace(1, 0, 11))
    yield _ndcg("equal scores", np.array([0, 3, 0, 1]), np.array([0.9, 0.7, 0.7, 0.7]), k=3)
    yield _ndcg("nothing relevant", np.zeros(4, int), np.array([0.9, 0.7, 0.3, 0.1]))
    yield _ndcg(
        "200 passages drawn at random, many of equal score",
        rng.choice(4, 200, p=[0.85, 0.05, 0.05, 0.05]),
        rng.integers(30, size=200) / 30,
    )


def _ndcg(title: str, grades: np.ndarray, scores: np.ndarray, k: int = 10) -> Case:
    order = np.argsort(-scores, kind="stable")
    ranks = np.arange(1, len(grades) + 1)
    first, undiscounted = grades[order][:k], 1 / np.maximum(np.log2(ranks), 1)
    return Case(
        title,
        call="ndcg",
        args=(grades, scores, k),
        expected=_oracle(grades, scores, k),
        tolerance=NEAR,
        mistakes={
            "nothing-relevant": lambda got: not grades.any() and isnan(got),
            "divides-by-zero": lambda got: not np.isfinite(got),
            "no-plus-one": _quotient(grades[order], undiscounted, k),
            "powers-of-two": _oracle(2**grades - 1, scores, k),
            "forgets-k": _oracle(grades, scores, len(grades)),
            "ideal-of-found": _oracle(first, np.arange(len(first), 0, -1), k),
            "ties-as-they-lie": _oracle(grades[order], -ranks, k),
            "not-divided": float(dcg_score([grades], [scores], k=k)),
        },
    )


def _oracle(grades: np.ndarray, scores: np.ndarray, k: int) -> float:
    return float(ndcg_score([grades], [scores], k=k))


def _quotient(by_score: np.ndarray, discount: np.ndarray, k: int) -> float:
    """nDCG by another discount, where all scores differ."""
    best = np.sort(by_score)[::-1][:k] @ discount[:k]
    return float(by_score[:k] @ discount[:k] / best) if best else 0.0
