"""The process in which the learner's code runs: it loads the file by its path and tries each case.

    python -m shared.leash --parent PID shared.study.child JOB

It tells what it finds in the file `events.jsonl` beside the job, a line at a time, so that whoever waits
knows how far it came even if it is killed. What the learner prints goes to stdout and is nobody's protocol.
"""

from __future__ import annotations

import ast
import copy
import importlib.util
import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import takewhile
from pathlib import Path
from types import ModuleType
from typing import Any, TextIO

from shared.study.case import Case
from shared.study.compare import difference, show

Event = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """What to check.

    Attributes:
        without: packages that the learner is to do without.
        hidden: folders whose solutions the learner's code may not open.
        brief: end at the first case that does not pass.
    """

    name: str
    folder: str
    file: str
    seed: int
    seconds: float
    without: list[str]
    hidden: list[str]
    brief: bool = False


class Refused(RuntimeError):
    """The learner's code reached for the solution."""


class Child:
    """One check of one file."""

    def __init__(self, job: Job, events: TextIO) -> None:
        self.job, self.events = job, events
        self.peeked: str | None = None  # the solution that was opened
        self.guarded = False

    def run(self) -> None:
        """Load, then try every case; tell each."""
        checks = _load(Path(self.job.folder) / "check.py", "the_check")
        if told := self._forbidden():
            return self.tell("broken", state="FAIL", **told)
        self.tell("begin")
        threading.Thread(target=self._watch_the_clock, daemon=True).start()
        sys.addaudithook(self._look)
        self.guarded = True
        try:
            work = _load(Path(self.job.file), f"exercise_{self.job.name.replace('-', '_')}")
        except BaseException as error:
            return self.tell("broken", **self._told(error))
        if Path(work.__file__ or "").resolve() != Path(self.job.file).resolve():
            return self.tell("broken", state="ERROR", message=f"another file was loaded: {work.__file__}")
        self._try_all(work, checks)
        if self.peeked:
            self.tell("broken", **self._refused())
        self.tell("end")

    def _try_all(self, work: ModuleType, checks: ModuleType) -> None:
        import numpy as np

        self.guarded = False
        cases: list[Case] = list(checks.cases(work, np.random.default_rng(self.job.seed)))
        self.guarded = True
        self.tell("cases", titles=[case.title for case in cases])
        for number, case in enumerate(cases):
            self.tell("start", number=number)
            began = time.perf_counter()
            found = self._try(work, case)
            seconds = round(time.perf_counter() - began, 3)
            self.tell("case", title=case.title, seconds=seconds, **found)
            if found["state"] == "TODO" or (self.job.brief and found["state"] != "PASS"):
                return  # what follows can say nothing more

    def _try(self, work: ModuleType, case: Case) -> Event:
        told: Event = {"given": case.given or _call(case)}
        function = getattr(work, case.call, None)
        if function is None:
            near = get_close_matches(case.call, vars(work), n=1)
            other = f"; it has `{near[0]}`" if near else ""
            return {**told, "state": "ERROR", "message": f"your file has no `{case.call}`{other}"}
        try:
            got = case.run(work) if case.run else function(*copy.deepcopy(case.args))
        except BaseException as error:
            return {**told, **self._told(error)}
        wrong = _wrong(case, got)
        if wrong is None:
            measures = {k: float(v) for k, v in (case.measures(got) if case.measures else {}).items()}
            return {**told, "state": "PASS", "measures": measures}
        return {
            **told, "state": "FAIL", "got": show(got), "why": wrong, "likely": _mistake(case, got),
            "expected": str(case.expected) if case.holds else show(case.expected),
            "line": _line(function, self.job.file),
        }  # fmt: skip

    def _told(self, error: BaseException) -> Event:
        """What an exception says: TODO if it is the starter's own, else ERROR, with the learner's line."""
        if isinstance(error, Refused):
            return self._refused()
        frames = traceback.extract_tb(error.__traceback__)
        mine = [frame for frame in frames if frame.filename == self.job.file]
        line = mine[-1].lineno if mine else None
        if isinstance(error, SyntaxError) and error.filename == self.job.file:
            line = error.lineno
        if isinstance(error, NotImplementedError) and mine and frames[-1] is mine[-1]:
            return {"state": "TODO", "line": line, "message": str(error) or _todo(self.job.file, line or 0)}
        lines = traceback.format_exception(error)
        said = traceback.format_exception_only(error)[-1].strip()
        return {"state": "ERROR", "line": line, "message": said, "traceback": "".join(lines)[-6000:]}

    # What the learner's code may not do ---------------------------------------------------------------

    def _forbidden(self) -> Event | None:
        """The first import of a package that this exercise is to be done without."""
        try:
            tree = ast.parse(Path(self.job.file).read_bytes())
        except (SyntaxError, ValueError):
            return None  # loading it will tell
        for name, line in imports(tree):
            if any(name == banned or name.startswith(f"{banned}.") for banned in self.job.without):
                return {"line": line, "message": f"do this one without `{name}`"}
        return None

    def _look(self, event: str, args: tuple[Any, ...]) -> None:
        if event != "open" or not self.guarded or not args or not isinstance(args[0], str | bytes):
            return
        path = Path(os.fsdecode(args[0]))
        if not (
            path.stem.partition(".")[0] == "solution" or "wrong" in path.parts or "solutions" in path.parts
        ):
            return
        here = path.absolute()
        if any(here.is_relative_to(folder) for folder in self.job.hidden):
            self.peeked = str(here)
            raise Refused(str(here))

    def _refused(self) -> Event:
        return {
            "state": "ERROR", "message": f"your file opens the solution ({self.peeked}); write your own, "
            "or read it with `ladder solution`",
        }  # fmt: skip

    def _watch_the_clock(self) -> None:
        time.sleep(self.job.seconds)
        frame = sys._current_frames().get(threading.main_thread().ident or 0)
        line = None
        while frame is not None and line is None:
            line = frame.f_lineno if frame.f_code.co_filename == self.job.file else None
            frame = frame.f_back
        self.tell("timeout", line=line)
        os._exit(3)

    def tell(self, kind: str, **found: Any) -> None:
        """Write one event; it is on its way to the disk when this returns."""
        self.guarded, before = False, self.guarded
        self.events.write(json.dumps({"kind": kind, **found}, ensure_ascii=False, default=str) + "\n")
        self.events.flush()
        self.guarded = before


