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
from dataclasses import asdict
from pathlib import Path
from typing import IO, Protocol

import psutil

from shared.files import write_atomic
from shared.leash import end_trees
from shared.settings import CLONE
from shared.study.child import Job
from shared.study.exercise import Exercise, course
from shared.study.needs import missing
from shared.study.verdict import Verdict, alone, from_events

LOOK_S = 0.03
BEGIN_S = 120.0  # for the check's own imports on a slow machine
GRACE_S = 3.0  # after the child's own clock, for code that never lets go
MEMORY_MB = 4000.0
TAIL_CHARS = 4000  # of what the learner prints


class Process(Protocol):
    """What runs the child: `subprocess.Popen`, or a fork of a warm worker."""

    pid: int
    stdout: IO[bytes] | None

    def poll(self) -> int | None: ...


Start = Callable[[Path], Process]


def check(
    one: Exercise,
    file: Path,
    *,
    seed: int = 0,
    hidden: Iterable[Path] = (),
    brief: bool = False,
    start: Start | None = None,
) -> Verdict:
    """Try every case of an exercise on a file.

    Args:
        file: the learner's.
        seed: of the cases that are drawn.
        hidden: folders beside the course's own whose solutions the learner's code may not open.
        brief: end at the first case that does not pass.
        start: how the child is started; by default as a new process.

    Raises:
        LadderError: the exercise itself is broken.
    """
    began = time.monotonic()
    if reason := missing(one.about.needs):
        return alone(one, file, "BLOCKED", reason)
    try:
        before = file.read_bytes()
    except OSError:
        return alone(
            one, file, "ERROR", f"there is no file {file}; bring it back with `ladder reset {one.name}`"
        )
    with tempfile.TemporaryDirectory(prefix="ladder-check-", ignore_cleanup_errors=True) as folder:
        job, events = Path(folder) / "job.json", Path(folder) / "events.jsonl"
        job.write_text(json.dumps(asdict(_job(one, file, seed, hidden, brief))), encoding="utf-8")
        process = (start or new_process)(job)
        tail = _Tail(process.stdout)
        end = _wait(process, events, one.about.seconds)
        restored = not file.exists()
        if restored:
            write_atomic(file, before)
        told = events.read_text(encoding="utf-8", errors="replace") if events.exists() else ""
    seconds = round(time.monotonic() - began, 2)
    return from_events(one, file, told, end, seconds=seconds, printed=tail.text(), restored=restored)


def _job(one: Exercise, file: Path, seed: int, hidden: Iterable[Path], brief: bool) -> Job:
    places = {other.folder.parent for other in course()} | {one.folder.parent, *hidden}
    about = one.about
    return Job(
        one.name, str(one.folder), str(file), seed, about.seconds, list(about.without),
        sorted(map(str, places)), brief,
    )  # fmt: skip


def new_process(job: Path) -> Process:
    """A child that ends when we do. It calls no provider but this machine's own service."""
    leash = ["-m", "shared.leash", "--parent", str(os.getpid())]
    return subprocess.Popen(
        [sys.executable, *leash, "shared.study.child", str(job)], cwd=job.parent, env=environment(),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip


def environment() -> dict[str, str]:
    """The child's: a check never spends money, and leaves no compiled files behind."""
    path = os.pathsep.join([str(CLONE), *filter(None, [os.environ.get("PYTHONPATH")])])
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OPENAI_")}
    return kept | {
        "LADDER_PROVIDER": "local", "LADDER_SPEECH_MODEL": "", "LADDER_CHAT_MODEL": "",
        "LADDER_EMBEDDING_MODEL": "", "MPLBACKEND": "Agg", "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONIOENCODING": "utf-8", "PYTHONPATH": path,
    }  # fmt: skip


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
    """Wait for the child and end all that it started; says why if it was not let to its end."""
    try:
        child = psutil.Process(process.pid)
    except psutil.NoSuchProcess:  # a fork that was so quick
        return ""
    started, begun = time.monotonic(), None
    try:
        while process.poll() is None:
            time.sleep(LOOK_S)
            if begun is None and _has_begun(events):
                begun = time.monotonic()
            if time.monotonic() - (begun or started) > (seconds + GRACE_S if begun else BEGIN_S):
                return f"it did not end within {seconds:g} s: is there a loop without an end?"
            if _megabytes(child) > MEMORY_MB:
                return f"it took more than {MEMORY_MB:,.0f} MB of memory"
        return ""
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
