"""A learner's file is checked as it is, whatever it does."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import psutil
import pytest
from toy_course import build, environment, file_text, workspace

from shared.levels import Level
from shared.study import check as checking
from shared.study.check import Start, check
from shared.study.exercise import Exercise
from shared.study.verdict import CUT_OFF, DEFECT, RETURNS_NONE, Verdict
from shared.study.warm import Warm, available

TOO_LONG = "it did not end within 3 s: is there a loop without an end?"
LEVEL = Level(number=1, slug="level1-toy", title="A toy", question="?", minutes=1)


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("course")) / "level1_toy" / "exercises"


@pytest.fixture(
    scope="module",
    params=["new process", pytest.param("warm", marks=pytest.mark.skipif(not available(), reason="no fork"))],
)
def start(request: pytest.FixtureRequest) -> Iterator[Start | None]:
    with Warm([]) if request.param == "warm" else nullcontext() as found:
        yield found


@pytest.fixture
def try_it(toy: Path, tmp_path: Path, start: Start | None):
    """Check a file with this text against a toy exercise."""

    def run(name: str, text: str | bytes, exercise: Path | None = None, **more: object) -> Verdict:
        file = tmp_path / "exercises" / "level1" / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return check(Exercise(LEVEL, exercise or toy / name), file, start=start, **more)  # type: ignore[arg-type]

    return run


@pytest.fixture
def changed(toy: Path, tmp_path: Path):
    """A toy exercise with another text in one of its files."""

    def change(name: str, file: str, before: str, after: str) -> Path:
        folder = tmp_path / "changed" / name
        shutil.copytree(toy / name, folder)
        text = (folder / file).read_text()
        assert before in text
        (folder / file).write_text(text.replace(before, after))
        return folder

    return change


# The five states ------------------------------------------------------------------------------------


def test_the_solution_passes(try_it) -> None:
    verdict = try_it("double", file_text("double"))
    assert (verdict.state, verdict.passed, verdict.total, verdict.first) == ("PASS", 2, 2, None)


def test_the_starter_is_to_do_at_its_own_line(try_it) -> None:
    verdict = try_it("double", file_text("double", "raise NotImplementedError"))
    assert (verdict.state, verdict.first.line) == ("TODO", 6)
    assert verdict.first.message == "what the learner writes"


def test_a_not_implemented_of_somebody_else_is_an_error(try_it) -> None:
    text = "import asyncio\n" + file_text("double", "return asyncio.BaseTransport().close()")
    verdict = try_it("double", text)
    assert verdict.state == "ERROR" and "NotImplementedError" in verdict.first.message


def test_a_known_mistake_gets_its_sentence(try_it) -> None:
    verdict = try_it("double", file_text("double", "return number * number"))
    first = verdict.first
    assert (verdict.state, first.title, first.given) == ("FAIL", "three", "double(3)")
    assert (first.expected, first.got, first.likely) == ("6", "9", "This is the square.")
    assert first.line == 4, "where the function begins"


def test_an_unknown_mistake_gets_none(try_it) -> None:
    first = try_it("double", file_text("double", "return number + 1")).first
    assert (first.state, first.got, first.likely) == ("FAIL", "4", "")


def test_a_missing_return_is_told(try_it) -> None:
    assert try_it("double", file_text("double", "number *= 2")).first.likely == RETURNS_NONE


def test_the_earliest_that_is_wrong_decides(try_it) -> None:
    body = "if number > 3:\n        raise ValueError(number)\n    return 7"
    verdict = try_it("double", file_text("double", body))
    assert [finding.state for finding in verdict.findings] == ["FAIL", "ERROR"]
    assert (verdict.state, verdict.passed) == ("FAIL", 0)


def test_an_exception_is_an_error_at_the_learners_line(try_it) -> None:
    verdict = try_it(
        "double", file_text("double", "return helper(number)") + "\n\ndef helper(n):\n    return n / 0\n"
    )
    assert (verdict.state, verdict.first.message) == ("ERROR", "ZeroDivisionError: division by zero")
    assert verdict.first.line == 10 and "helper" in verdict.first.traceback


@pytest.mark.parametrize(
    ("text", "words", "line"),
    [
        ("def double(number):\n    return (2 * number\n", "SyntaxError", 2),
        ("import nothing_of_this_name\n", "No module named 'nothing_of_this_name'", 1),
        ("def twice(number):\n    return 2 * number\n", "your file has no `double`", None),
        ("def double():\n    return 6\n", "takes 0 positional arguments but 1 was given", None),
        ("def double(number):\n    raise SystemExit(0)\n", "SystemExit", 2),
        ("def double(number):\n    return int(input())\n", "EOFError", 2),
        ("raise KeyboardInterrupt\n", "KeyboardInterrupt", 1),
        ("def double(number):\n    return double(number)\n", "RecursionError", 2),
        ("x = 1\0\n", "null bytes", None),
    ],
)
def test_what_goes_wrong_is_told_in_a_line(try_it, text: str, words: str, line: int | None) -> None:
    verdict = try_it("double", text)
    assert verdict.state == "ERROR"
    assert words in verdict.first.message and "\n" not in verdict.first.message
    assert verdict.first.line == line


def test_what_is_missing_blocks(try_it, changed) -> None:
    folder = changed("double", "exercise.toml", "minutes = 1", 'minutes = 1\nneeds = ["model:whisper-tiny"]')
    verdict = try_it("double", file_text("double"), folder)
    assert verdict.state == "BLOCKED"
    assert "ladder models pull whisper-tiny" in verdict.first.message


def test_a_missing_file_says_how_to_bring_it_back(toy: Path, tmp_path: Path) -> None:
    verdict = check(Exercise(LEVEL, toy / "double"), tmp_path / "double.py")
    assert verdict.state == "ERROR" and "ladder reset double" in verdict.first.message


def test_a_package_to_do_without_fails(try_it, changed) -> None:
    folder = changed("double", "exercise.toml", "minutes = 1", 'minutes = 1\nwithout = ["statistics"]')
    text = "x = 1\nfrom statistics import mean\n" + file_text("double", "return 2 * mean([number])")
    verdict = try_it("double", text, folder)
    assert (verdict.state, verdict.first.line) == ("FAIL", 2)
    assert "without `statistics`" in verdict.first.message
    assert try_it("double", file_text("double"), folder).state == "PASS"


def test_a_measure_that_is_too_low_fails(try_it) -> None:
    good, bad = try_it("guess", file_text("guess")), try_it("guess", file_text("guess", "return 0.5"))
    assert good.state == "PASS"
    assert good.measures == {"error": pytest.approx(0.1), "chance": 0.5, "baseline": 0.25}
    assert (bad.state, bad.first.expected, bad.first.got) == ("FAIL", "error <= 0.2", "error = 0.5")


def test_a_broken_check_is_not_the_learners_fault(try_it, changed) -> None:
    folder = changed("double", "check.py", "drawn = int(rng", "drawn = no_such_name(rng")
    verdict = try_it("double", file_text("double"), folder)
    assert (verdict.state, verdict.first.message) == ("ERROR", DEFECT)
    assert "no_such_name" in verdict.first.traceback


def test_another_seed_draws_other_cases(try_it) -> None:
    body = "print(number)\n    return 2 * number"
    printed = {try_it("double", file_text("double", body), seed=seed).printed for seed in (0, 0, 1)}
    assert len(printed) == 2


# What a file may do ---------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [file_text("double").replace("\n", "\r\n"), "\ufeff" + file_text("double")])
def test_windows_line_ends_and_a_byte_order_mark_are_fine(try_it, text: str) -> None:
    assert try_it("double", text).state == "PASS"


def test_spaces_and_letters_of_all_kinds_in_the_path_are_fine(toy: Path, tmp_path: Path) -> None:
    file = tmp_path / "mein Übungsheft 練習" / "double.py"
    file.parent.mkdir()
    file.write_text(file_text("double", 'raise ValueError("größer")'), encoding="utf-8")
    verdict = check(Exercise(LEVEL, toy / "double"), file)
    assert (verdict.first.message, verdict.first.line) == ("ValueError: größer", 6)


def test_it_is_the_file_in_the_workspace_that_runs(try_it, tmp_path: Path) -> None:
    verdict = try_it("double", file_text("double", "print(__file__, __name__)\n    return 2 * number"))
    assert verdict.printed.splitlines()[0] == f"{tmp_path}/exercises/level1/double.py exercise_double"


def test_the_playground_does_not_run(try_it) -> None:
    assert (
        try_it("double", file_text("double") + '\nif __name__ == "__main__":\n    raise ValueError\n').state
        == "PASS"
    )


def test_an_argument_that_is_changed_does_not_change_the_case(try_it, changed) -> None:
    cases = 'yield Case("a list", call="double", args=([1, 2],), expected=[1, 2])'
    folder = changed("double", "check.py", 'yield Case("three"', f'{cases}\n    yield Case("three"')
    body = "if number == [1, 2]:\n        number.append(3)\n        return [1, 2]\n    return 2 * number"
    text = file_text("double", body)
    verdict = try_it("double", text, folder)
    assert (verdict.state, verdict.findings[0].given) == ("PASS", "double([1, 2])")


def test_an_endless_loop_ends_at_its_line(try_it) -> None:
    verdict = try_it("wait", file_text("wait", "while True:\n        pass"))
    assert (verdict.state, verdict.first.title) == ("ERROR", "it comes to an end")
    assert verdict.first.message.startswith("it did not end within 3 s") and verdict.first.line in (6, 7)


def test_code_that_never_lets_go_ends_too(try_it) -> None:
    """A regular expression of exponential time holds the interpreter: the child's own clock cannot ring."""
    body = 'import re\n    return re.match("(a|a)*$", "a" * 60 + "b")'
    verdict = try_it("wait", file_text("wait", body))
    assert (verdict.state, verdict.first.message) == ("ERROR", TOO_LONG)


