"""Is the search any good? Three numbers that answer, each with an edge that is easily got wrong.

A grade says how relevant a passage is: 0 not at all, 1, 2 or 3 more and more. A search is given by the grades
of its passages in the order in which it lists them. Ranks begin at 1.

    hit([0, 0, 2], k=2)                              0.0: nothing relevant among the first two
    mrr([[0, 1, 0], [0, 0, 0]])                      0.25: the mean of 1 / 2 and 0
    ndcg(np.array([1, 0]), np.array([0.2, 0.9]))     0.63…: 1 / log2(3), where 1 / log2(2) was possible

DCG@k is the sum of grade / log2(rank + 1) over the first k. The scores leave open how passages of equal score
stand to each other, so each of them counts with the mean of their grades.

Check with: ladder check metrics
"""

from collections.abc import Sequence

import numpy as np


def hit(search: Sequence[int], k: int) -> float:
    """1.0 if anything relevant is among the first k, else 0.0."""
    return float(any(search[:k]))


def mrr(searches: Sequence[Sequence[int]]) -> float:
    """Mean reciprocal rank: over all searches, the mean of 1 / rank of the first relevant passage, or 0."""
    ranks = [next((rank for rank, grade in enumerate(one, 1) if grade), None) for one in searches]
    return sum(1 / rank for rank in ranks if rank) / len(searches)  # the misses are in the length


def ndcg(grades: np.ndarray, scores: np.ndarray, k: int = 10) -> float:
    """DCG@k of N passages by their scores, divided by that of the best possible order; 0.0 if that is 0.

    `grades` (N,) are those of all passages, found or not, in any order; `scores` (N,) in the same order.
    """
    order = np.argsort(-scores, kind="stable")
    by_score = grades[order].astype(float)  # (N,)
    for score in np.unique(scores):
        tied = scores[order] == score
        by_score[tied] = by_score[tied].mean()
    discount = 1 / np.log2(np.arange(len(grades)) + 2)  # (N,) for the ranks 1 … N
    discount[k:] = 0
    best = np.sort(grades)[::-1] @ discount  # of all grades: what was not found is missing above, not here
    return float(by_score @ discount / best)


if __name__ == "__main__":
    grades, scores = np.array([0, 3, 1, 0]), np.array([0.9, 0.7, 0.7, 0.1])
    print(f"nDCG@10 {ndcg(grades, scores):.3f}")
    print(f"MRR     {mrr([[0, 3, 1, 0], [0, 0, 0, 0]]):.3f}")
    print(f"hit@1   {hit([0, 3, 1, 0], 1):.3f}")
