"""Two searches, one by meaning and one by words: make one ranking of both. Reciprocal-rank fusion.

A cosine of 0.7 and a BM25 score of 11 have no common scale. Ranks have: a passage gets 1 / (k + rank) from
each search that found it, nothing from one that did not, and the sum is its score. Ranks begin at 1.

    by_meaning = {"tides": 0.71, "moon": 0.64}          as each search found them, in any order;
    by_words = {"ferry": 3.2, "tides": 11.9}            a higher score is better
    fuse([by_meaning, by_words])
    [("tides", 0.0328), ("moon", 0.0161), ("ferry", 0.0161)], to four places

Check with: ladder check fusion
"""

from collections.abc import Mapping, Sequence


def ranks(scores: Mapping[str, float]) -> dict[str, int]:
    """The rank of each passage, 1 for the highest score. Of equal ones that is better which stands first."""
    best_first = sorted(scores, key=lambda name: scores[name])  # stable: equal ones stay in their order
    return {name: rank for rank, name in enumerate(best_first, start=1)}


def fuse(searches: Sequence[Mapping[str, float]], k: int = 60) -> list[tuple[str, float]]:
    """Every passage that any search found, with its fused score, the best first.

    Of equal ones that comes first which was seen first: search by search, in the order of their ranks.
    """
    fused: dict[str, float] = {}
    for scores in searches:
        for name, rank in ranks(scores).items():
            fused[name] = fused.get(name, 0.0) + 1 / (k + rank)
    return sorted(fused.items(), key=lambda found: -found[1])


if __name__ == "__main__":
    by_meaning = {"tides": 0.71, "moon": 0.64, "harbour": 0.33}
    by_words = {"harbour": 3.2, "tides": 11.9}
    for name, score in fuse([by_meaning, by_words]):
        print(f"{score:.4f}  {name}")
