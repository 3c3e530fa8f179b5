"""Calls that take turns: with a clock and calls of the test's own, so that no time is real."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest

from level3_modify.latency import ENOUGH, ratio, summary, take_turns


class Machine:
    """A clock, and calls that take a while of it; the machine gets slower by the call."""

    def __init__(self, drift: float = 0.0) -> None:
        self.now, self.drift, self.order = 0.0, drift, list[str]()

    def call(self, name: str, seconds: float):
        def work() -> None:
            self.order.append(name)
            self.now += seconds * (1 + self.drift * len(self.order))

        return work

    def clock(self) -> float:
        return self.now


def last(turns):
    *_, found = turns
    return found


def test_each_round_makes_every_call_once_in_an_order_drawn_anew() -> None:
    machine = Machine()
    calls = {name: machine.call(name, 1) for name in "abcd"}
    last(take_turns(calls, 10, np.random.default_rng(0), warm_up=2, clock=machine.clock))
    rounds = ["".join(machine.order[i : i + 4]) for i in range(0, len(machine.order), 4)]
    assert len(rounds) == 12
    assert all(sorted(one) == list("abcd") for one in rounds)
    assert len(set(rounds)) > 4


def test_warming_up_does_not_count_and_every_round_is_told() -> None:
    machine = Machine()
    calls = {"a": machine.call("a", 0.25), "b": machine.call("b", 0.5)}
    told = [
        {name: len(seconds) for name, seconds in found.items()}
        for found in take_turns(calls, 3, np.random.default_rng(0), warm_up=2, clock=machine.clock)
    ]
    assert told == [{"a": 1, "b": 1}, {"a": 2, "b": 2}, {"a": 3, "b": 3}]
    assert machine.order.count("a") == 5


def test_times_are_those_of_the_clock() -> None:
    machine = Machine()
    calls = {"a": machine.call("a", 0.25), "b": machine.call("b", 0.5)}
    found = last(take_turns(calls, 4, np.random.default_rng(0), clock=machine.clock))
    assert found == {"a": [0.25] * 4, "b": [0.5] * 4}


def test_a_machine_that_gets_slower_hits_all_alike() -> None:
    """Each call costs 1 % more than the one before. One after the other, the second would seem slower."""
    machine = Machine(drift=0.01)
    calls = {name: machine.call(name, 1) for name in "ab"}
    found = last(take_turns(calls, 100, np.random.default_rng(0), clock=machine.clock))
    a, b = (summary(found[name]).p50 for name in "ab")  # type: ignore[union-attr]
    assert a == pytest.approx(b, rel=0.03)
    sequence = Machine(drift=0.01)
    times = []
    for name in "ab":
        begin = sequence.now
        for _ in range(100):
            sequence.call(name, 1)()
        times.append(sequence.now - begin)
    assert times[1] > 1.5 * times[0], "what taking turns avoids"


def test_the_same_seed_gives_the_same_order() -> None:
    orders = []
    for seed in (0, 0, 1):
        machine = Machine()
        calls = {name: machine.call(name, 1) for name in "abcdef"}
        last(take_turns(calls, 5, np.random.default_rng(seed), clock=machine.clock))
        orders.append(machine.order)
    assert orders[0] == orders[1] != orders[2]


def test_a_summary_is_in_milliseconds() -> None:
    found = summary([0.001 * n for n in range(101)])
    assert found is not None
    assert (found.p50, found.p95, found.rounds) == (pytest.approx(50), pytest.approx(95), 101)
    assert summary([]) is None


def test_a_ratio_is_taken_within_each_round() -> None:
    """Twice as fast in every round, on a machine that is ten times as slow in one of them."""
    found = ratio([0.5, 5.0, 0.5], [1.0, 10.0, 1.0])
    assert found is not None and found.clear
    assert (found.median, found.low, found.high, found.rounds) == (2, 2, 2, 3)
    assert ratio([], []) is None


@pytest.mark.parametrize(
    ("seconds", "clear"),
    [([0.5, 0.8, 0.9], True), ([2.0, 1.5, 1.1], True), ([0.5, 0.8, 1.1], False), ([0.98, 0.5, 0.5], False)],
)
def test_a_ratio_is_clear_where_all_rounds_agree(seconds: list[float], clear: bool) -> None:
    found, few = ratio(seconds, [1.0] * 3), ratio(seconds[: ENOUGH - 1], [1.0] * (ENOUGH - 1))
    assert found is not None and found.clear is clear
    assert few is not None and not few.clear and not few.enough


@pytest.mark.parametrize(("rounds", "first"), [(3, 1), (5, 1), (8, 1), (9, 2), (20, 6), (50, 18)])
def test_more_rounds_narrow_a_ratio_to_the_interval_of_its_median(rounds: int, first: int) -> None:
    """The largest rank below which the true median lies with at most 2.5 %, in whole numbers."""
    below = [sum(comb(rounds, i) for i in range(rank)) * 40 <= 2**rounds for rank in (first, first + 1)]
    assert below == ([True, False] if rounds > 5 else [False, False]), "too few rounds: their whole range"
    found = ratio([1.0] * rounds, list(np.random.default_rng(0).permutation(rounds) + 1.0))
    assert found is not None and (found.low, found.high) == (first, rounds + 1 - first)