def test_too_much_memory_ends_it(try_it, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "MEMORY_MB", 400.0)
    body = "kept = []\n    while True:\n        kept.append(bytearray(b'x' * 10_000_000))"
    verdict = try_it("wait", file_text("wait", body))
    assert (verdict.state, verdict.first.message) == ("ERROR", "it took more than 400 MB of memory")


def test_a_gigabyte_of_print_is_not_kept(try_it, changed) -> None:
    folder = changed("wait", "exercise.toml", "seconds = 3", "seconds = 100")
    body = (
        'import os\n    line = b"x" * 999_999 + b"\\n"\n'
        '    for _ in range(1000):\n        os.write(1, line)\n    print("the end")\n    return "done"'
    )
    verdict = try_it("wait", file_text("wait", body), folder)
    assert verdict.state == "PASS"
    assert len(verdict.printed) < 5000 and verdict.printed.endswith("the end")
    assert "1,000,000,008 bytes in all" in verdict.printed


def test_a_file_that_deletes_itself_is_put_back(try_it, tmp_path: Path) -> None:
    text = file_text(
        "double", "import os\n    os.path.exists(__file__) and os.remove(__file__)\n    return 2 * number"
    )
    verdict = try_it("double", text)
    assert (verdict.state, verdict.restored) == ("PASS", True)
    assert (tmp_path / "exercises" / "level1" / "double.py").read_text() == text


