"""A study in a thread of its own, so that a page can show its rows while they are measured.

job = Job(Plan(rounds=5))
while not job.wait(0.5):
    print(len(job.rows), job.share)
print(job.result().rows)
"""

from __future__ import annotations

from collections.abc import Sequence

from level3_modify.slim import Plan, Row, Study, slim
from shared.background import Background


class Job(Background[Study]):
    """One study on its way. A page that is drawn anew in between finds it again and goes on looking.

    Attributes:
        rows: what is measured so far.
        share: how much of the work is done, 0 to 1.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.rows: tuple[Row, ...] = ()
        self.share = 0.0
        self._start(lambda: slim(self.plan, self._watch))

    def _watch(self, rows: Sequence[Row], share: float) -> None:
        self.rows, self.share = tuple(rows), share

    def label(self) -> str:
        """What happens now: "Timing the variants in turns"."""
        if not self.share:
            return "Loading the encoder and judging it as it is"
        return "Timing the variants in turns" if self.share >= 0.5 else "Changing, weighing and judging"
