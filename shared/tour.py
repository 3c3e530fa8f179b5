"""The tour: each level's main job once, at most 30 s a level, and where one stands on the ladder.

A level takes part by a module `tour.py` with a function `tour(say) -> Outcome`. What has run stays known in
`<home>/tour.json`, so that the page and the terminal show the same and the next tour skips it. Of two tours
at once the second waits, and then finds everything done.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from shutil import get_terminal_size
from textwrap import shorten
from typing import Any, Literal

import psutil
from filelock import FileLock, Timeout

from shared import store
from shared.errors import LadderError
from shared.files import home_folder, write_atomic
from shared.levels import RUNGS, Level, levels
from shared.processes import hub
from shared.servers import running
from shared.settings import settings
from shared.study.standing import next_step, standing
from shared.study.workspace import find
from shared.tables import table

State = Literal["waiting", "running", "done", "failed"]
RUNG_CHARS = 51  # of a rung, before what its tour found
LINE_CHARS = 29  # of a result at least, so that a rung fits into 80
MARK = {"waiting": "·", "running": "…", "done": "✓", "failed": "✗"}


@dataclass(frozen=True)
class Outcome:
    """What a level's tour found: one line for people, and the run that measured it."""

    result: str
    run_id: str | None = None
    url: str | None = None


@dataclass(frozen=True)
class Stop:
    """One level's place in the tour. `pid` is the process that is at it, since `began`, while it runs.

    While a level that was done is visited again, its earlier result stays: it counts if the visit is stopped.
    """

    number: int
    title: str
    state: State = "waiting"
    result: str = ""
    seconds: float | None = None
    run_id: str | None = None
    url: str | None = None
    pid: int | None = None
    began: float | None = None  # seconds since the epoch

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def stops() -> list[Stop]:
    """The tour as it stands now, one stop for each installed level."""
    try:
        known = json.loads((settings().home / "tour.json").read_text(encoding="utf-8"))
        past = {row["number"]: Stop(**row) for row in known}
    except (OSError, ValueError, TypeError, KeyError):
        past = {}
    found = (past.get(level.number, Stop(level.number, "")) for level in levels())
    return [
        _alive(replace(stop, title=level.title, url=store.link_now(stop.url)))
        for stop, level in zip(found, levels(), strict=True)
    ]


def _alive(stop: Stop) -> Stop:
    """The stop, or what it was before if the process that was at it has been stopped."""
    if stop.state != "running" or psutil.pid_exists(stop.pid or 0):
        return stop
    return replace(stop, state="done" if stop.result else "waiting", pid=None, began=None)


def run(say: Callable[[str], None], again: bool = False) -> list[Stop]:
    """Walk the ladder from the bottom; a level that fails is told and the tour goes on."""
    lock = FileLock(home_folder() / "tour.lock")
    try:
        held = lock.acquire(timeout=0)
    except Timeout:
        say("Another tour is under way: waiting for it.")
        held = lock.acquire()
    with held:
        return _walk(say, again)


def _walk(say: Callable[[str], None], again: bool) -> list[Stop]:
    found = [stop if stop.state == "done" else Stop(stop.number, stop.title) for stop in stops()]
    for index, level in enumerate(levels()):
        before = found[index]
        if before.state == "done" and not again:
            say(f"{MARK['done']} Level {level.number}, {level.title}: has run before ({before.result})")
            continue
        found[index] = replace(before, state="running", pid=os.getpid(), began=time.time())
        _save(found)
        say(f"{MARK['running']} Level {level.number}, {level.title} …")
        try:
            found[index] = _visit(level, before, say)
        except BaseException:  # Ctrl-C: a result that was there is not lost
            found[index] = before
            raise
        finally:
            _save(found)
        say(f"{MARK[found[index].state]} Level {level.number}: {found[index].result}")
    return found


def _visit(level: Level, stop: Stop, say: Callable[[str], None]) -> Stop:
    begin = time.monotonic()
    state: State = "failed"
    try:
        outcome = import_module(f"{level.package}.tour").tour(lambda line: say(f"    {line}"))
        state = "done"
    except LadderError as error:
        outcome = Outcome(str(error))
    except Exception as error:  # a defect of one level must not hide the others
        outcome = Outcome(f"{type(error).__name__}: {error}")
    seconds = round(time.monotonic() - begin, 1)
    return replace(stop, state=state, seconds=seconds, pid=None, began=None, **asdict(outcome))


def _save(found: list[Stop]) -> None:
    write_atomic(settings().home / "tour.json", json.dumps([stop.as_dict() for stop in found], indent=1))


def tour_table(found: list[Stop]) -> str:
    """The result as a table for the terminal."""
    rows = [
        (stop.number, stop.title, MARK[stop.state], stop.seconds, stop.result, stop.url) for stop in found
    ]
    return table(["level", "", " ", "s", "result", "link"], rows, right=["level", "s"])


def where_you_stand() -> str:
    """The ladder as text, top rung first, and what to do next."""
    here, workspace = stops(), find()
    steps = standing(workspace)
    done = {one.level.number: one.brief for one in steps}
    width = max(get_terminal_size().columns - RUNG_CHARS, LINE_CHARS)
    lines = []
    for stop in reversed(here):
        told = stop.result.partition("\n")[0] or ("running" if stop.state == "running" else "")
        told = shorten(told, width, placeholder=" …")
        mark = MARK[stop.state] if told else ""
        rung = f"  ├─ {stop.number} ─┤ {RUNGS[stop.number]:<30} {done.get(stop.number, ''):<7}"
        lines.append(f"{rung} {mark} {told}".rstrip())
    pages = running(hub())
    if pages:
        following = f"open {pages.url}"
    elif any(stop.state not in ("done", "running") for stop in here):
        following = "ladder up --tour"
    else:
        following = "ladder up (six pages, each with its lesson)"
    step = next_step(steps, workspace)
    place = f"\n      {step.file}" if step.file else f" ({step.words})"
    return "\n".join([*lines, "", f"Pages: {following}", f"Next: {step.command}{place}"])
