"""What a level is, and how `shared` finds the levels without importing them.

A level registers itself in `pyproject.toml`:

    [project.entry-points."ladder.levels"]
    level1 = "level1_api:LEVEL"

Its package then holds, by convention, `cli.py` (a click group `cli`), `app.py` (its page) and
`tour.py` (a function `tour(say)` that does the level's main job once in at most 30 s).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import entry_points

RUNGS = {
    1: "Use AI as an API",
    2: "Design prompts, ground answers",
    3: "Change an existing model",
    4: "Build and train a network",
    5: "Write new components",
    6: "Do research",
}


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
        baseline: the measured number that a reader's own run should beat, in words.
    """

    number: int
    slug: str
    title: str
    question: str
    minutes: int
    exercises: tuple[str, ...] = ()
    baseline: str = ""

    @property
    def package(self) -> str:
        return self.slug.replace("-", "_")

    @property
    def command(self) -> str:
        return f"level{self.number}"


@lru_cache
def levels() -> tuple[Level, ...]:
    """The levels that are installed, lowest first."""
    found = (entry.load() for entry in entry_points(group="ladder.levels"))
    return tuple(sorted(found, key=lambda level: level.number))
