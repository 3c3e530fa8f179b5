"""Cases of `fusion`. The reference counts, for each passage, how many are better, and adds up fractions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from types import ModuleType

import numpy as np

from shared.study import Case

Scores = Mapping[str, float]
NEAR = 1e-12  # float64: the last digits of a sum

MEANING = {"moon": 0.64, "tides": 0.71, "harbour": 0.33}
WORDS = {"ferry": 3.2, "tides": 11.9, "sand": 1.4}


def cases(work: ModuleType, rng: np.random.Generator) -> Iterator[Case]:
    yield _ranks("the ranks of three passages", MEANING)
    yield _ranks("equal scores", {"sand": 1.0, "moon": 2.0, "ferry": 2.0, "anchor": 1.0})
    yield _fuse("one search", [MEANING])
    yield _fuse("two searches that found the same", [MEANING, {"harbour": 7.5, "tides": 9.0, "moon": 2.0}])
    yield _fuse("two searches, each of which missed something", [MEANING, WORDS])
    yield _fuse("one search found nothing, and another k", [MEANING, {}], k=5)
    names = [f"passage {number}" for number in range(40)]
    drawn = [
        dict(
            zip(
                rng.permutation(names)[:25].tolist(), (rng.permutation(99)[:25] * scale).tolist(), strict=True
            )
        )
        for scale in (0.01, 0.3)
    ]
    yield _fuse("25 of 40 passages each, drawn at random", drawn, given="two searches of 25 passages")


def _ranks(title: str, scores: Scores) -> Case:
    return Case(
        title,
        call="ranks",
        args=(dict(scores),),
        expected=_reference_ranks(scores),
        mistakes={
            "rank-from-zero": {name: rank - 1 for name, rank in _reference_ranks(scores).items()},
            "upside-down": _reference_ranks({name: -score for name, score in scores.items()}),
            "as-they-came": {name: rank for rank, name in enumerate(scores, 1)},
            "ties-by-name": _reference_ranks({name: scores[name] for name in sorted(scores)}),
        },
    )


def _fuse(title: str, searches: Sequence[Scores], k: int = 60, given: str = "") -> Case:
    table = [_reference_ranks(scores) for scores in searches]
    sums = {name: sum(scores.get(name, 0.0) for scores in searches) for ranks in table for name in ranks}
    return Case(
        title,
        call="fuse",
        args=([dict(scores) for scores in searches], k),
        given=given,
        expected=_reference(table, k),
        tolerance=NEAR,
        mistakes={
            "in-all-only": [found for found in _reference(table, k) if all(found[0] in r for r in table)],
            "forgets-k": _reference(table, 0),
            "ascending": lambda got: [score for _, score in got] == sorted(score for _, score in got),
            "adds-scores": lambda got: all(abs(score - sums[name]) < NEAR for name, score in got),
            "last-search-only": lambda got: dict(got) == _last(table, k),
            "missing-is-best": _reference(table, k, missing=lambda ranks: 0),
            "missing-is-last": _reference(table, k, missing=lambda ranks: len(ranks) + 1),
        },
    )


def _reference_ranks(scores: Scores) -> dict[str, int]:
    """One more than the number of passages that are better: of a higher score, or equal and before it."""
    listed = list(scores.items())
    return {
        name: 1
        + sum(
            other > score or (other == score and before < place) for before, (_, other) in enumerate(listed)
        )
        for place, (name, score) in enumerate(listed)
    }


def _reference(
    table: Sequence[Mapping[str, int]],
    k: int,
    missing: Callable[[Mapping[str, int]], int | None] = lambda ranks: None,
) -> list[tuple[str, float]]:
    """The fused scores as exact fractions, made floats at the end.

    Args:
        missing: the rank that a known mistake gives to what a search did not find.
    """
    seen = list(dict.fromkeys(name for ranks in table for name in sorted(ranks, key=lambda one: ranks[one])))
    exact = {name: Fraction(0) for name in seen}
    for name in seen:
        for ranks in table:
            rank = ranks.get(name, missing(ranks))
            exact[name] += Fraction(1, k + rank) if rank is not None else 0
    order = sorted(seen, key=lambda name: (-exact[name], seen.index(name)))
    return [(name, float(exact[name])) for name in order]


def _last(table: Sequence[Mapping[str, int]], k: int) -> dict[str, float]:
    """What only the last search that found a passage gives it."""
    return {name: 1 / (k + rank) for ranks in table for name, rank in ranks.items()}
