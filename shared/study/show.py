"""The screens of the study path as text: a verdict, the list, the foot of every screen."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import unified_diff
from functools import lru_cache
from textwrap import fill, indent, wrap

import click

from shared.study.exercise import Exercise, course
from shared.study.progress import Progress
from shared.study.record import Recorded
from shared.study.verdict import Finding, Verdict
from shared.study.workspace import Workspace
from shared.tables import number, table

WIDTH = 78
BAR = 20
LABEL = 10
COLOURS = {"PASS": "green", "FAIL": "red", "ERROR": "red", "TODO": "yellow", "BLOCKED": "yellow"}
PRINTED_LINES = 8


def verdict_text(one: Exercise, verdict: Verdict, whole: bool = False) -> str:
    """What a check says: the earliest thing that is wrong, or every case with `whole`."""
    head = f"{_state(verdict.state)}  {one.name}"
    count = f"{verdict.passed} of {verdict.total}" if verdict.total else ""
    parts = [f"{head}: {count} in {verdict.seconds:.1f} s" if verdict.state == "PASS" else head]
    if whole:
        parts += [_finding(verdict, found, whole) for found in verdict.findings]
    elif verdict.first:
        parts = [f"{head} · {verdict.first.title}" if verdict.first.title else head]
        parts.append(_finding(verdict, verdict.first))
    if verdict.state != "PASS" and count:
        parts.append(f"  passed {count} in {verdict.seconds:.1f} s")
    if verdict.printed:
        lines = verdict.printed.splitlines()[0 if whole else -PRINTED_LINES :]
        parts.append("  your code printed\n" + indent("\n".join(lines), "    "))
    if verdict.restored:
        parts.append("  Your code deleted its own file. It has been put back.")
    return "\n".join(part for part in parts if part)


def _state(state: str) -> str:
    return state if _no_colour() else click.style(state, fg=COLOURS[state], bold=True)


@lru_cache
def _no_colour() -> bool:
    """Whether NO_COLOR is set: rich looks at it, click does not."""
    from rich.console import Console

    return Console().no_color


def _finding(verdict: Verdict, found: Finding, whole: bool = False) -> str:
    lines = [f"{_state(found.state)}  {found.title}"] if whole else []
    if found.state == "PASS":
        return "\n".join(lines)
    if found.state == "TODO":
        what = found.message or "the code that the TODO asks for"
        lines.append(_row("to do", what))
    elif found.state == "FAIL" and not found.message:
        lines += [_row("given", found.given), _row("expected", found.expected), _row("got", found.got)]
        lines += [_row("that is", found.why), _row("likely", found.likely)]
    else:
        lines += [_row("given", found.given)] if found.given else []
        lines.append(_row("got" if found.traceback else "reason", found.message))
    if found.line:
        lines.append(_row("where", f"{verdict.file}:{found.line}"))
    if whole and found.traceback:
        lines.append(indent(found.traceback.rstrip(), "    "))
    return "\n".join(line for line in lines if line)


def _row(label: str, text: str) -> str:
    """A labelled line; a text of several lines stands below its label, as it is."""
    if not text:
        return ""
    if "\n" in text:
        return f"  {label}\n" + indent(text, "    | ", lambda line: True)
    if label in ("likely", "that is", "to do", "reason"):
        hang = " " * (LABEL + 2)
        lines = wrap(text, WIDTH - LABEL - 2, break_long_words=False, break_on_hyphens=False)
        return f"  {label:<{LABEL}}" + f"\n{hang}".join(lines)
    return f"  {label:<{LABEL}}{text}"


def after_pass(one: Exercise, verdict: Verdict, recorded: Recorded | None, workspace: Workspace) -> str:
    """What comes with a pass: the measure beside the reference, the debrief, the solution."""
    lines = []
    if measured := measures_line(one, verdict):
        lines.append(f"  {measured}")
    if recorded and recorded.url:
        lines.append(_row("run", recorded.url))
        lines.append(_row("compare", recorded.compare or ""))
    lines += ["", "  why it works", indent(prose(one.about.after), "    "), ""]
    lines.append(_row("solution", f"{workspace.solution(one)}   (ladder solution {one.name})"))
    return "\n".join(lines)


def prose(text: str) -> str:
    """A text of `exercise.toml` for the screen: its lines as they are, the long ones wrapped."""
    return "\n".join(fill(line, WIDTH - 2) for line in text.strip().splitlines())


def measures_line(one: Exercise, verdict: Verdict) -> str:
    """`wer  chance 1 | baseline 0.4 | you 0.21 | reference 0.19   needed <= 0.3`; empty if not measured."""
    measure = one.about.measure
    if measure is None or measure.metric not in verdict.measures:
        return ""
    reference = (one.reference() or {}).get("metrics", {}).get(measure.metric)
    found = {
        "chance": verdict.measures.get("chance"),
        "baseline": verdict.measures.get("baseline"),
        "you": verdict.measures[measure.metric],
        "reference": reference,
    }
    told = " | ".join(f"{name} {number(value)}" for name, value in found.items() if value is not None)
    return f"{measure.metric}  {told}   needed {str(measure).removeprefix(measure.metric).strip()}"


def foot(one: Exercise | None, progress: Progress, workspace: Workspace, keys: str = "") -> str:
    """The three lines at the end of every screen: progress, the file, what to do."""
    path = [other for other in course() if not other.gate]
    done = sum(progress.passed(other) for other in path)
    filled = round(BAR * done / max(len(path), 1))
    bar = "#" * filled + (">" if filled < BAR else "") + "-" * (BAR - filled - 1)
    lines = [f"Progress [{bar}] {done}/{len(path)}"]
    if one is None:
        return "\n".join([*lines, keys or "Every exercise has passed, or its level's gate: ladder report"])
    own = [other for other in path if other.level == one.level]
    passed = sum(progress.passed(other) for other in own)
    lines[0] += f"   level {one.level.number}: {passed}/{len(own)}"
    lines.append(str(workspace.file(one)))
    hints = len(one.about.hints)
    shown = min(progress.of(one).hints, hints)
    lines.append(
        keys or f"ladder check {one.name}" + (f" · ladder hint ({shown} of {hints} seen)" if hints else "")
    )
    return "\n".join(lines)


def list_table(exercises: Iterable[Exercise], progress: Progress) -> str:
    """What `ladder list` prints."""
    following = progress.open()
    rows = []
    for one in exercises:
        entry = progress.of(one)
        state = entry.state or "–"
        if entry.passed and entry.state != "PASS":
            state += f" (passed {entry.passed[:10]})"
        rows.append(
            (
                ">" if one == following else "", one.level.number, one.name, one.title, state,
                one.about.minutes, ", ".join(one.about.needs),
            )
        )  # fmt: skip
    return table(["", "level", "exercise", "", "state", "min", "needs"], rows, right=["level", "min"])


def solution_diff(workspace: Workspace, one: Exercise) -> str:
    """What the solution does differently from the learner's file, as a diff."""
    mine = workspace.file(one).read_text(encoding="utf-8", errors="replace").splitlines()
    theirs = one.solution.read_text(encoding="utf-8").splitlines()
    return "\n".join(unified_diff(mine, theirs, f"yours/{one.place}", f"solution/{one.place}", lineterm=""))
