"""The commands of the study path, typed as a learner types them, on a course of toys."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from toy_course import NAMES, build, environment, file_text, workspace

from shared.settings import CLONE

LADDER = [sys.executable, "-m", "shared.cli"]
AWAY = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}  # nobody answers: commands need not wait for MLflow


class Learner:
    """A course, a home, a directory, and a terminal."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.course = build(folder / "course")
        self.work = folder / "work"
        self.env = environment(self.course, folder / "home", **AWAY)
        self.reference = self.course / "level1_toy" / "exercises" / "guess" / "reference.json"
        self.kept = self.reference.read_text()
        self.reference.unlink()  # nothing to bring into MLflow, which takes seconds

    def type(self, *words: str, cwd: Path | None = None, code: int = 0, **env: str) -> str:
        """What a command prints on both streams; its exit code must be `code`."""
        done = subprocess.run(
            [*LADDER, *words], env=self.env | env, cwd=cwd or self.folder, capture_output=True, text=True,
            stdin=subprocess.DEVNULL, timeout=240,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        return done.stdout + done.stderr

    def file(self, name: str) -> Path:
        return self.work / "exercises" / "level1" / f"{name}.py"

    def write(self, name: str, body: str | None = None) -> None:
        self.file(name).write_text(file_text(name, body))

    def entry(self, name: str) -> dict:
        known = json.loads((self.work / ".progress" / "progress.json").read_text())
        return known["exercises"][name]

    def change_starter(self, name: str) -> None:
        starter = self.course / "level1_toy" / "exercises" / name / "starter.py"
        starter.write_text("# A newer starter.\n" + starter.read_text())


@pytest.fixture
def newcomer(tmp_path: Path) -> Learner:
    return Learner(tmp_path)


@pytest.fixture
def learner(newcomer: Learner) -> Learner:
    workspace(newcomer.work, newcomer.env)
    return newcomer


# init -------------------------------------------------------------------------------------------------


def test_init_makes_a_workspace_and_says_what_is_next(newcomer: Learner) -> None:
    told = newcomer.type("init", "work")
    assert f"Your workspace: {newcomer.work} (3 exercises)" in told
    assert f"open {newcomer.file('double')}" in told and "ladder check" in told
    assert [file.stem for file in newcomer.file("double").parent.iterdir() if file.stem not in NAMES] == []
    assert list((newcomer.work / "solutions").iterdir()) == []
    assert len((newcomer.work / "README.md").read_text().splitlines()) < 16


def test_init_takes_my_ladder_where_one_is(newcomer: Learner, tmp_path: Path) -> None:
    told = newcomer.type("init")
    assert str(tmp_path / "my-ladder") in told and (tmp_path / "my-ladder" / "exercises").is_dir()


def test_init_again_keeps_what_is_written(learner: Learner) -> None:
    learner.write("double")
    learner.type("check", "double")
    told = learner.type("init", "work")
    assert "1 of 3 exercises passed" in told
    assert learner.file("double").read_text() == file_text("double")


@pytest.mark.parametrize("folder", [CLONE / "my-ladder", CLONE])
def test_init_in_the_course_is_refused(newcomer: Learner, folder: Path) -> None:
    assert "lies in the course" in newcomer.type("init", str(folder), code=2)
    assert not (CLONE / "my-ladder").exists()


def test_init_over_other_files_is_refused(newcomer: Learner, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("dear")
    assert "holds other files" in newcomer.type("init", "full", code=2)
    assert "is a file" in newcomer.type("init", "full/letter.txt", code=2)
    assert [file.name for file in (tmp_path / "full").iterdir()] == ["letter.txt"]


def test_without_a_workspace_every_command_says_how_to_make_one(newcomer: Learner) -> None:
    for words in (["check"], ["hint"], ["solution"], ["reset"], ["gate", "1"], ["report"]):
        assert "ladder init" in newcomer.type(*words, code=1)
    assert "ladder init" in newcomer.type("list")


def test_spaces_and_letters_of_all_kinds_in_the_path(newcomer: Learner, tmp_path: Path) -> None:
    place = tmp_path / "mein Übungsheft 練習"
    newcomer.type("init", str(place))
    told = newcomer.type("check", "double", code=1)
    assert f"where     {place}/exercises/level1/double.py:6" in told


# check ------------------------------------------------------------------------------------------------


def test_from_the_first_check_to_the_end(learner: Learner) -> None:
    told = learner.type("check", code=1)
    assert told.startswith("TODO  double · three\n  to do     what the learner writes\n")
    assert "Progress [>-------------------] 0/3   level 1: 0/3" in told
    learner.write("double", "return number * number")
    told = learner.type("check", code=1)
    for line in (
        "FAIL  double · three", "  given     double(3)", "  expected  6", "  got       9",
        "  likely    This is the square.", f"  where     {learner.file('double')}:4", "  passed 0 of 2 in",
    ):  # fmt: skip
        assert line in told
    learner.write("double")
    told = learner.type("check")
    assert "PASS  double: 2 of 2 in" in told and "This is why double works." in told
    assert f"solution  {learner.work}/solutions/level1/double.py" in told
    assert (learner.work / "solutions" / "level1" / "double.py").read_text() == file_text("double")
    assert str(learner.file("wait")) in told, "what is next"
    assert learner.type("check", code=1).startswith("TODO  wait")
    entry = learner.entry("double")
    assert (entry["state"], entry["attempts"]) == ("PASS", 2), "a look at the starter is no attempt"


def test_it_works_from_any_directory_and_by_the_files_path(learner: Learner, tmp_path: Path) -> None:
    learner.write("wait")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert "PASS  wait" in learner.type("check", str(learner.file("wait")), cwd=elsewhere)


def test_the_last_workspace_is_the_one_whatever_the_directory(learner: Learner, tmp_path: Path) -> None:
    workspace(tmp_path / "second", learner.env)
    learner.write("double")
    told = learner.type("check", "double", cwd=learner.work, code=1)
    assert "TODO" in told and str(tmp_path / "second") in told
    assert str(learner.work) in learner.type("init", cwd=learner.work / "exercises"), "taken up again"
    assert "PASS" in learner.type("check", "double", cwd=tmp_path)
    assert not (learner.work / "exercises" / "my-ladder").exists()


def test_a_workspace_that_is_gone_is_named(learner: Learner, tmp_path: Path) -> None:
    learner.work.rename(tmp_path / "elsewhere")
    assert f"Your workspace {learner.work} is not there any more" in learner.type("check", code=1)
    assert "not there any more" in learner.type("list")
    assert "not there any more" in learner.type()
    assert "TODO" in learner.type("init", "elsewhere") + learner.type("check", code=1)


def test_without_its_progress_file_nothing_that_was_written_is_touched(learner: Learner) -> None:
    learner.write("double")
    (learner.work / ".progress" / "progress.json").unlink()
    told = learner.type("check", "double")
    assert "PASS" in told and "has changed" not in told
    assert not learner.file("double").with_suffix(".new.py").exists()


def test_json_is_for_editors(learner: Learner) -> None:
    learner.write("double", "return 7 if number == 3 else 1 / 0")
    done = subprocess.run(
        [*LADDER, "check", "double", "--json"],
        env=learner.env,
        cwd=learner.folder,
        capture_output=True,
        text=True,
    )
    found = json.loads(done.stdout)
    assert (done.returncode, found["state"], found["passed"], found["total"]) == (1, "FAIL", 0, 2)
    assert [one["state"] for one in found["findings"]] == ["FAIL", "ERROR"]
    assert found["findings"][1]["line"] == 6 and found["file"] == str(learner.file("double"))


def test_verbose_shows_every_case(learner: Learner) -> None:
    learner.write("double", "print('halfway')\n    return 6 if number == 3 else 1 / 0")
    told = learner.type("check", "-v", code=1)
    assert "PASS  three" in told and "ERROR  any number" in told
    assert (
        "ZeroDivisionError" in told and "Traceback" in told.split("ERROR  any number")[1]
    ) or "line 6" in told
    assert "halfway" in told


def test_all_checks_what_was_begun(learner: Learner) -> None:
    assert "No exercise has been begun" in learner.type("check", "--all")
    learner.write("double")
    learner.type("check", "double")
    learner.write("double", "return 0")
    learner.write("wait")
    told = learner.type("check", "--all", code=1)
    assert "guess" not in told
    assert learner.entry("double")["state"] == "FAIL" and learner.entry("double")["passed"]
    assert learner.entry("wait")["state"] == "PASS"


def test_a_name_that_nobody_has(learner: Learner) -> None:
    assert "Did you mean double?" in learner.type("check", "dubble", code=2)
    assert "ladder list" in learner.type("check", "zzz", code=2)


def test_a_store_that_is_away_fails_no_check(learner: Learner) -> None:
    learner.reference.write_text(learner.kept)
    learner.write("guess")
    told = learner.type("check", "guess")
    assert "PASS  guess" in told
    assert "error  chance 0.5 | baseline 0.25 | you 0.1 | reference 0.1   needed <= 0.2" in told


def test_a_pass_that_measures_is_a_run_beside_the_reference(newcomer: Learner) -> None:
    own = {"MLFLOW_TRACKING_URI": ""}
    newcomer.reference.write_text(newcomer.kept)
    newcomer.type("init", "work", **own)
    newcomer.write("guess", "return 1.15")
    told = newcomer.type("check", "guess", **own)
    assert "you 0.15 | reference 0.1" in told and "compare-runs?runs=" in told
    runs = json.loads(newcomer.type("runs", "--json", **own))
    assert {run["name"]: round(run["metrics"]["error"], 3) for run in runs} == {
        "exercise guess": 0.15, "reference guess": 0.1,
    }  # fmt: skip
    assert newcomer.entry("guess")["value"] == pytest.approx(0.15)
    newcomer.write("guess", "return 1.19")
    newcomer.type("check", "guess", **own)
    assert newcomer.entry("guess")["value"] == pytest.approx(0.15), "the best stays"
    names = [run["name"] for run in json.loads(newcomer.type("runs", "--json", **own))]
    assert sorted(names) == ["exercise guess", "exercise guess", "reference guess"]


# hint, solution, reset, gate, list --------------------------------------------------------------------


def test_hints_come_one_by_one_or_by_number(learner: Learner) -> None:
    assert "Hint 1 of 3 for double\n\nWhat is asked of double?" in learner.type("hint")
    assert "Hint 2 of 3" in learner.type("hint")
    assert "Hint 1 of 3 for wait" in learner.type("hint", "wait", "1")
    assert "Hint 3 of 3" in learner.type("hint", "3")
    assert "Hint 3 of 3" in learner.type("hint"), "there is no fourth"
    assert "no hint 4" in learner.type("hint", "4", code=2)
    assert "no hint 0" in learner.type("hint", "0", code=2)
    assert "no hints this time" in learner.type("hint", "toy-gate")
    assert learner.entry("double")["hints"] == 3 and learner.entry("wait")["hints"] == 1
    learner.write("guess")
    learner.type("check", "guess")
    learner.type("hint", "guess", "3")
    assert learner.entry("guess")["helped"] == 0, "what is read after the pass was no help"


def test_the_solution_before_the_pass_is_seen(learner: Learner) -> None:
    assert "--yes" in learner.type("solution", "double", code=2), "nobody is here to be asked"
    assert "seen" not in learner.entry("double")
    assert file_text("double").strip() in learner.type("solution", "double", "--yes")
    assert learner.entry("double")["seen"] is True
    learner.write("double")
    assert "PASS" in learner.type("check", "double"), "it can still be passed"
    assert learner.entry("double")["seen"] is True


def test_the_solution_after_the_pass_is_a_diff(learner: Learner) -> None:
    learner.write("double", "return number + number")
    learner.type("check", "double")
    told = learner.type("solution")
    assert "-    return number + number" in told and "+    return 2 * number" in told
    assert "seen" not in learner.entry("double")
    learner.write("double")
    assert "Yours is the solution" in learner.type("solution", "double")


def test_reset_keeps_a_backup(learner: Learner) -> None:
    learner.write("double", "return 'hours of work'")
    assert "--yes" in learner.type("reset", "double", code=2)
    assert "hours of work" in learner.file("double").read_text()
    learner.type("reset", "wait", "--yes")
    assert not (learner.work / ".progress" / "backup").exists(), "nothing was written in that one"
    learner.type("reset", "double", "--yes")
    assert "raise NotImplementedError" in learner.file("double").read_text()
    (backup,) = (learner.work / ".progress" / "backup").iterdir()
    assert "hours of work" in backup.read_text()
    learner.file("double").unlink()
    assert "is the starter again" in learner.type("reset", "double"), "nothing to lose, nothing to ask"


def test_the_gate_counts_for_the_level(learner: Learner) -> None:
    assert "TODO  toy-gate" in learner.type("gate", "1", code=1)
    learner.write("toy-gate")
    told = learner.type("gate", "1")
    assert "PASS  toy-gate" in told and "Next: ladder report" in told, "nothing else is open"
    assert "no gate" in learner.type("gate", "2", code=2)


def test_list_shows_state_and_what_is_next(learner: Learner) -> None:
    learner.write("double")
    learner.type("check", "double")
    found = json.loads(learner.type("list", "--json"))
    assert [one["name"] for one in found] == list(NAMES)
    assert [one["state"] for one in found] == ["PASS", "", "", ""]
    lines = learner.type("list").splitlines()
    assert any(line.startswith(" >") and " wait " in line for line in lines), lines


# A course that changes --------------------------------------------------------------------------------


def test_a_changed_starter_comes_beside_what_was_written(learner: Learner) -> None:
    learner.write("double", "return 'mine'")
    learner.change_starter("double")
    told = learner.type("check", "double", code=1)
    assert "The starter of double has changed" in told
    assert "'mine'" in learner.file("double").read_text()
    assert "newer starter" in learner.file("double").with_suffix(".new.py").read_text()
    assert "has changed" not in learner.type("check", "double", code=1), "told once"


def test_a_changed_starter_replaces_one_that_was_not_touched(learner: Learner) -> None:
    learner.change_starter("wait")
    learner.type("check", "double", code=1)
    assert "newer starter" in learner.file("wait").read_text()
    assert not learner.file("wait").with_suffix(".new.py").exists()


def test_windows_line_ends_are_no_change(learner: Learner) -> None:
    learner.file("wait").write_bytes(learner.file("wait").read_bytes().replace(b"\n", b"\r\n"))
    learner.change_starter("wait")
    learner.type("check", "double", code=1)
    assert "newer starter" in learner.file("wait").read_text()


# Authors ----------------------------------------------------------------------------------------------


def test_dev_check_proves_a_sound_course(learner: Learner) -> None:
    learner.reference.write_text(learner.kept)
    told = learner.type("dev", "check", "--seeds", "2")
    assert told.splitlines() == [f"OK    level 1  {name}" for name in NAMES]


@pytest.mark.parametrize(
    ("file", "before", "after", "told"),
    [
        ("starter.py", "raise NotImplementedError", "return 2 * number", "the starter is PASS and not TODO"),
        ("starter.py", "raise NotImplementedError", "return None", "the starter is FAIL and not TODO"),
        ("starter.py", "# TODO", "#", "no `# TODO`"),
        ("solution.py", "2 * number", "3 * number", "the solution with seed 0 is FAIL and not PASS"),
        ("solution.py", "2 * number", "2 * min(number, 500)", "the solution with seed"),
        ("wrong/squares.py", "number * number", "2 * number", "wrong/squares.py is PASS and not FAIL"),
        ("wrong/squares.py", "number * number", "number", "gets the sentence ''"),
        ("exercise.toml", 'name = "double"', 'name = "twice"', "exercise.toml says 'twice'"),
        ("exercise.toml", '"Look at double again.", ', "", "2 hints, and not three"),
        ("exercise.toml", "This is why double works.", " ", "a hint or the debrief is empty"),
        ("exercise.toml", "squares =", "cubes =", "in [mistakes] or in wrong/ alone: cubes, squares"),
        ("exercise.toml", "minutes = 1", 'minutes = 1\nneeds = ["moon"]', "needs 'moon'"),
        ("exercise.toml", "minutes = 1", "minutes = 0", "minutes"),
        ("check.py", "    drawn =", "    assert True\n    drawn =", "asserts a constant"),
        (
            "check.py",
            "import numpy as np",
            "try:\n    import numpy as np\nexcept ImportError:\n    pass",
            "hides",
        ),
        ("solution.py", "def double", "import torch\n\n\ndef double", "torch is taught later"),
    ],
)
def test_dev_check_finds(newcomer: Learner, file: str, before: str, after: str, told: str) -> None:
    place = newcomer.course / "level1_toy" / "exercises" / "double" / file
    text = place.read_text()
    assert before in text
    place.write_text(text.replace(before, after))
    assert told in newcomer.type("dev", "check", "double", "--seeds", "3", code=1)


def test_dev_new_makes_an_exercise_that_is_sound(newcomer: Learner) -> None:
    newcomer.reference.write_text(newcomer.kept)
    newcomer.type("dev", "new", "1", "dice-loss")
    assert "not on the list" in newcomer.type("dev", "check", code=1)
    init = newcomer.course / "level1_toy" / "__init__.py"
    init.write_text(init.read_text().replace('"guess")', '"guess", "dice-loss")'))
    assert "OK    level 1  dice-loss" in newcomer.type("dev", "check", "dice-loss")
    assert "already" in newcomer.type("dev", "new", "1", "dice-loss", code=2)
    assert "no name" in newcomer.type("dev", "new", "1", "../up", code=2)


def test_dev_measure_writes_what_the_solution_measures(newcomer: Learner) -> None:
    place = newcomer.reference
    assert "no error in reference.json" in newcomer.type("dev", "check", "guess", code=1)
    newcomer.type("dev", "measure", "guess")
    assert json.loads(place.read_text())["metrics"]["error"] == pytest.approx(0.1)
    assert "measures nothing" in newcomer.type("dev", "measure", "double", code=2)
