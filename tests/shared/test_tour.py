"""The tour and the hub that shows it: the real command, and levels of the tests' own where one must fail."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner
from filelock import FileLock
from streamlit.testing.v1 import AppTest

from shared import runs, tour
from shared.cli import cli
from shared.errors import LadderError
from shared.levels import Level, levels
from shared.settings import CLONE


@pytest.fixture
def three_levels(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[int, list[str]]]:
    """Three small levels, of which the second cannot do its work; what was visited is noted."""
    visits: dict[int, list[str]] = {1: [], 2: [], 3: []}
    fail = {2: LadderError("The model is not here.", "ladder models pull it")}

    def module(number: int) -> ModuleType:
        made = ModuleType(f"try{number}.tour")

        def visit(say: object) -> tour.Outcome:
            visits[number].append("visited")
            if number in fail:
                raise fail[number]
            return tour.Outcome(f"found {number}", f"run{number}", f"http://127.0.0.1/{number}")

        made.tour = visit  # type: ignore[attr-defined]
        return made

    tried = tuple(Level(n, f"try{n}", f"Try {n}", "Why?", 1) for n in visits)
    for level in tried:
        monkeypatch.setitem(sys.modules, level.package, ModuleType(level.package))
        monkeypatch.setitem(sys.modules, f"{level.package}.tour", module(level.number))
    monkeypatch.setattr(tour, "levels", lambda: tried)
    yield visits


def silent(line: str) -> None:
    """Nobody listens."""


def test_a_level_that_fails_is_told_and_the_others_run(three_levels: dict[int, list[str]]) -> None:
    said: list[str] = []
    found = tour.run(said.append)
    assert [stop.state for stop in found] == ["done", "failed", "done"]
    assert any(line.startswith("✗ Level 2: The model is not here.") for line in said)
    assert "ladder models pull it" in tour.tour_table(found)
    assert tour.stops() == found, "another process sees the same"


def test_the_next_tour_visits_only_what_has_not_run(three_levels: dict[int, list[str]]) -> None:
    tour.run(silent)
    said: list[str] = []
    tour.run(said.append)
    assert {number: len(seen) for number, seen in three_levels.items()} == {1: 1, 2: 2, 3: 1}
    assert said[0] == "✓ Level 1, Try 1: has run before (found 1)"
    tour.run(silent, again=True)
    assert {number: len(seen) for number, seen in three_levels.items()} == {1: 2, 2: 3, 3: 2}


def test_the_command_fails_if_a_level_failed(three_levels: dict[int, list[str]]) -> None:
    done = CliRunner().invoke(cli, ["tour"])
    assert done.exit_code == 1
    assert "found 1" in done.stdout and "http://127.0.0.1/3" in done.stdout
    assert "✗ Level 2" in done.stderr and "Traceback" not in done.stderr
    states = [stop["state"] for stop in json.loads(CliRunner().invoke(cli, ["tour", "--json"]).stdout)]
    assert states == ["done", "failed", "done"] and len(three_levels[1]) == 1
    CliRunner().invoke(cli, ["tour", "--again"])
    assert len(three_levels[1]) == 2


def test_a_defect_of_one_level_does_not_hide_the_others(
    three_levels: dict[int, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["try1.tour"], "tour", lambda say: 1 / 0)
    found = tour.run(silent)
    assert (found[0].state, found[0].result) == ("failed", "ZeroDivisionError: division by zero")
    assert found[2].state == "done"


def test_a_tour_that_was_killed_is_not_running_any_more(three_levels: dict[int, list[str]]) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    stop = tour.Stop(1, "Try 1", state="running", pid=dead.pid)
    tour._save([stop])
    assert tour.stops()[0].state == "waiting"
    tour._save([tour.Stop(1, "Try 1", state="running", pid=os.getpid())])
    assert tour.stops()[0].state == "running"
    assert "… running" in tour.where_you_stand()


def test_a_visit_that_is_stopped_loses_no_earlier_result(
    three_levels: dict[int, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tour.run(silent)

    def stopped(say: object) -> tour.Outcome:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules["try1.tour"], "tour", stopped)
    with pytest.raises(KeyboardInterrupt):
        tour.run(silent, again=True)
    now = tour.stops()
    assert (now[0], now[2]) == (before[0], before[2])
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    tour._save([replace(before[0], state="running", pid=dead.pid)])  # `kill -9` in the middle of it
    assert tour.stops()[0] == before[0]


@pytest.mark.parametrize("broken", ["", "{", "[]", "null", '[{"number": 1}]', '[{"what": 1}]', "[1]"])
def test_a_broken_record_counts_as_none(three_levels: dict[int, list[str]], broken: str) -> None:
    from shared.settings import settings

    settings().home.mkdir(parents=True)
    (settings().home / "tour.json").write_text(broken)
    assert [stop.state for stop in tour.stops()] == ["waiting"] * 3


def test_the_second_of_two_tours_waits_and_then_skips(three_levels: dict[int, list[str]]) -> None:
    from shared.settings import settings

    tour.run(silent)
    lock = FileLock(settings().home / "tour.lock", thread_local=False)
    lock.acquire()
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        lock.release()  # the first tour ends just now

    tour.run(say)
    assert said[0] == "Another tour is under way: waiting for it."
    assert said[1].endswith("has run before (found 1)")


def test_where_you_stand(three_levels: dict[int, list[str]]) -> None:
    assert "Pages: ladder up --tour" in tour.where_you_stand()
    tour.run(silent)
    shown = tour.where_you_stand()
    lines = shown.splitlines()
    assert "✗ The model is not here." in lines[1] and "✓ found 1" in lines[2]
    assert "pull it" not in shown, "one line a rung"


@pytest.mark.timeout(600)
def test_the_real_tour_of_the_real_command(on_demand: str, home: Path) -> None:
    """All six levels, really. The second time everything has run before."""
    command = [sys.executable, "-m", "shared.cli", "tour", "--json"]
    first, again = (subprocess.run(command, capture_output=True, text=True, timeout=500) for _ in range(2))
    assert (first.returncode, again.returncode) == (0, 0), first.stderr
    stops = json.loads(first.stdout)
    assert [stop["number"] for stop in stops] == [1, 2, 3, 4, 5, 6]
    for stop in stops:
        assert stop["state"] == "done" and stop["result"] and stop["url"].endswith(stop["run_id"])
    assert json.loads(again.stdout) == stops == json.loads((home / "tour.json").read_text())
    assert again.stderr.count("has run before") == 6

    kept = {run["run_id"]: run for run in runs.last_runs(limit=500)}
    told = [kept[stop["run_id"]] for stop in stops]
    assert [run["level"].partition("-")[0] for run in told] == [f"level{n}" for n in range(1, 7)]
    assert all(run["status"] == "FINISHED" and run["metrics"] for run in told)

    hub = AppTest.from_file(str(CLONE / "shared" / "hub.py"), default_timeout=60).run()
    assert not hub.exception
    shown = "\n".join(element.value for element in hub.markdown)
    assert all(level.title in shown and level.question in shown for level in levels())
    assert shown.count("✓ tour done") == 6
    results = "\n".join(text.value for text in hub.text)
    links = [element.proto.url for element in hub.get("link_button")]
    assert all(stop["result"] in results and stop["url"] in links for stop in stops)


def test_hostile_results_are_plain_text_in_the_hub(home: Path) -> None:
    """A result may hold words that somebody spoke."""
    kept = (home / "tour.json").read_text() if (home / "tour.json").exists() else None
    try:
        tour._save([tour.Stop(1, "", state="failed", result="<img src=x> **bold** :red[x]")])
        hub = AppTest.from_file(str(CLONE / "shared" / "hub.py"), default_timeout=60).run()
        assert not hub.exception
        assert "<img src=x> **bold** :red[x]" in [text.value for text in hub.text]
        assert not any("<img" in element.value for element in hub.markdown)
    finally:
        (home / "tour.json").unlink()
        if kept:
            (home / "tour.json").write_text(kept)
