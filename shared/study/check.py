"""Check one file against one exercise, in a process of its own with a limit on time and memory.

verdict = check(exercise("subtitles"), Path("exercises/level1/subtitles.py"))
verdict.state        # TODO, FAIL, ERROR, BLOCKED or PASS
verdict.first        # the earliest case that did not pass
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, Literal, Protocol

import psutil

from shared.files import write_atomic
from shared.leash import end_trees
from shared.settings import CLONE
from shared.study.child import Job
from shared.study.exercise import Exercise, course
from shared.study.needs import missing

State = Literal["TODO", "FAIL", "ERROR", "BLOCKED", "PASS"]

LOOK_S = 0.03
BEGIN_S = 120.0  # for the check's own imports on a slow machine
GRACE_S = 3.0  # after the child's own clock, for code that never lets go
MEMORY_MB = 4000.0
TAIL_CHARS = 4000  # of what the learner prints
RETURNS_NONE = "The function returns nothing: is there a `return` at its end?"


@dataclass(frozen=True)
class Finding:
    """What came of one case."""

    title: str
    state: State
    given: str = ""
    expected: str = ""
    got: str = ""
    why: str = ""
    likely: str = ""
    line: int | None = None
    message: str = ""
    traceback: str = ""
    seconds: float | None = None
    measures: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """What a check found."""

    name: str
    file: Path
    state: State
    findings: tuple[Finding, ...]
    total: int
    seconds: float
    printed: str = ""
    restored: bool = False  # the code deleted its own file, which was put back

    @property
    def passed(self) -> int:
        """How many cases passed."""
        return sum(finding.state == "PASS" for finding in self.findings)

    @property
    def first(self) -> Finding | None:
        """The earliest that did not pass."""
        return next((finding for finding in self.findings if finding.state != "PASS"), None)

    @property
    def measures(self) -> dict[str, float]:
        """What the cases measured."""
        return {name: value for finding in self.findings for name, value in finding.measures.items()}

    def as_dict(self) -> dict[str, Any]:
        found = asdict(self)
        return {**found, "file": str(self.file), "passed": self.passed, "measures": self.measures}


class Process(Protocol):
    """What runs the child: `subprocess.Popen`, or a fork of a warm worker."""

    pid: int
    stdout: IO[bytes] | None

    def poll(self) -> int | None: ...


Start = Callable[[Path], Process]


def check(
    one: Exercise, file: Path, *, seed: int = 0, hidden: Iterable[Path] = (), start: Start | None = None
) -> Verdict:
    """Try every case of an exercise on a file.

    Args:
        file: the learner's.
        seed: of the cases that are drawn.
        hidden: folders beside the course's own whose solutions the learner's code may not open.
        start: how the child is started; by default as a new process.

    Raises:
        LadderError: the exercise itself is broken.
    """
    began = time.monotonic()
    told = _Told(one, file, began)
    if reason := missing(one.about.needs):
        return told.alone("BLOCKED", reason)
    try:
        before = file.read_bytes()
    except OSError:
        return told.alone("ERROR", f"there is no file {file}; bring it back with `ladder reset {one.name}`")
    about = one.about
    places = {exercise.folder.parent for exercise in course()} | {one.folder.parent, *hidden}
    job = Job(
        one.name,
        str(one.folder),
        str(file),
        seed,
        about.seconds,
        list(about.without),
        sorted(map(str, places)),
    )
    with tempfile.TemporaryDirectory(prefix="ladder-check-", ignore_cleanup_errors=True) as folder:
        place = Path(folder)
        (place / "job.json").write_text(json.dumps(asdict(job)), encoding="utf-8")
        process = (start or new_process)(place / "job.json")
        tail = _Tail(process.stdout)
        end = _wait(process, place / "events.jsonl", about.seconds)
        told.read(place / "events.jsonl", end)
    told.printed = tail.text()
    if not file.exists():
        write_atomic(file, before)
        told.restored = True
    return told.verdict()


def new_process(job: Path) -> Process:
    """A child that ends when we do. It calls no provider but this machine's own service."""
    command = [
        sys.executable,
        "-m",
        "shared.leash",
        "--parent",
        str(os.getpid()),
        "shared.study.child",
        str(job),
    ]
    return subprocess.Popen(
        command, cwd=job.parent, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip


def environment() -> dict[str, str]:
    """The child's: a check never spends money, and leaves no compiled files behind."""
    ours = {"LADDER_PROVIDER": "local", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONIOENCODING": "utf-8"}
    models = {
        "LADDER_SPEECH_MODEL": "",
        "LADDER_CHAT_MODEL": "",
        "LADDER_EMBEDDING_MODEL": "",
        "MPLBACKEND": "Agg",
    }
    path = os.pathsep.join([str(CLONE), *filter(None, [os.environ.get("PYTHONPATH")])])
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OPENAI_")}
    return {**kept, **ours, **models, "PYTHONPATH": path}


class _Tail:
    """Reads what a process prints, so that it never blocks, and keeps the last of it."""

    def __init__(self, stream: IO[bytes] | None) -> None:
        self._kept, self._stream, self.total = b"", stream, 0
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while self._stream and (piece := self._stream.read1(1 << 16)):  # type: ignore[attr-defined]
            self.total += len(piece)
            self._kept = (self._kept + piece)[-TAIL_CHARS:]

    def text(self) -> str:
        self._thread.join(timeout=2)  # a process of the learner's own may still hold the other end
        cut = f"… ({self.total:,} bytes in all)\n" if self.total > TAIL_CHARS else ""
        return cut + self._kept.decode("utf-8", errors="replace").strip("\n")


def _wait(process: Process, events: Path, seconds: float) -> str:
    """Wait for the child; ends it and says why if it takes too much time or memory."""
    started, begun = time.monotonic(), None
    child = psutil.Process(process.pid)
    try:
        while process.poll() is None:
            time.sleep(LOOK_S)
            if begun is None and _has_begun(events):
                begun = time.monotonic()
            late = time.monotonic() - (begun or started) > (seconds + GRACE_S if begun else BEGIN_S)
            if late or _megabytes(child) > MEMORY_MB:
                return "time" if late else "memory"
        return "done"
    finally:
        end_trees([child], grace_s=0)


def _has_begun(events: Path) -> bool:
    try:
        return b'"begin"' in events.read_bytes()
    except OSError:
        return False


def _megabytes(process: psutil.Process) -> float:
    try:
        return process.memory_info().rss / 1e6
    except psutil.Error:
        return 0.0


class _Told:
    """Collects what the child tells, and makes the verdict of it."""

    def __init__(self, one: Exercise, file: Path, began: float) -> None:
        self.one, self.file, self.began = one, file, began
        self.findings: list[Finding] = []
        self.titles: list[str] = []
        self.printed, self.restored = "", False

    def alone(self, state: State, message: str) -> Verdict:
        """A verdict before any case."""
        self.findings.append(Finding("", state, message=message))
        return self.verdict()

    def read(self, events: Path, end: str) -> None:
        """Take in the events; `end` says how the process came to its end."""
        last, running = "", None
        for event in _events(events):
            last = event.pop("kind")
            if last == "cases":
                self.titles = event["titles"]
            elif last == "start":
                running = event["number"]
            elif last in ("case", "broken"):
                running = None
                self.findings.append(self._finding(event))
            elif last == "timeout":
                self._stopped(running, f"it did not end within {self.one.about.seconds:g} s", event["where"])
            elif last == "defect":
                self._defect(event["traceback"])
        if last in ("end", "broken", "timeout", "defect"):
            return
        ends = {
            "time": f"it did not end within {self.one.about.seconds:g} s",
            "memory": f"it took more than {MEMORY_MB:,.0f} MB of memory",
            "done": "the process ended in the middle of the check",
        }
        self._stopped(running, ends[end], "")

    def _finding(self, event: dict[str, Any]) -> Finding:
        where, likely = event.pop("where", ""), event.pop("likely", "")
        event.pop("number", None)
        sentence = RETURNS_NONE if likely == "returns_none" else self.one.about.mistakes.get(likely, "")
        found = {"title": "", **event}
        return Finding(**found, likely=sentence, line=int(where) if where else None)

    def _stopped(self, running: int | None, message: str, where: str) -> None:
        title = "" if running is None else self.titles[running]
        self.findings.append(Finding(title, "ERROR", message=message, line=int(where) if where else None))

    def _defect(self, trace: str) -> None:
        message = "the check of this exercise is broken, not your code: please report it"
        self.findings.append(Finding("", "ERROR", message=message, traceback=trace))

    def _needed(self) -> None:
        """A measured exercise passes only if the measure is good enough."""
        measure = self.one.about.measure
        for index, found in enumerate(self.findings):
            value = found.measures.get(measure.metric) if measure else None
            if measure is None or value is None or found.state != "PASS":
                continue
            sign = "<=" if measure.better == "lower" else ">="
            if not (value <= measure.needed if measure.better == "lower" else value >= measure.needed):
                expected, got = f"{measure.metric} {sign} {measure.needed:g}", f"{value:.4g}"
                self.findings[index] = Finding(
                    found.title,
                    "FAIL",
                    found.given,
                    expected,
                    got,
                    seconds=found.seconds,
                    measures=found.measures,
                )

    def verdict(self) -> Verdict:
        """The state is that of the earliest finding that did not pass."""
        self._needed()
        bad = next((finding.state for finding in self.findings if finding.state != "PASS"), None)
        done = bool(self.findings) and len(self.findings) >= len(self.titles)
        state: State = bad or ("PASS" if done else "ERROR")
        return Verdict(
            self.one.name, self.file, state, tuple(self.findings), len(self.titles),
            round(time.monotonic() - self.began, 2), self.printed, self.restored,
        )  # fmt: skip


def _events(file: Path) -> list[dict[str, Any]]:
    """The events that were written whole."""
    found = []
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    for line in lines:
        try:
            found.append(json.loads(line))
        except ValueError:  # cut off in the middle
            break
    return found
