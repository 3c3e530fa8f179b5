"""The tour: each level's main job once, at most 30 s a level, and where one stands on the ladder.

A level takes part by a module `tour.py` with a function `tour(say) -> Outcome`. What has run stays known in
`<home>/tour.json`, so that the page and the terminal show the same and the next tour skips it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from typing import Any, Literal

from shared.errors import LadderError
from shared.files import write_atomic
from shared.levels import RUNGS, Level, levels
from shared.settings import settings
from shared.tables import table

State = Literal["waiting", "running", "done", "failed"]
MARK = {"waiting": "·", "running": "…", "done": "✓", "failed": "✗"}


@dataclass(frozen=True)
class Outcome:
    """What a level's tour found: one line for people, and the run that measured it."""

    result: str
    run_id: str | None = None
    url: str | None = None


@dataclass(frozen=True)
class Stop:
    """One level's place in the tour."""

    number: int
    title: str
    state: State = "waiting"
    result: str = ""
    seconds: float | None = None
    run_id: str | None = None
    url: str | None = None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def stops() -> list[Stop]:
    """The tour as it stands now, one stop for each installed level."""
    try:
        known = json.loads((settings().home / "tour.json").read_text(encoding="utf-8"))
        past = {row["number"]: Stop(**row) for row in known}
    except (OSError, ValueError, TypeError, KeyError):
        past = {}
    return [replace(past.get(v.number, Stop(v.number, v.title)), title=v.title) for v in levels()]


def run(say: Callable[[str], None], again: bool = False) -> list[Stop]:
    """Walk the ladder from the bottom; a level that fails is told and the tour goes on."""
    found = [
        stop if stop.state == "done" and not again else Stop(stop.number, stop.title) for stop in stops()
    ]
    _save(found)
    for index, level in enumerate(levels()):
        if found[index].state == "done":
            say(f"{MARK['done']} Level {level.number}, {level.title}: has run before ({found[index].result})")
            continue
        found[index] = replace(found[index], state="running")
        _save(found)
        say(f"{MARK['running']} Level {level.number}, {level.title} …")
        found[index] = _visit(level, found[index], say)
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
    except KeyboardInterrupt:
        _save([replace(s, state="waiting") if s.number == stop.number else s for s in stops()])
        raise
    except Exception as error:  # a defect of one level must not hide the others
        outcome = Outcome(f"{type(error).__name__}: {error}")
    return replace(stop, state=state, seconds=round(time.monotonic() - begin, 1), **asdict(outcome))


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
    here = {stop.number: stop for stop in stops()}
    lines = []
    for number, rung in sorted(RUNGS.items(), reverse=True):
        stop = here.get(number)
        note = f"{MARK[stop.state]} {stop.result}" if stop else "not built yet"
        lines.append(f"  ├─ {number} ─┤ {rung:<32} {note}")
    waiting = next((stop for stop in here.values() if stop.state != "done"), None)
    following = "ladder up --tour" if waiting else f"ladder level{max(here)} --help"
    return "\n".join([*lines, "", f"Next: {following}"])
