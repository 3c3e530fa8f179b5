"""Many jobs in a few threads: so many under way and no more, and whoever stops, stops them all."""

from __future__ import annotations

from contextlib import closing
from threading import Barrier, Event, Lock, enumerate

import pytest

from shared.at_once import a_few_at_once


def wait_for_the_threads() -> None:
    for thread in enumerate():
        if thread.name.startswith("at-once-"):
            thread.join(30)
            assert not thread.is_alive()


def test_so_many_are_under_way_and_no_more() -> None:
    together, lock, now, most = Barrier(3, timeout=30), Lock(), 0, 0

    def work(job: int) -> int:
        nonlocal now, most
        with lock:
            now, most = now + 1, max(most, now + 1)
        together.wait()  # nobody passes before three are here
        with lock:
            now -= 1
        return job * job

    assert sorted(a_few_at_once(range(21), work, 3)) == [n * n for n in range(21)]
    assert most == 3


def test_a_result_does_not_wait_for_a_slower_one_before_it() -> None:
    go_on = Event()

    def work(job: str) -> str:
        if job == "slow":
            assert go_on.wait(30)
        return job

    found = a_few_at_once(["slow", "quick"], work, 2)
    assert next(found) == "quick"
    go_on.set()
    assert list(found) == ["slow"]


def test_what_a_job_raises_ends_all() -> None:
    begun: list[int] = []
    go_on = Event()

    def work(job: int) -> None:
        begun.append(job)
        if job == 0:
            raise LookupError("the first")
        assert go_on.wait(30)

    with pytest.raises(LookupError, match="the first"):
        list(a_few_at_once(range(1000), work, 1))
    go_on.set()
    wait_for_the_threads()
    assert begun in ([0], [0, 1])


def test_whoever_has_seen_enough_ends_it() -> None:
    begun: list[int] = []
    go_on = Event()

    def work(job: int) -> int:
        begun.append(job)
        assert job == 0 or go_on.wait(30)
        return job

    with closing(a_few_at_once(range(1000), work, 1)) as found:
        assert next(found) == 0
    go_on.set()
    wait_for_the_threads()
    assert begun in ([0], [0, 1])


@pytest.mark.parametrize("at_once", [0, -1])
def test_none_at_once_would_never_end_so_it_is_one(at_once: int) -> None:
    assert list(a_few_at_once([1, 2, 3], str, at_once)) == ["1", "2", "3"]


def test_without_jobs_there_is_nothing_to_wait_for() -> None:
    assert list(a_few_at_once([], str, 4)) == []
