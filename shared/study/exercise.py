"""An exercise is one folder of its level, and the path is the list of all of them.

level1_api/exercises/subtitles/
    exercise.toml   what it is called, its hints, its known mistakes, the debrief
    starter.py      what the learner gets
    solution.py     one way to do it
    check.py        the cases (see case.py)
    wrong/NAME.py   what the mistake NAME of exercise.toml looks like
    reference.json  what the solution measures, where it measures something
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.errors import BadUsage, LadderError
from shared.levels import Level, levels


class Measure(BaseModel):
    """What a passing exercise measures, and how good is good enough."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    metric: str
    better: Literal["lower", "higher"]
    needed: float

    def good(self, value: float) -> bool:
        """Whether a value is good enough."""
        return value <= self.needed if self.better == "lower" else value >= self.needed

    def improves(self, value: float, on: float | None) -> bool:
        """Whether a value is better than another."""
        return on is None or (value < on if self.better == "lower" else value > on)

    def __str__(self) -> str:
        return f"{self.metric} {'<=' if self.better == 'lower' else '>='} {self.needed:g}"


class About(BaseModel):
    """What `exercise.toml` says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    title: str
    minutes: int = Field(gt=0)  # a person's
    seconds: float = Field(20, gt=0)  # that a check may take
    needs: tuple[str, ...] = ()  # service, gpu, compiler, model:NAME
    without: tuple[str, ...] = ()  # packages that the learner is to do without here
    hints: tuple[str, ...] = ()
    after: str
    mistakes: dict[str, str] = {}
    measure: Measure | None = None


@dataclass(frozen=True)
class Exercise:
    """One exercise of a level. `gate` is the level's exam."""

    level: Level
    folder: Path
    gate: bool = False

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def title(self) -> str:
        """What it is called in lists; a gate says that it is one."""
        return f"Gate: {self.about.title}" if self.gate else self.about.title

    @cached_property
    def about(self) -> About:
        """What its `exercise.toml` says. Raises LadderError if that file is not as it should be."""
        file = self.folder / "exercise.toml"
        try:
            return About(**tomllib.loads(file.read_text(encoding="utf-8")))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise LadderError(f"{file}: {where}: {first['msg'].lower()}.", "Mend that line.") from None
        except (OSError, ValueError) as error:
            raise LadderError(f"{file} cannot be read: {error}.", "Mend that file.") from None

    @property
    def starter(self) -> Path:
        return self.folder / "starter.py"

    @property
    def solution(self) -> Path:
        return self.folder / "solution.py"

    @property
    def place(self) -> Path:
        """Where its file lies in a workspace, below `exercises` or `solutions`."""
        return Path(self.level.command) / f"{self.name}.py"

    def wrong(self) -> dict[str, Path]:
        """The typical mistakes by name."""
        return {file.stem: file for file in sorted((self.folder / "wrong").glob("*.py"))}

    def reference(self) -> dict[str, Any] | None:
        """What the solution measured, as `ladder dev measure` wrote it; None if it measures nothing."""
        import json

        file = self.folder / "reference.json"
        return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None


@lru_cache
def course() -> tuple[Exercise, ...]:
    """Every exercise of every level in order, a level's gate after its exercises."""
    found = []
    for level in levels():
        names = [*level.exercises, *([level.gate] if level.gate else [])]
        found += [Exercise(level, level.folder / "exercises" / name, name == level.gate) for name in names]
    return tuple(found)


def exercise(name: str) -> Exercise:
    """The exercise of this name; a path to its file is a name too. Raises BadUsage if there is none."""
    from difflib import get_close_matches

    wanted = (Path(name).stem if name.endswith(".py") else name).lower()
    known = {one.name: one for one in course()}
    if wanted in known:
        return known[wanted]
    near = get_close_matches(wanted, known, n=1)
    hint = f"Did you mean {near[0]}?" if near else "See the names with: ladder list"
    raise BadUsage(f"There is no exercise {name!r}.", hint)
