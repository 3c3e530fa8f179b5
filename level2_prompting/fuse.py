"""Several rankings made one: reciprocal-rank fusion.

    best_first(reciprocal_rank_fusion([["a", "b"], ["b", "c"]]))    # ["b", "a", "c"]

A cosine and a BM25 score have no common scale, so they cannot be added. Ranks can: an item gets
1 / (K + rank) from each ranking that holds it, and nothing from the others (Cormack, Clarke and Büttcher,
"Reciprocal Rank Fusion Outperforms Condorcet and Individual Rank Learning Methods", 2009). The constant K
keeps a first place from weighing much more than a second.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

K = 60  # the paper's own choice

Item = TypeVar("Item", bound=Hashable)


def reciprocal_rank_fusion(
    rankings: Sequence[Sequence[Item]], weights: Sequence[float] | None = None, k: int = K
) -> dict[Item, float]:
    """The score of every item that is in one of the rankings, each best first and without repeats.

    Args:
        weights: how much each ranking counts; by default all count 1, as in the paper.
    """
    scores: dict[Item, float] = {}
    for ranking, weight in zip(rankings, weights or [1.0] * len(rankings), strict=True):
        for rank, item in enumerate(ranking, 1):
            scores[item] = scores.get(item, 0.0) + weight / (k + rank)
    return scores


def best_first(scores: Mapping[Item, float]) -> list[Item]:
    """The items by score. Of equal ones that comes first which was seen first."""
    return sorted(scores, key=lambda item: -scores[item])
