"""Where one stands on the whole path: each level's exercises, its run at the baseline, and the next step.

A level is climbed when its exercises or its gate have passed and one run of one's own has reached its
baseline. Everything here is read from small files: nothing is checked, and MLflow is not asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from shared.baselines import Reached, reached
from shared.levels import Level, levels
from shared.study.exercise import Exercise, course
from shared.study.progress import Entry, Progress
from shared.study.workspace import Workspace, gone


@dataclass(frozen=True)
class Place:
    """An exercise, and what is known of it."""

    exercise: Exercise
    entry: Entry

    @property
    def passed(self) -> bool:
        """Whether it has passed once."""
        return bool(self.entry.passed)

    @property
    def state(self) -> str:
        """The state in words, as a person would say it."""
        last = STATES.get(self.entry.state, "not begun")
        return f"passed; now {last}" if self.passed and self.entry.state != "PASS" else last


STATES = {
    "PASS": "passed", "FAIL": "gives wrong results", "ERROR": "stops with an error",
    "TODO": "to do", "BLOCKED": "needs something that is not here",
}  # fmt: skip


@dataclass(frozen=True)
class Standing:
    """A level, and how far one has come on it.

    Attributes:
        exercises: in their order, without the gate.
        gate: the level's exam, if it has one.
        run: the best run of one's own at the level's baseline or better.
    """

    level: Level
    exercises: tuple[Place, ...]
    gate: Place | None
    run: Reached | None

    @property
    def passed(self) -> int:
        """How many exercises have passed."""
        return sum(place.passed for place in self.exercises)

    @property
    def gate_passed(self) -> bool:
        return self.gate is not None and self.gate.passed

    @property
    def done(self) -> bool:
        """Whether all exercises have passed, or the gate."""
        return self.gate_passed or (bool(self.exercises) and self.passed == len(self.exercises))

    @property
    def climbed(self) -> bool:
        return self.done and self.run is not None

    @property
    def brief(self) -> str:
        """`climbed`, `gate` or `3/6`."""
        if self.climbed or (self.gate_passed and self.passed < len(self.exercises)):
            return "climbed" if self.climbed else "gate"
        return f"{self.passed}/{len(self.exercises)}"


@dataclass(frozen=True)
class Step:
    """What to do next: the command, what it is for in a few words, and the file to open, if any."""

    command: str
    words: str
    file: Path | None = None


def standing(workspace: Workspace | None) -> list[Standing]:
    """How far one has come on each level, the lowest first.

    Raises:
        LadderError: the progress file was spoiled.
    """
    progress = workspace.book.read() if workspace else Progress()
    runs = reached()
    found = []
    for level in levels():
        places = [Place(one, progress.of(one)) for one in course() if one.level == level]
        plain = tuple(place for place in places if not place.exercise.gate)
        gate = next((place for place in places if place.exercise.gate), None)
        found.append(Standing(level, plain, gate, runs.get(level.slug)))
    return found


def next_step(found: Iterable[Standing], workspace: Workspace | None) -> Step:
    """The one thing to do next: the run that the lowest open level lacks if its exercises are done, else
    the exercise that `ladder check` takes up."""
    if workspace is None:
        lost = gone()
        words = f"your workspace {lost} is not there any more" if lost else "makes a folder of your own"
        return Step("ladder init", words)
    lowest = next((here for here in found if not here.climbed), None)
    if lowest and lowest.done and lowest.level.baseline:
        return Step(
            lowest.level.baseline.command, f"a run of your own, and level {lowest.level.number} is climbed"
        )
    one = workspace.book.read().open()
    if one is None:
        return Step("ladder report", "the path is done: a page to show it")
    words = f"an exercise of level {one.level.number}"
    return Step(f"ladder check {one.name}", words, workspace.file(one))
