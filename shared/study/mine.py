"""The learner's own code where a page else runs the course's: the switch reference | mine.

    found = usable("iou")        # where the file is, or the reason why it cannot be used
    work = load("iou")           # the file as a module
    work.iou(...)

It runs in the page's own process, without the limits of a check: only a file that has passed, and that is
unchanged since, is run.
"""

from __future__ import annotations

import sys
import traceback
from dataclasses import dataclass
from functools import lru_cache
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType

from shared.errors import LadderError
from shared.study.exercise import exercise
from shared.study.workspace import digest, find


@dataclass(frozen=True)
class Mine:
    """A file of the learner's that passed. `digest` is what it held then and holds now."""

    name: str
    file: Path
    digest: str


def usable(name: str) -> Mine | str:
    """The learner's file for an exercise, or one sentence why it cannot be used.

    Raises:
        BadUsage: there is no such exercise.
    """
    one, workspace = exercise(name), find()
    if workspace is None:
        return "Your own code can run here: there is no workspace yet."
    file = workspace.file(one)
    try:
        passed = workspace.book.read().of(one).file
        now = digest(file)
    except LadderError as error:
        return error.message
    except OSError:
        return f"Your own code can run here: there is no file {file} yet."
    if not passed:
        return f"Your own code can run here once your {file.name} has passed."
    if now != passed:
        return f"Your {file.name} has changed since it passed."
    return Mine(name, file, now)


def load(name: str) -> ModuleType:
    """The learner's file as a module, the same one until the file changes.

    Raises:
        LadderError: it cannot be used; `usable` tells why.
        Exception: whatever the file itself raises.
    """
    found = usable(name)
    if isinstance(found, str):
        raise LadderError(found, f"Check it with: ladder check {name}")
    return _module(found)


@lru_cache(maxsize=8)
def _module(mine: Mine) -> ModuleType:
    title = f"mine_{mine.name.replace('-', '_')}"
    spec = spec_from_file_location(title, mine.file, loader=_FromSource(title, str(mine.file)))
    assert spec and spec.loader
    module = module_from_spec(spec)
    sys.modules[title] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    if Path(module.__file__ or "").resolve() != mine.file.resolve():
        raise LadderError(f"Another file was loaded: {module.__file__}.", f"It should be {mine.file}")
    return module


class _FromSource(SourceFileLoader):
    """Compiles the source each time: a compiled file beside it goes by the second, which an edit may beat."""

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


def told(error: BaseException, name: str, file: Path) -> LadderError:
    """What the learner's code raised as one sentence that names its line.

    Args:
        name: the exercise's.
        file: the learner's.
    """
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(file)]
    place = f"{file.name}, line {lines[-1]}" if lines else file.name
    said = traceback.format_exception_only(error)[-1].strip()
    return LadderError(f"Your {place}: {said}", f"Mend {file}, then type: ladder check {name}")
