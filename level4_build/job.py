"""A training in a thread of its own, so that a page can show how far it is and what the network sees by now.

job = Training(TrainConfig(steps=150))
while not job.wait(0.5):
    print(job.label())
print(job.result().macro_iou)
"""

from __future__ import annotations

import time
from threading import Event, Lock

import numpy as np
import torch

from level4_build.distributed import Ranks
from level4_build.predict import predict
from level4_build.scenes import Scene, scene
from level4_build.trainer import Evaluation, Fit, Step, TrainConfig, fit, new_model
from shared.background import Background

LOOK_STEPS = 5  # how often the network is asked what it sees in the scene that is watched
_turn = Lock()  # one training at a time: two would only share the cores


class Training(Background[Fit]):
    """One training on its way. A page that is drawn anew in between finds it again and goes on looking.

    Attributes:
        watched: a validation scene, the same from the first step to the last.
        seen: what the network sees in it by now, (H, W) classes; None before the first step.
        losses: of the steps so far.
        evaluations: those so far.
    """

    def __init__(self, config: TrainConfig, watch: int = 0) -> None:
        self.config = config
        self.watched: Scene = scene(config.seed, "val", watch, config.size)
        self.seen: np.ndarray | None = None
        self.losses: list[float] = []
        self.evaluations: list[Evaluation] = []
        self._model = new_model(config)
        self._began: float | None = None
        self._stop = Event()
        self._start(self._work)

    def _work(self) -> Fit:
        with _turn:
            self._began = time.monotonic()
            ranks = Ranks(device=torch.device("cpu"))  # where the page looks into the network meanwhile
            done = fit(self.config, self._model, self._on_step, stop=self._stop.is_set, ranks=ranks)
        self.seen = predict(self._model, self.watched.image)
        return done

    def _on_step(self, step: Step) -> None:
        if step.evaluation is not None:
            self.evaluations.append(step.evaluation)
        if step.step % LOOK_STEPS == 0 or step.step == step.steps:
            self.seen = predict(self._model, self.watched.image)
        self.losses.append(step.loss)

    def stop(self) -> None:
        """End after the step that is under way; the result is then that of a shorter training."""
        self._stop.set()

    @property
    def share(self) -> float:
        return len(self.losses) / self.config.steps

    def label(self) -> str:
        """What happens now: "Step 40 of 150, loss 0.52 · about 21 s to go"."""
        if self._began is None:
            return "Waiting for the training that is under way"
        if self._stop.is_set():
            return "Stopping after the step that is under way"
        done = len(self.losses)
        if not done:
            return "Drawing the scenes"
        rest = (time.monotonic() - self._began) / done * (self.config.steps - done)
        return f"Step {done} of {self.config.steps}, loss {self.losses[-1]:.2f} · about {rest:.0f} s to go"
