"""The learner's own folder, apart from the course.

    my-ladder/exercises/level1/subtitles.py    what the learner writes
    my-ladder/solutions/level1/subtitles.py    comes after the pass
    my-ladder/.progress/                       progress by name, and backups

The course never overwrites what the learner has written: a starter that has changed arrives beside it.
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from shared.errors import BadUsage, LadderError
from shared.files import home_folder, write_atomic
from shared.settings import CLONE, settings
from shared.study.exercise import Exercise, course
from shared.study.progress import Book, now

NAME = "my-ladder"


@dataclass(frozen=True)
class Workspace:
    """A learner's folder."""

    folder: Path

    @property
    def book(self) -> Book:
        """Its progress."""
        return Book(self.folder)

    @property
    def solutions(self) -> Path:
        """Where solutions arrive."""
        return self.folder / "solutions"

    def file(self, one: Exercise) -> Path:
        """The learner's file of an exercise."""
        return self.folder / "exercises" / one.place

    def solution(self, one: Exercise) -> Path:
        """Where its solution arrives."""
        return self.solutions / one.place

    def reveal(self, one: Exercise) -> Path:
        """Put the solution into the workspace."""
        return write_atomic(self.solution(one), one.solution.read_bytes())

    def backup(self, one: Exercise) -> Path | None:
        """Keep a copy of the learner's file under the time; None if there is no file."""
        file = self.file(one)
        if not file.exists():
            return None
        stamp = datetime.now().strftime("%Y%m%d-%H%M%S-%f")
        place = self.folder / ".progress" / "backup" / f"{one.name}-{stamp}.py"
        return write_atomic(place, file.read_bytes())

    def reset(self, one: Exercise) -> Path | None:
        """Bring the starter back; returns the backup of what was there, if the learner wrote anything."""
        file = self.file(one)
        kept = self.backup(one) if file.exists() and digest(file) != digest(one.starter) else None
        self._hand_out(one)
        return kept

    def update(self) -> list[str]:
        """Hand out what is new in the course; returns what there is to say about it.

        A starter that has changed replaces one that the learner never touched, and else arrives beside it.
        """
        told = []
        known = self.book.read()
        for one in course():
            starter, given = digest(one.starter), known.of(one).starter
            if given == starter:
                continue
            file = self.file(one)
            if not given and file.exists():  # the learner's own, from before the progress file was lost
                self._note_starter(one, starter)
                continue
            if not file.exists() or digest(file) in (given, starter):
                self._hand_out(one)
                told += [f"New: {file}"] if known.exercises else []
                continue
            beside = file.with_suffix(".new.py")
            write_atomic(beside, one.starter.read_bytes())
            self._note_starter(one, starter)
            told.append(f"The starter of {one.name} has changed; yours is kept, the new one is {beside}")
        return told

    def _hand_out(self, one: Exercise) -> None:
        write_atomic(self.file(one), one.starter.read_bytes())
        self._note_starter(one, digest(one.starter))

    def _note_starter(self, one: Exercise, starter: str) -> None:
        with self.book.entry(one) as entry:
            entry.starter = starter


def digest(file: Path) -> str:
    """What a file holds, in 16 characters; line ends do not count."""
    text = file.read_bytes().replace(b"\r\n", b"\n")
    return hashlib.sha256(text).hexdigest()[:16]


def make(folder: Path | None = None) -> tuple[Workspace, bool]:
    """Make a workspace, or take up one that is there; the home remembers it. Tells whether it is new.

    Args:
        folder: by default the workspace that the current directory lies in, else `my-ladder` in it, or
            beside the course if it lies in the course.

    Raises:
        BadUsage: the folder lies in the course, or holds something else.
        LadderError: it cannot be written.
    """
    here = (folder or _default()).expanduser().absolute()
    if here == CLONE or here.is_relative_to(CLONE):
        raise BadUsage(
            f"The folder {here} lies in the course, where an update would find your work in its way.",
            f"Choose one apart from it, for example: ladder init {CLONE.parent / NAME}",
        )
    if here.exists() and not here.is_dir():
        raise BadUsage(f"{here} is a file.", "Name a folder that is new or empty.")
    is_new = not (here / ".progress").is_dir()
    if is_new and here.exists() and any(here.iterdir()):
        raise BadUsage(f"The folder {here} holds other files.", "Name a folder that is new or empty.")
    try:
        for name in ("exercises", "solutions", ".progress"):
            (here / name).mkdir(parents=True, exist_ok=True)
        if is_new:
            _furnish(here)
    except OSError as error:
        raise LadderError(f"{here} cannot be written: {error.strerror}.", "Name another folder.") from None
    remember(here)
    return Workspace(here), is_new


def _default() -> Path:
    here = Path.cwd()
    if around := next((folder for folder in (here, *here.parents) if (folder / ".progress").is_dir()), None):
        return around
    return (CLONE.parent if here == CLONE or here.is_relative_to(CLONE) else here) / NAME


def _furnish(folder: Path) -> None:
    """What lies beside the exercises: a README, and what an editor and git want to know."""
    runner = Path(sys.executable)
    write_atomic(folder / "README.md", README.format(python=runner, course=CLONE))
    write_atomic(folder / ".gitignore", "__pycache__/\n.progress/*.lock\n")
    (folder / ".vscode").mkdir(exist_ok=True)
    editor = {"python.defaultInterpreterPath": str(runner), "python.analysis.extraPaths": [str(CLONE)]}
    write_atomic(folder / ".vscode" / "settings.json", json.dumps(editor, indent=1) + "\n")


README = """# My ladder

Exercises of the ladder at `{course}`. Edit the files in `exercises/`; the course never overwrites them.

    ladder              where you stand, and what is next
    ladder watch        check on every save; h hint, n next, l list, q quit
    ladder check        check the exercise you are at, or the one you name
    ladder hint         a question; then where to look; then nearly the code
    ladder report       a page to show

A file also runs by itself: `{python} exercises/level1/first-call.py`. Solutions arrive in `solutions/`
after the pass. `.progress/progress.json` may be committed, to go on elsewhere.
"""


def remember(folder: Path) -> None:
    """From now on this is the workspace, whatever directory a command is typed in."""
    write_atomic(home_folder() / "workspace.json", json.dumps({"folder": str(folder), "since": now()}))


def find() -> Workspace | None:
    """The workspace that the home remembers, if it is there."""
    known = _remembered()
    return Workspace(known) if known and (known / ".progress").is_dir() else None


def opened() -> Workspace:
    """The workspace. Raises LadderError if there is none."""
    workspace = find()
    if workspace is None:
        raise no_workspace()
    return workspace


def no_workspace() -> LadderError:
    """What to say where there is none: none was made, or the one that was made is gone."""
    lost = gone()
    if lost is None:
        return LadderError("There is no workspace yet.", "Make one with: ladder init")
    return LadderError(
        f"Your workspace {lost} is not there any more.",
        "Bring it back, or make one or take up another with: ladder init DIR",
    )


def gone() -> Path | None:
    """The workspace that the home remembers, if it is not there any more."""
    known = _remembered()
    return None if find() else known


def _remembered() -> Path | None:
    try:
        return Path(json.loads((settings().home / "workspace.json").read_text(encoding="utf-8"))["folder"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
