"""What the page of level 4 waits for, each in a thread of its own, so that a page can show how far it is.

    job = Training(TrainConfig(steps=150))
    while not job.wait(0.5):
        print(job.label())
    print(job.result().macro_iou, job.recording.result())

A page is drawn anew at each click: it finds its job again and goes on looking. Each job begins to record its
run as soon as there is something to record, and nobody has to wait for that to see the result.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event, Lock
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch

from level4_build import weights
from level4_build.distributed import Ranks
from level4_build.perceptron import MoonsConfig, MoonsFit
from level4_build.perceptron import train as train_perceptron
from level4_build.predict import predict
from level4_build.scenes import Scene, scene
from level4_build.trainer import Evaluation, Fit, Step, TrainConfig, fit, new_model
from shared.background import Background
from shared.tracking import Run

if TYPE_CHECKING:
    from level4_build.survey import Survey

LOOK_STEPS = 5  # how often the network is asked what it sees in the scene that is watched
_turn = Lock()  # one long job at a time: two would only share the cores


class Recording(Background[str | None]):
    """A run on its way into MLflow; its result is the link to it."""

    def __init__(self, write: Callable[[], Run]) -> None:
        self._start(lambda: write().url)


class Training(Background[Fit]):
    """One training on its way.

    Attributes:
        watched: a validation scene, the same from the first step to the last.
        seen: what the network sees in it by now, (H, W) classes; None before the first step.
        losses: of the steps so far.
        evaluations: those so far.
        pictures: at the end the figures of `report.py`, PNG by their file names.
        said: at the end a sentence on which network is in use now.
        recording: of the run; there once there is a result.
    """

    latest: ClassVar[Training | None] = None

    def __init__(self, config: TrainConfig, watch: int = 0) -> None:
        self.config = config
        self.watched: Scene = scene(config.seed, "val", watch, config.size, config.difficulty)
        self.seen: np.ndarray | None = None
        self.losses: list[float] = []
        self.evaluations: list[Evaluation] = []
        self.pictures: dict[str, bytes] = {}
        self.said = ""
        self.recording: Recording | None = None
        self._model = new_model(config)
        self._began: float | None = None
        self._stop = Event()
        Training.latest = self
        self._start(self._work)

    def _work(self) -> Fit:
        with _turn:
            self._began = time.monotonic()
            ranks = Ranks(device=torch.device("cpu"))  # where the page looks into the network meanwhile
            done = fit(self.config, self._model, self._on_step, stop=self._stop.is_set, ranks=ranks)
            self._look_back(done)
        return done

    def _on_step(self, step: Step) -> None:
        if step.evaluation is not None:
            self.evaluations.append(step.evaluation)
        if step.step % LOOK_STEPS == 0 or step.step == step.steps:
            self.seen = predict(self._model, self.watched.image)
        self.losses.append(step.loss)

    def _look_back(self, done: Fit) -> None:
        """What is shown after a training. One that was stopped is not kept, unless there is no other."""
        from level4_build.record import record
        from level4_build.report import examine

        config, before = self.config, weights.in_use()
        stopped = done.steps < config.steps
        keep = before is None or not stopped
        said = [f"Stopped after step {done.steps} of {config.steps}."] if stopped else []
        if before is None:
            said.append("Its network is now the one in use.")
        else:
            said.append(f"Its network replaces {before}." if keep else f"In use stays {before}.")
        self.said = " ".join(said)
        self.seen = predict(done.model, self.watched.image)
        self.pictures = examine(done.model, config.task().pictures("val")).pictures()
        self.recording = Recording(lambda: record(done, keep=keep, source="page"))

    def stop(self) -> None:
        """End after the step that is under way; the result is then that of a shorter training."""
        self._stop.set()

    @property
    def stopping(self) -> bool:
        return self._stop.is_set()

    @property
    def share(self) -> float:
        return len(self.losses) / self.config.steps

    def label(self) -> str:
        """What happens now: "Step 40 of 150, loss 0.52 · about 21 s to go"."""
        done = len(self.losses)
        if self._began is None:
            return "Waiting for the job that is under way"
        if done == self.config.steps:
            return "Looking at every scene that it was not trained on"
        if self.stopping:
            return "Stopping after the step that is under way"
        if not done:
            return "Drawing the scenes"
        rest = (time.monotonic() - self._began) / done * (self.config.steps - done)
        return f"Step {done} of {self.config.steps}, loss {self.losses[-1]:.2f} · about {rest:.0f} s to go"


def under_way() -> Training | None:
    """The training that goes on in this process, for a page that was loaded anew; None if none does."""
    job = Training.latest
    return job if job is not None and not job.wait(0) else None


class Perceptron(Background[MoonsFit]):
    """A perceptron on half-moons; a few seconds.

    Attributes:
        share: how much of it is done, 0 to 1.
        picture: at the end its boundary and its loss, PNG.
        recording: of the run; there once there is a result.
    """

    def __init__(self, config: MoonsConfig) -> None:
        self.share = 0.0
        self.picture = b""
        self.recording: Recording | None = None
        self._start(lambda: self._work(config))

    def _work(self, config: MoonsConfig) -> MoonsFit:
        from level4_build.boundary import png
        from level4_build.first_record import record_autograd
        from level4_build.graph import neuron_example

        done = train_perceptron(config, self._on_step(config.steps))
        self.picture = png(done)
        example = neuron_example()
        example.backward()
        self.recording = Recording(lambda: record_autograd(done, example, source="page"))
        return done

    def _on_step(self, steps: int) -> Callable[[int, float], None]:
        def tell(step: int, loss: float) -> None:
            self.share = step / steps

        return tell


class Surveying(Background["Survey"]):
    """What comes before a network, on one data set; less than a minute.

    Attributes:
        name: of the data set.
        share, label: how much is done, 0 to 1, and what happens now.
        pictures: at the end the figures of `baselines_figure.py`, PNG by their names.
        recording: of the run; there once there is a result.
    """

    def __init__(self, name: str, seed: int = 0) -> None:
        self.name, self.seed = name, seed
        self.share, self.label = 0.0, "Waiting for the job that is under way"
        self.pictures: dict[str, bytes] = {}
        self.recording: Recording | None = None
        self._stop = Event()
        self._start(self._work)

    def _work(self) -> Survey:
        with _turn:
            self.label = "Loading scikit-learn"
            from level4_build.baselines_figure import figures, png
            from level4_build.baselines_record import record_baselines
            from level4_build.survey import survey

            found = survey(self.name, self.seed, on_progress=self._advance)
            self.label = "Drawing"
            self.pictures = {name: png(figure) for name, figure in figures(found).items()}
            self.recording = Recording(lambda: record_baselines(found, source="page"))
        return found

    def _advance(self, share: float, words: str) -> None:
        if self._stop.is_set():
            raise KeyboardInterrupt
        self.share, self.label = share, words or self.label

    def stop(self) -> None:
        """End with the part that is under way; nothing is kept."""
        self._stop.set()

    @property
    def stopping(self) -> bool:
        return self._stop.is_set()

    @property
    def stopped(self) -> bool:
        """Whether it ended because it was told to, without a result."""
        return self.stopping and self.failed
