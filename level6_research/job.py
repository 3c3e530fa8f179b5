"""A study in a thread of its own, so that a page can tell how far it is.

job = Job(load(Path("my-study")))
while not job.wait(0.5):
    print(job.label())
record = job.result()
"""

from __future__ import annotations

import time

from level6_research.ledger import Record, Trial
from level6_research.study import Study
from level6_research.trials import run_study
from shared.background import Background


class Job(Background[Record]):
    """A study at work. A page that is drawn anew in between finds it again and goes on looking.

    Attributes:
        done: the trials that have ended since the job began, in order.
        record: the study as MLflow held it after the last of them; None before the first.
        told: what was said about it so far.
    """

    def __init__(self, study: Study, again: bool = False) -> None:
        self.study = study
        self.done: list[Trial] = []
        self.record: Record | None = None
        self.told: list[str] = []
        self._now = "Opening the MLflow store"
        self._began = time.monotonic()
        self._start(lambda: self._work(again))

    def _work(self, again: bool) -> Record:
        return run_study(self.study, self.told.append, again=again, on_begin=self._begin, on_done=self._end)

    def _begin(self, arm: str, seed: int) -> None:
        self._now = f"{arm}, seed {seed}"

    def _end(self, trial: Trial, record: Record) -> None:
        self.done.append(trial)
        self.record = record

    @property
    def share(self) -> float:
        """How many of the registered trials have a result, 0 to 1."""
        return len(self.record.values) / len(self.study.plan.trials) if self.record else 0.0

    def label(self) -> str:
        """What happens now: "bitlinear: trial full, seed 3 · 12 s so far"."""
        return f"{self.study.name}: {self._now} · {time.monotonic() - self._began:.0f} s so far"