def imports(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Every module that a file imports, in full, with its line; of `from a import b` both `a` and `a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, node.lineno
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def _load(file: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module


def _call(case: Case) -> str:
    shown = (repr(arg) if isinstance(arg, str) and len(arg) < 200 else show(arg) for arg in case.args)
    return f"{case.call}({', '.join(shown)})"


def _wrong(case: Case, got: Any) -> str | None:
    """What is wrong with what came back; None if it is right."""
    if case.holds is None:
        return difference(got, case.expected, case.tolerance)
    try:
        return None if case.holds(got) else ""
    except Exception as error:  # a value of another kind than the check looks at
        return f"it cannot be looked at ({type(error).__name__}: {error})"


def _mistake(case: Case, got: Any) -> str:
    """The name of the known mistake that gives this; `returns_none` where a return is missing."""
    for name, sign in case.mistakes.items():
        try:
            known = sign(got) if callable(sign) else difference(got, sign, case.tolerance) is None
        except Exception:
            known = False
        if known:
            return name
    return "returns_none" if got is None and case.expected is not None else ""


def _line(function: Any, file: str) -> int | None:
    """The line at which the learner's function begins."""
    code = getattr(getattr(function, "__wrapped__", function), "__code__", None)
    if code is None:  # a class: where its first method is
        methods: Iterable[Any] = vars(function).values() if isinstance(function, type) else ()
        code = next((m.__code__ for m in methods if hasattr(m, "__code__")), None)
    return code.co_firstlineno if code is not None and code.co_filename == file else None


def _todo(file: str, line: int) -> str:
    """What the comment right above a line asks for, where that begins with TODO."""
    lines = Path(file).read_text(encoding="utf-8", errors="replace").splitlines()[: line - 1]
    above = list(takewhile(lambda text: text.startswith("#"), (text.strip() for text in reversed(lines))))
    asked = " ".join(text.lstrip("# ") for text in reversed(above))
    return asked.removeprefix("TODO").lstrip(": ") if asked.startswith("TODO") else ""


def main(file: Path) -> None:
    """Do one job and tell."""
    job = Job(**json.loads(file.read_text(encoding="utf-8")))
    with (file.parent / "events.jsonl").open("w", encoding="utf-8") as events:
        child = Child(job, events)
        try:
            child.run()
        except BaseException:  # the check's own defect, not the learner's
            child.tell("defect", traceback=traceback.format_exc()[-6000:])
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)  # threads that the learner left behind hold up nobody


if __name__ == "__main__":
    main(Path(sys.argv[1]))
