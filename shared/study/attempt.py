"""One attempt at an exercise: check it, note what came of it, hand out the solution after a pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from shared.study.check import Start, check
from shared.study.exercise import Exercise, course
from shared.study.progress import Entry, now
from shared.study.record import Recorded, record
from shared.study.verdict import Verdict
from shared.study.workspace import Workspace, digest


def attempt(workspace: Workspace, one: Exercise, start: Start | None = None) -> Verdict:
    """Check the learner's file and write down the state. It is then the current exercise.

    Raises:
        LadderError: the exercise or the progress file cannot be read.
    """
    file = workspace.file(one)
    workspace.book.read()  # a progress file that is spoiled is told before the work
    checked = digest(file) if file.exists() else ""
    verdict = check(one, file, hidden=[workspace.solutions], start=start)
    passed = verdict.state == "PASS"
    with workspace.book.change() as progress:
        entry = progress.exercises.setdefault(one.name, Entry())
        progress.current = one.name
        entry.state = verdict.state
        entry.attempts += not entry.passed and verdict.state not in ("TODO", "BLOCKED")
        if passed:
            if not entry.passed:
                entry.passed, entry.helped = now(), entry.hints
            entry.file = checked
    if passed:
        workspace.reveal(one)
    return verdict


def begun(workspace: Workspace) -> list[Exercise]:
    """The exercises that have passed, and those whose file is no longer the starter."""
    progress = workspace.book.read()
    return [one for one in course() if progress.passed(one) or _changed(workspace.file(one), one)]


def _changed(file: Path, one: Exercise) -> bool:
    return file.exists() and digest(file) != digest(one.starter)


def attempt_all(
    workspace: Workspace,
    exercises: Iterable[Exercise],
    say: Callable[[str], None],
    start: Start | None = None,
) -> list[Verdict]:
    """Check one exercise after the other. The one that was current stays so."""
    current, verdicts = workspace.book.read().current, []
    try:
        for one in exercises:
            say(f"Checking {one.name} …")
            verdicts.append(attempt(workspace, one, start))
    finally:
        with workspace.book.change() as progress:
            progress.current = current
    return verdicts


def keep(workspace: Workspace, one: Exercise, verdict: Verdict) -> Recorded | None:
    """Record what a pass measured, after it was shown; the best value stays in the progress."""
    recorded = record(one, verdict)
    measure = one.about.measure
    if recorded is None or measure is None or recorded.url is None:
        return recorded
    value = verdict.measures[measure.metric]
    with workspace.book.entry(one) as entry:
        if entry.metric != measure.metric or measure.improves(value, entry.value):
            entry.metric, entry.value, entry.url = measure.metric, value, recorded.url
    return recorded


def show_hint(workspace: Workspace, one: Exercise, number: int | None = None) -> tuple[int, str] | None:
    """The next hint, or the one of this number from 1, and write down that it was shown.

    Returns its number and text; None if there is no such hint.
    """
    hints = one.about.hints
    with workspace.book.entry(one) as entry:
        wanted = min(entry.hints + 1, len(hints)) if number is None else number
        if not 1 <= wanted <= len(hints):
            return None
        entry.hints = max(entry.hints, wanted)
    return wanted, hints[wanted - 1]


def look_at_solution(workspace: Workspace, one: Exercise) -> None:
    """Hand out the solution; before the pass the exercise is marked as seen."""
    workspace.reveal(one)
    with workspace.book.entry(one) as entry:
        entry.seen = entry.seen or not entry.passed
