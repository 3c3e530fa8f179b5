"""A page to show: what has been climbed, with which help, and the runs behind the numbers.

    files = write(workspace)     # report.md and report.html in the workspace

The page is made once, in Markdown; the HTML is the same text, rendered. Nothing is measured or checked here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

from markdown_it import MarkdownIt

from shared import store
from shared.errors import LadderError
from shared.files import results_folder, write_atomic
from shared.study.progress import now
from shared.study.record import references
from shared.study.standing import Place, Standing, next_step, standing
from shared.study.workspace import Workspace
from shared.tables import number

NONE = "–"
STYLE = """
:root { color-scheme: light dark; --line: #ddd; --accent: #b3541e; }
@media (prefers-color-scheme: dark) { :root { --line: #444; --accent: #e89062; } }
body { font: 16px/1.55 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
       color: light-dark(#222, #ddd); background: light-dark(#fff, #161616); overflow-wrap: anywhere; }
h2 { margin-top: 2.2rem; border-bottom: 2px solid var(--accent); }
a { color: var(--accent); }
table { border-collapse: collapse; display: block; overflow-x: auto; margin: 1rem 0; font-size: .92rem; }
th, td { overflow-wrap: normal; border-bottom: 1px solid var(--line); padding: .3rem 1.1rem .3rem 0;
         text-align: left; vertical-align: top; font-variant-numeric: tabular-nums; }
td:first-child, td:nth-child(n+4) { white-space: nowrap; }
"""
HOW_TO_READ = """\
Of the three hints of an exercise the table tells how many were shown before the pass, and whether the
solution was. An attempt is a check of code that was written, up to the first pass.

*Chance* is what guessing gives and *baseline* what a simple way gives; *reference* is the course's own
solution. The three were measured when the exercise was written; the value under *you* is the best of the
passes here, by the run that it links to.

A level is climbed when its exercises or its gate have passed and a run of one's own has reached the level's
baseline. The links lead to the MLflow UI of the machine that wrote this page; `ladder ui` starts it there.
"""


def write(workspace: Workspace, out: Path | None = None) -> list[Path]:
    """Write report.md and report.html; returns where they are.

    Args:
        out: a folder; by default the workspace itself.

    Raises:
        LadderError: the progress file was spoiled, or the folder cannot be written.
    """
    folder = out or workspace.folder
    results_folder(folder)
    text = markdown(workspace)
    try:
        return [
            write_atomic(folder / "report.md", text),
            write_atomic(folder / "report.html", page(text)),
        ]
    except OSError as error:
        raise LadderError(
            f"The report cannot be written to {folder} ({error.strerror}).", "Name another with --out DIR."
        ) from None


def page(text: str) -> str:
    """The report as one HTML file that needs nothing beside it. HTML in the text is shown, not obeyed."""
    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(text)
    return (
        '<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Ladder: a report</title><style>{STYLE}</style></head>\n<body>\n{body}</body>\n</html>\n"
    )


def markdown(workspace: Workspace) -> str:
    """The report as Markdown."""
    found = standing(workspace)
    runs = references(())
    step = next_step(found, workspace)
    parts = [
        "# Ladder: a report",
        _summary(found),
        _table(("level", "", "exercises:", "gate", "run at the baseline", "climbed"), map(_level_row, found)),
        f"**Next:** `{step.command}` · {_plain(step.words)}",
    ]
    for here in found:
        parts += _level(here, runs)
    return "\n\n".join([*parts, "## How to read this", HOW_TO_READ])


def _summary(found: Sequence[Standing]) -> str:
    climbed = sum(one.climbed for one in found)
    passed, count = sum(one.passed for one in found), sum(len(one.exercises) for one in found)
    levels = f"{climbed} of {len(found)} levels climbed"
    return f"{now()[:10]}: {levels}, {passed} of {count} exercises passed."


def _level_row(here: Standing) -> tuple[str, ...]:
    exercises = f"{here.passed} of {len(here.exercises)}"
    gate = NONE if here.gate is None else "passed" if here.gate_passed else "open"
    run = _link(f"{here.run.metric} {number(here.run.value)}", here.run.url) if here.run else NONE
    return (
        str(here.level.number),
        here.level.title,
        exercises,
        gate,
        run,
        "yes" if here.climbed else "not yet",
    )


def _level(here: Standing, runs: dict) -> list[str]:
    """A level in full: its exercises, what they measured, its run."""
    places = [*here.exercises, *([here.gate] if here.gate else [])]
    head = ("exercise", "", "state", "first passed", "attempts:", "hints:", "solution seen first")
    parts = [
        f"## Level {here.level.number}: {_plain(here.level.title)}",
        _table(head, map(_exercise_row, places)),
    ]
    if measured := [row for place in places if (row := _measured_row(place, runs))]:
        head = ("exercise", "metric", "chance:", "baseline:", "you:", "reference:", "needed:")
        parts.append(_table(head, measured))
    if here.level.baseline:
        words = _plain(here.level.baseline.words)
        if here.run:
            run = _link(f"{here.run.metric} {number(here.run.value)}", here.run.url)
            parts.append(f"Run at the level's baseline: {run}, {here.run.when[:10]}. The baseline: {words}.")
        else:
            parts.append(f"No run at the level's baseline yet. The baseline: {words}.")
    return parts


def _exercise_row(place: Place) -> tuple[str, ...]:
    one, entry = place.exercise, place.entry
    begun = bool(entry.state or entry.hints or entry.seen)
    used = entry.hints if entry.helped is None else entry.helped
    hints = str(used) if begun and one.about.hints else NONE
    seen = ("yes" if entry.seen else "no") if begun else NONE
    passed, attempts = _plain(entry.passed[:10]) or NONE, str(entry.attempts) if begun else NONE
    return one.name, _plain(one.title), place.state, passed, attempts, hints, seen


def _measured_row(place: Place, runs: dict) -> tuple[str, ...] | None:
    """What an exercise measured, beside its marks; None if it measured nothing that still counts."""
    one, entry, measure = place.exercise, place.entry, place.exercise.about.measure
    if measure is None or entry.metric != measure.metric:
        return None
    marks = (one.reference() or {}).get("metrics", {})
    return (
        one.name, _plain(entry.metric), number(marks.get("chance")), number(marks.get("baseline")),
        _link(number(entry.value), entry.url),
        _link(number(marks.get(entry.metric)), runs.get(one.name, {}).get("url")),
        f"{'≤' if measure.better == 'lower' else '≥'} {measure.needed:g}",
    )  # fmt: skip


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown; a column whose name ends with a colon holds numbers."""
    rule = ["---:" if name.endswith(":") else "---" for name in head]
    lines = [[name.rstrip(":") for name in head], rule, *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _link(text: str, url: str | None) -> str:
    """Words that lead to where the MLflow UI is today; without a link the words alone."""
    here = store.link_now(url) or ""
    if not here.startswith(("http://", "https://")):
        return _plain(text)
    return f"[{_plain(text)}]({quote(here, safe=':/?#[]@!$&*+,;=%')})"


def _plain(text: str) -> str:
    """Text as it is: nothing in it becomes Markdown or HTML, and it stays on its line."""
    flat = " ".join(escape(text, quote=False).split())
    return "".join(f"\\{c}" if c in "\\`*_[]|#!" else c for c in flat)
