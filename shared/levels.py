"""What a level is, and how `shared` finds the levels without importing them.

A level registers itself in `pyproject.toml`:

    [project.entry-points."ladder.levels"]
    level1 = "level1_api:LEVEL"

Its package then holds, by convention, `cli.py` (a click group `cli`), `app.py` (its page) and
`tour.py` (a function `tour(say)` that does the level's main job once in at most 30 s).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

RUNGS = {
    1: "Use AI as an API",
    2: "Design prompts, ground answers",
    3: "Change an existing model",
    4: "Build and train a network",
    5: "Write new components",
    6: "Do research",
}


@dataclass(frozen=True)
class Baseline:
    """What a reader's own run should reach.

    Attributes:
        metric: its name in MLflow.
        value: how far the level's main job gets as it is, measured.
        better: which way is better.
        run: how the names of the runs begin that count.
        command: what makes such a run.
        words: what was measured, for the reader.
        at_least: what else such a run has to reach, for example how many clips it was measured on.
    """

    metric: str
    value: float
    better: Literal["lower", "higher"]
    run: str
    command: str
    words: str
    at_least: Mapping[str, float] = field(default_factory=dict, hash=False)

    def reached(self, value: float) -> bool:
        """Whether a value is as good as the baseline or better."""
        return value <= self.value if self.better == "lower" else value >= self.value

    def met(self, run: str, metrics: Mapping[str, float]) -> bool:
        """Whether a run of this name, with these metrics, counts and is as good as the baseline or better."""
        if not run.startswith(self.run) or self.metric not in metrics:
            return False
        enough = all(metrics.get(name, -math.inf) >= least for name, least in self.at_least.items())
        return enough and self.reached(metrics[self.metric])

    def __str__(self) -> str:
        return f"{self.words} ({self.command})"


@dataclass(frozen=True)
class Level:
    """One rung of the ladder.

    Attributes:
        number: 1 to 6.
        slug: its name in MLflow experiments, for example `level1-api`; the package is `level1_api`.
        title: a few words.
        question: what a reader can answer after this level.
        minutes: how long the lesson takes.
        exercises: names of its exercises, in order.
        gate: the name of its exam, empty if it has none yet.
        baseline: the measured number that a reader's own run should reach.
    """

    number: int
    slug: str
    title: str
    question: str
    minutes: int
    exercises: tuple[str, ...] = ()
    gate: str = ""
    baseline: Baseline | None = None

    @property
    def package(self) -> str:
        return self.slug.replace("-", "_")

    @property
    def command(self) -> str:
        return f"level{self.number}"

    @property
    def folder(self) -> Path:
        """Where its package lies."""
        spec = find_spec(self.package)
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(f"the package {self.package} of level {self.number} is not installed")
        return Path(spec.origin).parent


@lru_cache
def levels() -> tuple[Level, ...]:
    """The levels that are installed, lowest first."""
    found = (entry.load() for entry in entry_points(group="ladder.levels"))
    return tuple(sorted(found, key=lambda level: level.number))
