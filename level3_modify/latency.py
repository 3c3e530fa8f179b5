"""How long calls take, measured so that all are treated alike.

A machine gets slower and faster by itself: other programs, heat, caches. If one variant were timed after the
other, such a drift would look like a difference between them. So the calls take turns: in each round every
call is made once, in an order drawn anew.

    for times in take_turns({"a": f, "b": g}, rounds=20, rng=np.random.default_rng(0)):
        print(summary(times["a"]), ratio(times["a"], times["b"]))
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from shared.stats import percentile

Name = TypeVar("Name")
ENOUGH = 3  # rounds below which a range says nothing
WARM_UP = 1  # rounds that are not counted: the first calls allocate memory and fill caches


@dataclass(frozen=True)
class Times:
    """How long a call took, in ms: of the rounds half were faster than p50, and 95 % faster than p95."""

    p50: float
    p95: float
    rounds: int


@dataclass(frozen=True)
class Ratio:
    """How many times as fast as the reference, below 1 for slower: the median over the rounds.

    Attributes:
        low, high: of up to 8 rounds the range; of more, the interval (95 %) that holds the true median.
    """

    median: float
    low: float
    high: float
    rounds: int

    @property
    def enough(self) -> bool:
        """Whether there are rounds enough to say anything."""
        return self.rounds >= ENOUGH

    @property
    def clear(self) -> bool:
        """Whether low and high are both faster or both slower, by 5 % at least: less is noise."""
        return self.enough and (self.low >= 1.05 or self.high <= 1 / 1.05)


def take_turns(
    calls: Mapping[Name, Callable[[], object]],
    rounds: int,
    rng: np.random.Generator,
    warm_up: int = WARM_UP,
    clock: Callable[[], float] = time.perf_counter,
) -> Iterator[dict[Name, list[float]]]:
    """Make every call once in each round; after each round yield the seconds of all counted calls so far.

    Args:
        calls: what is timed, by name.
        rounds: how many rounds count.
        rng: draws the order of each round.
        warm_up: rounds before them that do not count.
        clock: tells the time in seconds.
    """
    names = list(calls)
    seconds: dict[Name, list[float]] = {name: [] for name in names}
    for number in range(-warm_up, rounds):
        for place in rng.permutation(len(names)):
            name = names[place]
            begin = clock()
            calls[name]()
            took = clock() - begin
            if number >= 0:
                seconds[name].append(took)
        if number >= 0:
            yield seconds


def summary(seconds: list[float]) -> Times | None:
    """Median and slow end of some times; None while there are none."""
    p50, p95 = percentile(seconds, 50), percentile(seconds, 95)
    return None if p50 is None or p95 is None else Times(p50 * 1e3, p95 * 1e3, len(seconds))


def ratio(seconds: Sequence[float], reference: Sequence[float]) -> Ratio | None:
    """How many times as fast a call was as the reference in the same round; None while there are no rounds.

    The two times of a round lie close together: what slowed the machine for a while slowed both.
    """
    if not seconds:
        return None
    from scipy.stats import binom

    found = np.sort(np.asarray(reference, float) / np.asarray(seconds, float))  # (rounds,)
    # Half of all rounds lie below the true median: how many of these do is a toss of so many coins.
    cut = max(int(binom.ppf(0.025, len(found), 0.5)), 1)
    return Ratio(float(np.median(found)), float(found[cut - 1]), float(found[-cut]), len(found))
