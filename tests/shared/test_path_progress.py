"""What the learner has done is kept by name, whole, and never lost to a second terminal or a kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from shared.errors import LadderError
from shared.levels import Level
from shared.study import exercise, progress
from shared.study.exercise import Exercise
from shared.study.progress import Book, Entry, Progress

LOW = Level(1, "level1-low", "Low", "?", 1, exercises=("a", "b"), gate="low-gate")
HIGH = Level(2, "level2-high", "High", "?", 1, exercises=("c",))
A, B, C = (Exercise(level, Path(name)) for level, name in ((LOW, "a"), (LOW, "b"), (HIGH, "c")))
GATE = Exercise(LOW, Path("low-gate"), gate=True)


@pytest.fixture
def path(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (exercise, progress):
        monkeypatch.setattr(module, "course", lambda: (A, B, GATE, C))


def done(*names: str, current: str = "") -> Progress:
    return Progress(current=current, exercises={name: Entry(passed="2026-01-01") for name in names})


@pytest.mark.parametrize(
    ("known", "following"),
    [
        (done(), A),
        (done("a"), B),
        (done(current="b"), B),
        (done("b", current="b"), A),  # onward in the level where one is, then the first of all
        (done("a", current="a"), B),
        (done(current="c"), C),
        (done("c", current="c"), A),
        (done("a", "b"), C),
        (done("low-gate"), C),  # whose exercises are then not needed
        (done("c", current="low-gate"), A),
        (done("a", "b", "c"), None),
        (done(current="gone"), A),  # an exercise that the course no longer has
    ],
)
def test_what_is_open_next(path: None, known: Progress, following: Exercise | None) -> None:
    assert known.open() == following


def test_skipping_goes_on_and_around(path: None) -> None:
    assert done().after(A) == B
    assert done().after(C) == A
    assert done("b").after(A) == C, "a gate is taken by who asks for it"
    assert done("a", "b").after(C) is None, "nothing else is open"


def test_a_level_is_done_by_its_exercises_or_its_gate(path: None) -> None:
    assert not done("a").level_done(LOW)
    assert done("a", "b").level_done(LOW)
    assert done("low-gate").level_done(LOW)
    assert not done("a", "b", "low-gate").level_done(HIGH)


def test_the_file_has_a_line_an_exercise_in_the_order_of_names(tmp_path: Path, path: None) -> None:
    book = Book(tmp_path)
    for one in (C, A, B):
        with book.entry(one) as entry:
            entry.hints = 2
    lines = book.file.read_text().splitlines()
    assert [line.strip() for line in lines[3:6]] == [
        '"a": {"hints":2},', '"b": {"hints":2},', '"c": {"hints":2}',
    ]  # fmt: skip
    assert json.loads(book.file.read_text())["exercises"]["c"] == {"hints": 2}


def test_what_is_not_changed_is_not_written(tmp_path: Path) -> None:
    book = Book(tmp_path)
    with book.entry(A) as entry:
        entry.hints = 1
    before = book.file.stat().st_mtime_ns
    with book.entry(A) as entry:
        entry.hints = 1
    assert book.file.stat().st_mtime_ns == before


def test_a_later_versions_fields_do_not_stop_it(tmp_path: Path) -> None:
    book = Book(tmp_path)
    book.file.parent.mkdir()
    book.file.write_text('{"current": "a", "colour": 1, "exercises": {"a": {"hints": 1, "stars": 5}}}')
    assert book.read().exercises["a"].hints == 1


@pytest.mark.parametrize(
    "text", ["<<<<<<< HEAD\n{}", "[]", '{"exercises": {"a": {"hints": "many"}}}', "\xff"]
)
def test_a_spoiled_file_is_told_and_left_alone(tmp_path: Path, text: str) -> None:
    book = Book(tmp_path)
    book.file.parent.mkdir()
    book.file.write_text(text, encoding="latin-1")
    with pytest.raises(LadderError, match=r"progress\.json cannot be read"), book.entry(A) as entry:
        entry.hints = 1
    assert book.file.read_text(encoding="latin-1") == text


WRITER = """
import sys
from pathlib import Path
from shared.levels import Level
from shared.study.exercise import Exercise
from shared.study.progress import Book
one = Exercise(Level(1, "level1-low", "Low", "?", 1), Path(sys.argv[2]))
for number in range(int(sys.argv[3])):
    with Book(Path(sys.argv[1])).entry(one) as entry:
        entry.attempts += 1
"""


def writer(folder: Path, name: str, times: int) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", WRITER, str(folder), name, str(times)])


def test_two_terminals_at_once_lose_nothing(tmp_path: Path) -> None:
    for process in [writer(tmp_path, name, 40) for name in ("a", "a", "b")]:
        assert process.wait(timeout=120) == 0
    found = Book(tmp_path).read().exercises
    assert (found["a"].attempts, found["b"].attempts) == (80, 40)


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9")
def test_killed_in_the_middle_of_writing_the_file_is_whole(tmp_path: Path) -> None:
    book, last = Book(tmp_path), 0
    for _ in range(5):
        process = writer(tmp_path, "a", 1_000_000)
        while book.read().of(A).attempts < last + 5:
            assert process.poll() is None
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        attempts = book.read().of(A).attempts
        assert attempts >= last + 5, "nothing that was written is lost"
        last = attempts
    with book.entry(A) as entry:  # and the lock died with its holder
        entry.attempts = 0
    assert book.read().of(A).attempts == 0
