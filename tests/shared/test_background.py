"""Work in a thread: looked at while it runs, its result and its failure kept for whoever asks."""

from __future__ import annotations

from threading import Event

import pytest

from shared.background import Background
from shared.errors import LadderError


class Job(Background[int]):
    def __init__(self, go_on: Event, fail: bool = False) -> None:
        self.fail, self.go_on = fail, go_on
        self._start(self._work)

    def _work(self) -> int:
        self.go_on.wait(30)
        if self.fail:
            raise LadderError("No scenes.", "Draw some.")
        return 42


def test_one_can_look_before_it_has_ended() -> None:
    go_on = Event()
    job = Job(go_on)
    assert not job.wait(0.01) and not job.failed
    go_on.set()
    assert job.wait(30) and not job.failed
    assert job.result() == job.result() == 42


def test_a_failure_reaches_whoever_asks_for_the_result() -> None:
    go_on = Event()
    go_on.set()
    job = Job(go_on, fail=True)
    assert job.wait(30) and job.failed
    for _ in range(2):
        with pytest.raises(LadderError, match="No scenes"):
            job.result()
