"""Where one stands, in the terminal and on the first page: read from a real workspace of the real course."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from shared import tour
from shared.baselines import note
from shared.levels import levels
from shared.settings import CLONE
from shared.study.exercise import course, exercise
from shared.study.progress import now
from shared.study.standing import Standing, next_step, standing
from shared.study.workspace import Workspace, make

RUN = "http://127.0.0.1:5321/#/experiments/1/runs/abc"
FIRST = [one.name for one in course() if one.level.number == 1 and not one.gate]
SECOND = [one.name for one in course() if one.level.number == 2 and not one.gate]


@pytest.fixture
def workspace(own_home: Path, tmp_path: Path) -> Workspace:
    made, _ = make(tmp_path / "ws")
    made.update()
    return made


def passed(workspace: Workspace, names: Iterable[str]) -> None:
    for name in names:
        with workspace.book.entry(exercise(name)) as entry:
            entry.state, entry.passed, entry.attempts = "PASS", now(), 1


def own_run(number: int) -> None:
    """A run of one's own that is as good as a level's baseline."""
    level = levels()[number - 1]
    base = level.baseline
    assert base
    note(level.slug, f"{base.run}mine", {base.metric: base.value, **base.at_least}, {}, RUN)


def hub() -> AppTest:
    page = AppTest.from_file(str(CLONE / "shared" / "hub.py"), default_timeout=60).run()
    assert not page.exception, page.exception
    return page


def shown(page: AppTest) -> str:
    return "\n".join(element.value for element in [*page.markdown, *page.caption])


def first(workspace: Workspace) -> Standing:
    return standing(workspace)[0]


def test_each_level_is_climbed_by_its_exercises_and_a_run_of_ones_own(workspace: Workspace) -> None:
    passed(workspace, FIRST[:-1])
    own_run(1)
    assert (first(workspace).brief, first(workspace).climbed) == (f"{len(FIRST) - 1}/{len(FIRST)}", False)
    passed(workspace, FIRST)
    assert (first(workspace).brief, first(workspace).climbed) == ("climbed", True)
    assert first(workspace).run and first(workspace).run.url == RUN
    assert not any(one.climbed for one in standing(workspace)[1:])
    assert not any(one.climbed for one in standing(None)), "without a workspace a run alone climbs nothing"


def test_the_gate_stands_for_the_exercises(workspace: Workspace) -> None:
    passed(workspace, [levels()[0].gate])
    here = first(workspace)
    assert (here.passed, here.done, here.climbed, here.brief) == (0, True, False, "gate")
    own_run(1)
    assert first(workspace).climbed


def test_the_next_step_goes_up_the_ladder(workspace: Workspace) -> None:
    def following() -> str:
        return next_step(standing(workspace), workspace).command

    assert next_step(standing(None), None).command == "ladder init"
    assert following() == f"ladder check {FIRST[0]}"
    assert next_step(standing(workspace), workspace).file == workspace.file(exercise(FIRST[0]))
    passed(workspace, [FIRST[0], *SECOND])
    assert following() == f"ladder check {FIRST[1]}", "the lowest level first, whatever was done above"
    passed(workspace, FIRST)
    assert following() == "ladder level1 score", "its exercises are done, a run is not"
    own_run(1)
    assert following() == "ladder level2 evaluate"
    own_run(2)
    assert following() == "ladder check quantise"
    for level in levels():
        own_run(level.number)
    passed(workspace, [one.name for one in course() if not one.gate])
    assert all(one.climbed for one in standing(workspace))
    assert following() == "ladder report"


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("", "not begun"), ("TODO", "to do"), ("FAIL", "gives wrong results"),
        ("ERROR", "stops with an error"), ("BLOCKED", "needs something that is not here"),
    ],
)  # fmt: skip
def test_states_in_words(workspace: Workspace, state: str, words: str) -> None:
    with workspace.book.entry(exercise(FIRST[0])) as entry:
        entry.state = state
    assert first(workspace).exercises[0].state == words
    with workspace.book.entry(exercise(FIRST[0])) as entry:
        entry.passed = now()
    assert first(workspace).exercises[0].state == f"passed; now {words}" and first(workspace).passed == 1


def test_the_command_tells_where_one_is_from_any_directory(workspace: Workspace, tmp_path: Path) -> None:
    passed(workspace, FIRST[:2])
    command = [sys.executable, "-m", "shared.cli"]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(CLONE), os.environ["PYTHONPATH"]])}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert all(len(line) <= 80 for line in lines if str(tmp_path) not in line)
    assert "├─ 1 ─┤" in lines[5] and lines[5].endswith(f" 2/{len(FIRST)}")
    assert lines[-2] == f"Next: ladder check {FIRST[2]}"
    assert lines[-1].strip() == str(workspace.file(exercise(FIRST[2])))
    assert "Pages: ladder up --tour" in lines


def test_to_tell_it_needs_no_heavy_library(workspace: Workspace) -> None:
    heavy = {"mlflow", "torch", "numpy", "openai", "streamlit"}
    code = (
        "import sys; from shared.tour import where_you_stand; where_you_stand();"
        f"print({heavy!r} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=CLONE, timeout=60)
    assert done.stdout.strip() == "set()", done.stderr


def test_the_terminal_without_a_workspace_tells_how_to_make_one(own_home: Path) -> None:
    assert tour.where_you_stand().splitlines()[-1].startswith("Next: ladder init")


def test_the_page_without_a_workspace_tells_how_to_make_one(own_home: Path) -> None:
    page = hub()
    assert "`ladder init`" in page.markdown[1].value
    labels = [expander.label for expander in page.expander]
    assert labels[-1] == f"Exercises: 0 of {len(FIRST)} passed" and len(labels) == 6
    assert shown(page).count("not begun") == len(course())


def test_the_page_shows_each_exercise_and_what_is_climbed(workspace: Workspace) -> None:
    passed(workspace, FIRST)
    with workspace.book.entry(exercise("quantise")) as entry:
        entry.state = "FAIL"
    page = hub()
    assert page.expander[-1].label == f"Exercises: {len(FIRST)} of {len(FIRST)} passed"
    assert "`ladder level1 score`" in page.markdown[1].value, "next is a run of one's own"
    assert ":red[gives wrong results]" in shown(page) and "badge[climbed" not in shown(page)
    own_run(1)
    page = hub()
    assert shown(page).count("badge[") == 7, "six tours, and one level that is climbed"
    assert f"`ladder check {SECOND[0]}`" in page.markdown[1].value
    (link,) = [one.proto for one in page.get("link_button") if one.proto.label.startswith("Your run")]
    assert link.url == RUN and link.label == "Your run: wer 0.195"


def test_the_page_follows_the_terminal(workspace: Workspace) -> None:
    page = hub()
    passed(workspace, FIRST[:3])
    page.run()
    assert page.expander[-1].label == f"Exercises: 3 of {len(FIRST)} passed"


def test_the_folders_name_is_plain_text(own_home: Path, tmp_path: Path) -> None:
    make(tmp_path / "<img src=x> **b** :red[c]")[0].update()
    caption = hub().caption[0].value
    assert "&lt;img" in caption and "<img" not in caption and "**" not in caption and ":red[" not in caption


def test_a_spoiled_progress_file_is_told_and_the_ladder_stands(workspace: Workspace) -> None:
    workspace.book.file.write_text("<<<<<<< ours")
    page = hub()
    assert "cannot be read" in page.error[0].value and len(page.expander) == 6
