"""A study in a thread of its own, so that a page can show its rows while they are measured.

job = Job(Plan(rounds=5))
while not job.wait(0.5):
    print(len(job.rows), job.share)
print(job.result().rows)
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, wait
from threading import Thread

from level3_modify.slim import Plan, Row, Study, slim


class Job:
    """One study on its way. A page that is drawn anew in between finds it again and goes on looking.

    Attributes:
        rows: what is measured so far.
        share: how much of the work is done, 0 to 1.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.rows: tuple[Row, ...] = ()
        self.share = 0.0
        self._future: Future[Study] = Future()
        Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        try:
            self._future.set_result(slim(self.plan, self._watch))
        except BaseException as error:  # whoever asks for the result gets it
            self._future.set_exception(error)

    def _watch(self, rows: Sequence[Row], share: float) -> None:
        self.rows, self.share = tuple(rows), share

    def wait(self, seconds: float) -> bool:
        """Wait for at most so long; whether it has ended."""
        return bool(wait([self._future], seconds).done)

    @property
    def failed(self) -> bool:
        return self._future.done() and self._future.exception() is not None

    def result(self) -> Study:
        """The study, once it is there. Raises what `slim` raised."""
        return self._future.result()

    def label(self) -> str:
        """What happens now: "Timing the variants in turns"."""
        if not self.share:
            return "Loading the encoder and judging it as it is"
        return "Timing the variants in turns" if self.share >= 0.5 else "Changing, weighing and judging"