@pytest.mark.parametrize(
    "reach",
    [
        "from importlib.machinery import SourceFileLoader as Load\nwork = Load('s', PATH).load_module()\n",
        "exec(open(PATH).read())\n",
        "import os\nexec(os.fdopen(os.open(PATH, os.O_RDONLY)).read())\n",
        "try:\n    open(PATH)\nexcept Exception:\n    pass\n",
    ],
)
def test_who_opens_the_solution_is_refused(try_it, toy: Path, reach: str) -> None:
    path = toy / "double" / "solution.py"
    verdict = try_it("double", f"PATH = {str(path)!r}\n{reach}\n" + file_text("double"))
    assert verdict.state == "ERROR"
    assert "opens the solution" in verdict.first.message and "ladder solution" in verdict.first.message


def test_who_opens_the_solution_in_the_workspace_is_refused(try_it, tmp_path: Path) -> None:
    place = tmp_path / "solutions" / "level1" / "double.py"
    place.parent.mkdir(parents=True)
    place.write_text(file_text("double"))
    verdict = try_it("double", f"exec(open({str(place)!r}).read())\n", hidden=[tmp_path / "solutions"])
    assert verdict.state == "ERROR" and "opens the solution" in verdict.first.message


def test_a_process_that_ends_itself_is_told(try_it) -> None:
    verdict = try_it("double", file_text("double", "import os\n    os._exit(0)"))
    assert (verdict.state, verdict.first.title, verdict.first.message) == ("ERROR", "three", CUT_OFF)


def test_threads_left_behind_hold_up_nothing(try_it) -> None:
    body = "import threading, time\n    threading.Thread(target=time.sleep, args=(600,)).start()"
    body += "\n    return 2 * number"
    assert try_it("double", file_text("double", body)).state == "PASS"


def test_processes_left_behind_are_ended(try_it, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    body = (
        "import subprocess, sys\n"
        "    child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"    open({str(note)!r}, 'w').write(str(child.pid))\n    while True:\n        pass"
    )
    assert try_it("wait", file_text("wait", body)).state == "ERROR"
    assert _process(int(note.read_text())) is None


def test_no_key_reaches_the_learners_code(try_it, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("LADDER_PROVIDER", "openai")
    seen = checking.environment()
    assert "OPENAI_API_KEY" not in seen and seen["LADDER_PROVIDER"] == "local"


# Who checks may be killed -----------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9")
def test_killed_in_the_middle_of_a_check_the_child_ends_and_the_next_check_works(tmp_path: Path) -> None:
    course = build(tmp_path / "course")
    env = environment(course, tmp_path / "home")
    workspace(tmp_path / "W", env)
    file = tmp_path / "W" / "exercises" / "level1" / "wait.py"
    note = tmp_path / "pid"
    loop = f"import os\n    open({str(note)!r}, 'w').write(str(os.getpid()))\n    while True:\n        pass"
    file.write_text(file_text("wait", loop))
    before = (tmp_path / "W" / ".progress" / "progress.json").read_text()
    ladder = [sys.executable, "-m", "shared.cli", "check", "wait"]
    process = subprocess.Popen(
        ladder, env=env, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while not (note.exists() and note.read_text()):
        assert process.poll() is None
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    psutil.wait_procs([p for p in [_process(int(note.read_text()))] if p], timeout=30)
    assert _process(int(note.read_text())) is None, "the child ended with who started it"
    assert (tmp_path / "W" / ".progress" / "progress.json").read_text() == before
    file.write_text(file_text("wait"))
    assert subprocess.run(ladder, env=env, cwd=tmp_path, capture_output=True).returncode == 0


def _process(pid: int) -> psutil.Process | None:
    try:
        found = psutil.Process(pid)
        return None if found.status() == psutil.STATUS_ZOMBIE else found
    except psutil.NoSuchProcess:
        return None
