"""`ladder watch` in a real terminal: what a save shows, what a key does, how the terminal is left."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import psutil
import pytest
import toy_course
from toy_course import file_text

from shared.study.watch import POLL_S

termios = pytest.importorskip("termios", reason="pexpect needs a pseudo-terminal")

LADDER = str(Path(sys.executable).with_name("ladder"))
CLEAR = "\x1b[2J\x1b[1;1H"
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
SIZE = (40, 80)
WAIT_S = 60


class Terminal:
    """A session in a terminal of 80 columns, with the workspace that it watches."""

    def __init__(self, workspace: Path, env: dict[str, str], *words: str) -> None:
        self.workspace, self.all = workspace, ""
        self.child = pexpect.spawn(
            words[0], [*words[1:]], env=env, cwd=str(workspace), dimensions=SIZE, encoding="utf-8"
        )

    def file(self, name: str) -> Path:
        return self.workspace / "exercises" / "level1" / f"{name}.py"

    def save(self, name: str, body: str | None = None) -> None:
        """Save a file with this body, by default the solution's."""
        self.file(name).write_text(file_text(name, body), encoding="utf-8")

    def press(self, keys: str) -> None:
        self.child.send(keys)

    def screen(self) -> str:
        """What stands below the last clearing of the screen."""
        return COLOUR.sub("", self.all.rpartition(CLEAR)[2]).replace("\r\n", "\n")

    def until(self, *words: str, keys: str = "q quit") -> str:
        """Wait for a screen with these words and, at its end, these keys; returns it."""
        end = time.monotonic() + WAIT_S
        while not (all(word in self.screen() for word in words) and self.screen().endswith(f"{keys}\n")):
            assert time.monotonic() < end, f"no {words} on the screen:\n{self.screen()}"
            self.look(0.1)
        return self.screen()

    def look(self, seconds: float) -> None:
        """Take in what is written for so long."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            try:
                self.all += self.child.read_nonblocking(65536, timeout=left)
            except pexpect.TIMEOUT:
                return
            except pexpect.EOF:
                time.sleep(left)

    def checks(self) -> int:
        """How many checks began so far."""
        return self.all.count("Checking ")

    def left(self) -> int:
        """Wait for the end; returns the exit code."""
        self.all += self.child.read()
        self.child.close()
        code = self.child.exitstatus
        return -self.child.signalstatus if code is None else code

    def progress(self) -> dict:
        told = json.loads((self.workspace / ".progress" / "progress.json").read_text(encoding="utf-8"))
        return told["exercises"]


Watch = Callable[..., Terminal]


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_course.build(tmp_path_factory.mktemp("course"))


@pytest.fixture
def env(course: Path, tmp_path: Path) -> dict[str, str]:
    return toy_course.environment(course, tmp_path / "home", TERM="xterm-256color")


@pytest.fixture(scope="module")
def untouched(course: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("untouched")
    return toy_course.workspace(folder / "work", toy_course.environment(course, folder / "home"))


@pytest.fixture
def workspace(untouched: Path, tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "workspace.json").write_text(json.dumps({"folder": str(tmp_path / "my work")}))
    return shutil.copytree(untouched, tmp_path / "my work")


@pytest.fixture
def watch(env: dict[str, str], workspace: Path) -> Iterator[Watch]:
    """Starts `ladder watch`; ends it after the test, however that went."""
    begun: list[Terminal] = []

    def start(*words: str, **more: str) -> Terminal:
        begun.append(Terminal(workspace, env | more, LADDER, "watch", *words))
        return begun[-1]

    yield start
    for terminal in begun:
        terminal.child.close(force=True)


# Saving ---------------------------------------------------------------------------------------------------


def test_it_checks_at_once_and_on_every_save_and_goes_on_only_when_told(watch: Watch) -> None:
    terminal = watch()
    lines = terminal.until("TODO  double", "what the learner writes").splitlines()
    assert lines[-3].startswith("Progress [") and "0/3" in lines[-3]
    assert lines[-2] == str(terminal.file("double"))
    assert lines[-1].startswith("h hint 0/3 · s skip") and "next" not in lines[-1]
    terminal.save("double", "return number * number")
    screen = terminal.until("FAIL  double", "This is the square.")
    assert "TODO" not in screen, "the screen was cleared"
    terminal.press("n")
    assert "FAIL  double" in terminal.until("n goes on after a pass")
    terminal.save("double")
    screen = terminal.until("PASS  double: 2 of 2", "This is why double works.", "1/3", "n next")
    progress, _, keys = screen.splitlines()[-3:]
    assert len(progress) <= 80 and len(keys) <= 80
    assert terminal.checks() == 3
    terminal.press("n")
    terminal.until("TODO  wait", str(terminal.file("wait")))


def test_only_the_file_of_the_current_exercise_counts(watch: Watch) -> None:
    terminal = watch("wait")
    terminal.until("TODO  wait")
    terminal.save("double")
    terminal.file("wait").with_name("notes.txt").write_text("mine", encoding="utf-8")
    terminal.look(5 * POLL_S)
    assert terminal.checks() == 1
    terminal.save("wait")
    terminal.until("PASS  wait")
    assert terminal.checks() == 2


def test_an_editor_may_save_by_a_rename_or_write_the_file_anew(watch: Watch) -> None:
    terminal = watch()
    terminal.until("TODO  double")
    beside = terminal.file("double").with_suffix(".swp")
    beside.write_text(file_text("double", "return 7"), encoding="utf-8")
    beside.replace(terminal.file("double"))
    terminal.until("FAIL  double", "got       7")
    terminal.file("double").unlink()
    screen = terminal.until("ERROR  double", "there is no file")
    assert "ladder reset double" in " ".join(screen.split())
    terminal.save("double", "return 8")
    terminal.until("FAIL  double", "got       8")


def test_code_that_deletes_its_own_file_is_checked_once(watch: Watch) -> None:
    terminal = watch()
    terminal.until("TODO  double")
    terminal.save("double", 'return __import__("os").remove(__file__)')
    terminal.until("It has been put back")
    terminal.look(5 * POLL_S)
    assert terminal.checks() == 2


@pytest.mark.skipif(sys.platform != "linux", reason="no warm worker elsewhere")
def test_a_worker_that_dies_is_done_without(watch: Watch) -> None:
    terminal = watch()
    terminal.until("TODO  double")
    (worker,) = psutil.Process(terminal.child.pid).children()
    assert "shared.study.warm" in worker.cmdline()
    worker.kill()
    terminal.save("double")
    terminal.until("PASS  double")
    terminal.save("double", "return 7")
    terminal.until("FAIL  double")


# Keys -----------------------------------------------------------------------------------------------------


def test_hints_stand_below_the_verdict_and_are_counted(watch: Watch) -> None:
    terminal = watch()
    terminal.until("TODO  double")
    terminal.press("h")
    terminal.until("TODO  double", "Hint 1 of 3", "What is asked of double?", "h hint 1/3")
    terminal.save("double", "return 7")
    terminal.until("FAIL  double", "Hint 1 of 3")
    terminal.save("double")
    assert "Hint" not in terminal.until("PASS  double")
    terminal.press("h")
    terminal.until("PASS  double", "Hint 2 of 3", "h hint 2/3")
    assert terminal.progress()["double"]["hints"] == 2


def test_list_skip_and_check_all(watch: Watch) -> None:
    terminal = watch()
    terminal.until("TODO  double")
    terminal.press("c")
    terminal.until("No exercise has been begun yet.")
    terminal.press("l")
    screen = terminal.until("toy-gate", "A guess that is measured", keys="any key goes back")
    assert "TODO  double" not in screen
    terminal.press("q")
    terminal.until("TODO  double")
    terminal.press("s")
    terminal.until("TODO  wait")
    terminal.save("double")
    terminal.press("c")
    screen = terminal.until("PASS", keys="any key goes back")
    assert str(terminal.file("wait")) in screen, "the exercise stays"
    terminal.press("\x1b[C")  # the arrow to the right: its last letter is no key
    terminal.until("TODO  wait")
    assert terminal.checks() == 3


def test_reset_asks_first_and_keeps_the_file(watch: Watch) -> None:
    terminal = watch()
    terminal.until("TODO  double")
    terminal.save("double", "return 7")
    terminal.until("FAIL  double")
    terminal.press("x")
    terminal.until("FAIL  double", "starter of double", keys="y/n")
    terminal.press("n")
    terminal.until("Nothing was changed.")
    assert "return 7" in terminal.file("double").read_text(encoding="utf-8")
    terminal.press("xy")
    terminal.until("TODO  double", "Your file is kept as")
    assert "NotImplementedError" in terminal.file("double").read_text(encoding="utf-8")
    (backup,) = (terminal.workspace / ".progress" / "backup").iterdir()
    assert "return 7" in backup.read_text(encoding="utf-8")


def test_what_is_pressed_during_a_check_is_dropped(watch: Watch) -> None:
    terminal = watch("wait")
    terminal.until("TODO  wait")
    terminal.save("wait", '__import__("time").sleep(2)\n    return "done"')
    terminal.until("Checking wait", keys="…")
    terminal.press("q")
    terminal.until("PASS  wait")
    terminal.press("v")
    terminal.until("PASS  it comes to an end", "v less")
    terminal.press("q")
    assert terminal.left() == 0


def test_at_the_end_everything_is_checked_again(watch: Watch) -> None:
    terminal = watch("toy-gate")
    terminal.until("TODO  toy-gate")
    terminal.press("h")
    terminal.until("no hints this time")
    terminal.save("toy-gate")
    terminal.until("PASS  toy-gate")
    terminal.press("n")
    terminal.until("Every exercise has passed", "all 1 that passed", keys="any key goes back")
    terminal.press(" ")
    terminal.until("PASS  toy-gate")
    terminal.press("s")
    terminal.until("No other exercise is open.")


def test_what_no_longer_passes_is_found_at_the_end(watch: Watch) -> None:
    terminal = watch()
    terminal.save("double")
    terminal.until("PASS  double")
    terminal.press("q")
    assert terminal.left() == 0
    terminal.save("double", "return 7")
    terminal = watch("toy-gate")
    terminal.save("toy-gate")
    terminal.until("PASS  toy-gate")
    terminal.press("n")
    terminal.until("FAIL  double", "double has passed before, and does not pass now.")


# The run --------------------------------------------------------------------------------------------------


def test_a_pass_that_measures_is_recorded_while_the_verdict_is_on_the_screen(watch: Watch) -> None:
    terminal = watch("guess")
    terminal.until("TODO  guess")
    terminal.save("guess")
    terminal.until("PASS  guess", "Recording the run …")


@pytest.mark.slow
def test_the_run_of_a_pass_is_told_and_its_value_kept(watch: Watch) -> None:
    terminal = watch("guess")
    terminal.save("guess")
    terminal.until("chance 0.5 | baseline 0.25 | you 0.1 | reference 0.1", "/runs/", "compare")
    assert terminal.progress()["guess"]["value"] == pytest.approx(0.1)


@pytest.mark.slow
def test_a_store_that_is_away_fails_no_check(watch: Watch) -> None:
    terminal = watch("guess", MLFLOW_TRACKING_URI="http://127.0.0.1:9")  # the discard port
    terminal.save("guess")
    terminal.until("PASS  guess", "This is why guess works.")


# The terminal ---------------------------------------------------------------------------------------------

SESSION = "trap : INT; stty -a; echo begin; {ladder} watch {name}; echo code $?; stty -a"


@pytest.mark.parametrize(
    ("leave", "code"), [("q", 0), ("\x04", 0), ("\x03", 130)], ids=["q", "Ctrl-D", "Ctrl-C"]
)
def test_the_terminal_is_left_as_it_was(workspace: Path, env: dict[str, str], leave: str, code: int) -> None:
    command = SESSION.format(ladder=LADDER, name="double")
    terminal = Terminal(workspace, env, "sh", "-c", command)
    terminal.until("TODO  double")
    ours = psutil.Process(terminal.child.pid).children(recursive=True)
    terminal.press(leave)
    assert terminal.left() == 0
    before, _, rest = terminal.all.partition("begin\r\n")
    _, told, after = rest.partition(f"code {code}\r\n")
    assert told, rest
    assert "icanon" in before and after == before
    assert not psutil.wait_procs(ours, timeout=10)[1], "nothing stays behind"


def test_ctrl_c_ends_a_check_that_never_ends(workspace: Path, env: dict[str, str]) -> None:
    terminal = Terminal(workspace, env, "sh", "-c", SESSION.format(ladder=LADDER, name="wait"))
    terminal.until("TODO  wait")
    started = workspace / "started"
    terminal.save("wait", f"open({str(started)!r}, 'w').close()\n    while True: pass")
    end = time.monotonic() + WAIT_S
    while not started.exists() and time.monotonic() < end:
        terminal.look(0.05)
    ours = psutil.Process(terminal.child.pid).children(recursive=True)
    terminal.press("\x03")
    terminal.left()
    assert "code 130\r\n" in terminal.all and "Traceback" not in terminal.all
    assert not psutil.wait_procs(ours, timeout=10)[1]


def test_it_comes_back_after_ctrl_z(watch: Watch) -> None:
    terminal = watch()
    terminal.until("TODO  double")
    before = termios.tcgetattr(terminal.child.child_fd)
    os.kill(terminal.child.pid, signal.SIGSTOP)
    canonical = [*before]
    canonical[3] |= termios.ICANON | termios.ECHO  # what a shell sets for itself
    termios.tcsetattr(terminal.child.child_fd, termios.TCSANOW, canonical)
    os.kill(terminal.child.pid, signal.SIGCONT)
    drawn = terminal.all.count(CLEAR)
    while terminal.all.count(CLEAR) == drawn:
        terminal.look(0.1)
    terminal.press("h")
    terminal.until("TODO  double", "Hint 1 of 3")


def test_sigterm_leaves_in_good_order(watch: Watch) -> None:
    terminal = watch()
    terminal.until("TODO  double")
    (worker, *_) = psutil.Process(terminal.child.pid).children()
    os.kill(terminal.child.pid, signal.SIGTERM)
    assert terminal.left() == 128 + signal.SIGTERM
    assert not psutil.wait_procs([worker], timeout=10)[1]


def test_no_colour_where_none_is_wanted(watch: Watch) -> None:
    for colour, found in (("", True), ("1", False)):
        terminal = watch(NO_COLOR=colour)
        terminal.until("TODO  double")
        assert bool(COLOUR.search(terminal.all)) is found


def test_without_a_terminal_it_names_the_command_that_needs_none(
    workspace: Path, env: dict[str, str]
) -> None:
    done = subprocess.run(
        [LADDER, "watch"], stdin=subprocess.DEVNULL, capture_output=True, text=True, env=env,
        cwd=workspace, timeout=WAIT_S,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert "ladder check double" in done.stderr and "Traceback" not in done.stderr
