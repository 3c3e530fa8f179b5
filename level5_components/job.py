"""A comparison in a thread of its own, so that a page can draw both curves while they grow.

job = Job(preset(steps=60))
while not job.wait(0.5):
    print(job.label())
print(job.result().difference)
"""

from __future__ import annotations

import time
from threading import Event, Lock

from level4_build.trainer import Evaluation, Step, TrainConfig
from level5_components.train import ARMS, Arm, Comparison, compare
from shared.background import Background

_turn = Lock()  # one comparison at a time: two would only share the cores


class Job(Background[Comparison]):
    """Two trainings on their way. A page that is drawn anew in between finds them again and goes on looking.

    Attributes:
        losses: of the steps so far, for each network.
        evaluations: those so far.
    """

    def __init__(self, config: TrainConfig) -> None:
        self.config = config
        self.losses: dict[Arm, list[float]] = {arm: [] for arm in ARMS}
        self.evaluations: dict[Arm, list[Evaluation]] = {arm: [] for arm in ARMS}
        self._began: float | None = None
        self._stop = Event()
        self._start(self._work)

    def _work(self) -> Comparison:
        with _turn:
            self._began = time.monotonic()
            return compare(self.config, self._on_step, self._stop.is_set)

    def _on_step(self, arm: Arm, step: Step) -> None:
        self.losses[arm].append(step.loss)
        if step.evaluation is not None:
            self.evaluations[arm].append(step.evaluation)

    def stop(self) -> None:
        """End after the step that is under way: half a comparison is none, so there is no result."""
        self._stop.set()

    @property
    def stopped(self) -> bool:
        """Whether it was stopped before both networks were through."""
        return self._stop.is_set() and self.share < 1

    @property
    def share(self) -> float:
        return sum(map(len, self.losses.values())) / (len(ARMS) * self.config.steps)

    def label(self) -> str:
        """What happens now: "ternary, step 40 of 60 · about 9 s to go"."""
        if self._began is None:
            return "Waiting for the training that is under way"
        if self._stop.is_set():
            return "Stopping after the step that is under way"
        if not self.share:
            return "Drawing the scenes"
        arm = next((arm for arm in ARMS if len(self.losses[arm]) < self.config.steps), ARMS[-1])
        rest = (time.monotonic() - self._began) * (1 - self.share) / self.share
        return f"{arm}, step {len(self.losses[arm])} of {self.config.steps} · about {rest:.0f} s to go"
