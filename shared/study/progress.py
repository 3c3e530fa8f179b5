"""What the learner has done, by name, in one small text file that may be committed.

`.progress/progress.json` holds an exercise a line, in the order of their names, so that two machines' files
merge. It is written whole or not at all, and two terminals at once lose nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from filelock import FileLock
from pydantic import BaseModel, ConfigDict, ValidationError

from shared.errors import LadderError
from shared.files import write_atomic
from shared.levels import Level
from shared.study.exercise import Exercise, course


class Entry(BaseModel):
    """What is known of one exercise."""

    model_config = ConfigDict(extra="ignore")

    state: str = ""  # of the last check
    passed: str = ""  # when it first passed
    attempts: int = 0  # until the first pass
    hints: int = 0  # the most that were shown
    helped: int | None = None  # how many of them before the first pass
    seen: bool = False  # the solution was shown before the pass
    starter: str = ""  # hash of the starter that was handed out
    file: str = ""  # hash of the file that passed last
    metric: str = ""
    value: float | None = None  # the best that was measured
    url: str = ""  # the run that measured it


class Progress(BaseModel):
    """The whole file."""

    current: str = ""  # the exercise that was looked at last
    exercises: dict[str, Entry] = {}

    def of(self, one: Exercise) -> Entry:
        """The entry of an exercise; an empty one if nothing is known."""
        return self.exercises.get(one.name, Entry())

    def passed(self, one: Exercise) -> bool:
        """Whether it has passed once."""
        return bool(self.of(one).passed)

    def level_done(self, level: Level) -> bool:
        """Whether all exercises of a level have passed, or its gate."""
        own = [one for one in course() if one.level == level]
        plain = [one for one in own if not one.gate]
        return any(self.passed(one) for one in own if one.gate) or (
            bool(plain) and all(self.passed(one) for one in plain)
        )

    def open(self) -> Exercise | None:
        """The exercise to do next: the first open one of the current level from the current one on, else the
        first of all.

        The exercises of a level whose gate has passed are passed over. Gates are taken by who asks for them.
        """
        path = list(course())
        here = next((index for index, one in enumerate(path) if one.name == self.current), 0)
        rest = [one for one in path[here:] if one.level == path[here].level] if path else []
        return next(self._open(rest + path), None)

    def after(self, one: Exercise) -> Exercise | None:
        """The next open exercise behind this one and around, for who skips it."""
        path = list(course())
        first = path.index(one) + 1
        return next((other for other in self._open(path[first:] + path[:first]) if other != one), None)

    def _open(self, path: Iterable[Exercise]) -> Iterator[Exercise]:
        return (one for one in path if not (one.gate or self.passed(one) or self.level_done(one.level)))


class Book:
    """The file of a workspace that holds its progress."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / ".progress" / "progress.json"

    def read(self) -> Progress:
        """What is known now. Raises LadderError if the file was spoiled by hand or by a merge."""
        try:
            return Progress(**json.loads(self.file.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return Progress()
        except (OSError, ValueError, TypeError, ValidationError):
            raise LadderError(
                f"The progress file {self.file} cannot be read.",
                "Mend it (a merge may have left marks in it), or remove it to begin anew.",
            ) from None

    @contextmanager
    def change(self) -> Iterator[Progress]:
        """Change what is known: others wait, and what the block leaves is written whole."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self.file.with_suffix(".lock")):
            progress = self.read()
            before = progress.model_dump_json()
            yield progress
            if progress.model_dump_json() != before:
                write_atomic(self.file, _text(progress))

    @contextmanager
    def entry(self, one: Exercise) -> Iterator[Entry]:
        """Change what is known of one exercise."""
        with self.change() as progress:
            yield progress.exercises.setdefault(one.name, Entry())


def now() -> str:
    """The time as it is written down."""
    return datetime.now().astimezone().isoformat(timespec="seconds")


def _text(progress: Progress) -> str:
    rows = [
        f'  "{name}": {entry.model_dump_json(exclude_defaults=True)}'
        for name, entry in sorted(progress.exercises.items())
    ]
    rows_text = ",\n".join(rows)
    return f'{{\n "current": {json.dumps(progress.current)},\n "exercises": {{\n{rows_text}\n }}\n}}\n'
