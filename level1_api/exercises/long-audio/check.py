"""Cases of `long-audio`. The oracle of the random plans is a search through all sets of silences; that of the
random speech is the speech: each word must be heard whole, and kept once.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise
from types import ModuleType
from typing import Any

import numpy as np

from shared.study import Case

Span = tuple[float, float]

# Sums and halves of seconds in floating point: the last digits may differ. A sample of sound is 6e-5 s.
LAST_DIGITS = 1e-9


def cases(work: ModuleType, rng: np.random.Generator) -> Iterator[Case]:
    yield Case(
        "the middle of the latest silence within reach",
        call="next_cut",
        args=(0.0, [(27.0, 29.0), (55.0, 57.0), (90.0, 92.0)], 60.0, 2.0),
        expected=56.0,
        tolerance=LAST_DIGITS,
        mistakes={"first-silence": 28.0, "edge-of-silence": lambda cut: cut in (55.0, 57.0)},
    )
    yield Case(
        "the piece and its overlap fit into one request",
        call="next_cut",
        args=(0.0, [(39.0, 41.0), (59.0, 60.0)], 60.0, 2.0),
        expected=40.0,
        tolerance=LAST_DIGITS,
        mistakes={"too-long": 59.5},
    )
    yield Case(
        "nobody pauses: as late as the piece allows",
        call="next_cut",
        args=(40.0, [], 60.0, 2.0),
        expected=99.0,
        tolerance=LAST_DIGITS,
        mistakes={"too-long": 100.0, "whole-room": 98.0, "counts-from-zero": 59.0},
    )
    yield Case(
        "the silence that was cut just before is not cut again",
        call="next_cut",
        args=(40.0, [(40.0, 42.0)], 60.0, 2.0),
        expected=99.0,
        tolerance=LAST_DIGITS,
        mistakes={"same-cut": 41.0},
    )
    yield Case(
        "two cuts make three pieces, which overlap around the cuts",
        call="pieces",
        args=([56.0, 91.0], 100.0, 2.0),
        expected=[(0.0, 57.0), (55.0, 92.0), (90.0, 100.0)],
        tolerance=LAST_DIGITS,
        mistakes={
            "no-overlap": [(0.0, 56.0), (56.0, 91.0), (91.0, 100.0)],
            "one-sided": [(0.0, 56.0), (54.0, 91.0), (89.0, 100.0)],
            "beyond-ends": [(-1.0, 57.0), (55.0, 92.0), (90.0, 101.0)],
            "whole-overlap": [(0.0, 58.0), (54.0, 93.0), (89.0, 100.0)],
        },
    )
    yield Case(
        "one request is enough", call="plan", args=(50.0, [(20.0, 22.0)], 60.0, 2.0), expected=[(0.0, 50.0)]
    )
    yield Case(
        "nobody pauses",
        call="plan",
        args=(150.0, [], 60.0, 2.0),
        expected=[(0.0, 60.0), (58.0, 118.0), (116.0, 150.0)],
        tolerance=LAST_DIGITS,
    )

    middles = np.cumsum(rng.integers(8, 30, size=12)).astype(float)
    silences = [
        (float(m - w), float(m + w)) for m, w in zip(middles, rng.integers(1, 4, 12) / 2, strict=True)
    ]
    seconds, longest_s, overlap_s = float(middles[-1]) + 20, float(rng.integers(45, 90)), 4.0
    yield Case(
        "no more pieces than needed, drawn at random",
        call="plan",
        run=lambda work: _about(work.plan(seconds, silences, longest_s, overlap_s), silences, longest_s),
        given=f"plan({seconds}, {silences}, {longest_s}, {overlap_s})",
        expected={
            "pieces": _fewest(seconds, list(middles), longest_s, overlap_s) + 1,
            "from": 0.0,
            "to": seconds,
            "too long": [],
            "cuts in speech": [],
        },
        tolerance=LAST_DIGITS,
    )
    words, pauses = _speech(rng)
    yield Case(
        "every word of ten minutes is whole in its piece, and kept once",
        call="plan",
        run=lambda work: _kept(work.plan(words[-1][1] + 1, pauses, 30.0, 2.0), words),
        given=f"{len(words)} words, {len(pauses)} pauses between them, pieces of 30 s, an overlap of 2 s",
        expected={"lost or cut off": [], "twice": []},
    )


def _fewest(seconds: float, middles: list[float], longest_s: float, overlap_s: float) -> int:
    """How many cuts are enough, by trying all sets of silences, the small ones first."""
    half = overlap_s / 2

    def fits(cuts: tuple[float, ...]) -> bool:
        starts, ends = [0.0, *(c - half for c in cuts)], [*(c + half for c in cuts), seconds]
        return all(end - start <= longest_s for start, end in zip(starts, ends, strict=True))

    return next(n for n in range(len(middles) + 1) if any(map(fits, combinations(middles, n))))


def _about(plan: list[Span], silences: list[Span], longest_s: float) -> dict[str, Any]:
    """What is to be known of a plan."""
    return {
        "pieces": len(plan),
        "from": plan[0][0],
        "to": plan[-1][1],
        "too long": [(start, end) for start, end in plan if end - start > longest_s + LAST_DIGITS],
        "cuts in speech": [c for c in _seams(plan) if not any(begin < c < end for begin, end in silences)],
    }


def _seams(plan: list[Span]) -> list[float]:
    """The middle of each overlap."""
    return [(right[0] + left[1]) / 2 for left, right in pairwise(plan)]


def _speech(rng: np.random.Generator) -> tuple[list[Span], list[Span]]:
    """About ten minutes of words of up to 1.5 s, and the pauses: some 5 s apart, some a minute."""
    words: list[Span] = []
    pauses: list[Span] = []
    now = 0.5
    while now < 600:
        for length in rng.uniform(0.1, 1.5, size=rng.integers(5, 80)):
            words.append((now, now + length))
            now += length + rng.uniform(0.02, 0.1)
        pauses.append((words[-1][1], now + 1.0))
        now += 1.0
    return words, pauses


def _kept(plan: list[Span], words: list[Span]) -> dict[str, list[Span]]:
    """Send the pieces to an engine that hears whole words alone, join what it heard, look what is missing."""
    edges = [-np.inf, *_seams(plan), np.inf]
    times = dict.fromkeys(words, 0)
    for (start, end), (since, until) in zip(plan, pairwise(edges), strict=True):
        for word in words:
            whole = start <= word[0] and word[1] <= end
            times[word] += whole and since <= (word[0] + word[1]) / 2 < until
    return {
        "lost or cut off": [word for word, n in times.items() if n == 0],
        "twice": [word for word, n in times.items() if n > 1],
    }
