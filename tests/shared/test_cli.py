"""The command `ladder` itself: light, helpful, quiet where it should be."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from level1_api.samples import sample
from shared.cli import Ladder, cli
from shared.errors import BadUsage, LadderError
from shared.levels import RUNGS
from shared.study.docs import mistakes

LADDER = [sys.executable, "-m", "shared.cli"]


def ladder(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*LADDER, *words],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=120,
        env=os.environ | environment,
    )


def every_command(group: click.Group, *path: str) -> Iterator[tuple[str, ...]]:
    yield path
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from every_command(command, *path, name)
        else:
            yield (*path, name)


@pytest.mark.parametrize("path", list(every_command(cli)), ids=" ".join)
def test_every_help_says_what_it_does_and_ends_with_an_example(path: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(cli, [*path, "--help"])
    assert shown.exit_code == 0
    usage, _, rest = shown.output.partition("\n\n")
    assert usage.startswith("Usage:") and len(rest.splitlines()[0].strip()) > 20
    example = shown.output.rsplit("Example:", 1)[1]
    typed = [line.strip() for line in example.strip().splitlines()]
    assert typed and all(line.startswith(" ".join(["ladder", *path])) or not path for line in typed), typed
    assert all(line.startswith("ladder ") for line in typed)


@pytest.mark.parametrize("path", list(every_command(cli)), ids=" ".join)
def test_every_example_can_be_typed(path: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(cli, [*path, "--help"]).output
    for line in shown.rsplit("Example:", 1)[1].strip().splitlines():
        assert mistakes(line) == []
        for name in re.findall(r"sample:([\w-]+)", line):
            sample(name)  # raises where there is none


HEAVY = ("mlflow", "torch", "streamlit", "openai", "faster_whisper", "fastapi", "numpy", "pydantic", "rich")


@pytest.mark.parametrize("words", [["--help"], ["level1", "--help"], ["level1", "transcribe", "--help"]])
def test_help_imports_nothing_heavy(words: list[str]) -> None:
    """Modules are named, not seconds: a slow machine must not fail this, and a fast one not hide it."""
    code = f"""
import sys, atexit
atexit.register(lambda: print("LOADED", *sorted(set(sys.modules) & set({HEAVY!r})), file=sys.stderr))
sys.argv = ["ladder", *{words!r}]
from shared.cli import main
main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("Usage: ladder")
    loaded = set(done.stderr.split("LOADED")[1].split())
    assert not loaded & {"mlflow", "torch", "streamlit", "openai", "faster_whisper", "fastapi"}, loaded


def test_alone_it_shows_six_rungs_and_the_next_step() -> None:
    done = ladder()
    assert done.returncode == 0 and done.stderr == ""
    lines = done.stdout.splitlines()
    assert [int(line.split()[1]) for line in lines[:6]] == [6, 5, 4, 3, 2, 1]
    assert all(RUNGS[6 - i] in line for i, line in enumerate(lines[:6]))
    assert lines[-1].startswith("Next: ladder ")


@pytest.mark.parametrize(
    "words", [["nosuch"], ["runs", "--level", "9"], ["compare", "onlyone"], ["serve", "x"]]
)
def test_bad_usage_is_exit_code_2(words: list[str]) -> None:
    done = CliRunner().invoke(cli, words)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "Error" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("error", "code", "shown"),
    [
        (LadderError("It broke.", "Mend it."), 1, "Error: It broke.\n  → Mend it.\n"),
        (BadUsage("Not so."), 2, "Error: Not so.\n"),
        (KeyboardInterrupt(), 130, "\nStopped.\n"),
        (KeyboardInterrupt("Stopped: 1 of 2."), 130, "\nStopped: 1 of 2.\n"),
    ],
)
def test_how_a_command_ends(error: BaseException, code: int, shown: str) -> None:
    group = Ladder()

    @group.command()
    def fails() -> None:
        raise error

    done = CliRunner().invoke(group, ["fails"])
    assert (done.exit_code, done.stdout, done.stderr) == (code, "", shown)


def test_a_wrong_setting_is_named_with_its_way_out() -> None:
    done = ladder("level1", "transcribe", "sample:bridge", LADDER_SERVICE_PORT="many")
    assert (done.returncode, done.stdout) == (2, "")
    assert "LADDER_SERVICE_PORT" in done.stderr and "Traceback" not in done.stderr


def test_a_terminal_without_the_letters_gets_question_marks() -> None:
    done = ladder(PYTHONIOENCODING="cp1252", PYTHONUTF8="0")
    assert done.returncode == 0 and "?" in done.stdout and "Next: ladder" in done.stdout


@pytest.mark.skipif(os.name != "posix", reason="pipes as POSIX has them")
def test_a_reader_that_leaves_early_ends_it_quietly() -> None:
    words = [*LADDER, "models", "--json"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stderr
        process.stdout.close()  # before it has written a byte: `ladder models | true`
        assert process.stderr.read() == ""
        assert process.wait(timeout=60) in (0, 1)


def test_a_socket_that_closes_is_an_error_to_tell_and_not_a_silent_death() -> None:
    """A service may refuse an upload in the middle of it."""
    code = """
import socket
import shared.cli
shared.cli.cli.main = lambda **given: None
shared.cli.main()
ours, theirs = socket.socketpair()
theirs.close()
try:
    ours.sendall(b"x")
except BrokenPipeError:
    print("told")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "told\n", done.returncode


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
def test_progress_is_drawn_in_a_terminal_and_no_color_is_honoured() -> None:
    code = """
import time
from shared.progress import progress
with progress("Transcribing talk.mp3") as advance:
    advance(0.5)
    time.sleep(0.3)
"""

    def shown(**environment: str) -> str:
        import pty

        master, slave = pty.openpty()
        env = os.environ | {"TERM": "xterm-256color", "COLUMNS": "120"} | environment
        with subprocess.Popen([sys.executable, "-c", code], stdout=slave, stderr=slave, env=env):
            os.close(slave)
            got = b""
            with suppress(OSError):  # the other end is closed
                while data := os.read(master, 4096):
                    got += data
        os.close(master)
        return got.decode(errors="replace")

    colour = re.compile(r"\x1b\[[0-9;]*(?:3[0-8]|4[0-8]|9[0-7])[0-9;]*m")
    plain = shown(NO_COLOR="1")
    assert "Transcribing talk.mp3" in plain and not colour.search(plain)
    assert colour.search(shown()), "there are colours to leave out"


def test_progress_is_silent_where_nobody_looks() -> None:
    code = "from shared.progress import progress\nwith progress('x') as advance: advance(0.5)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


NO_STORE = {"MLFLOW_TRACKING_URI": "http://someone:secret@127.0.0.1:9"}  # the discard port


@pytest.mark.parametrize("words", [["runs"], ["compare", "a", "b"]])
def test_a_store_that_is_away_is_two_lines(words: list[str]) -> None:
    done = ladder(*words, **NO_STORE)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(
        "Error: The MLflow store at http://someone@127.0.0.1:9 cannot be reached.\n"
    )
    assert len(done.stderr.splitlines()) == 2 and "MLFLOW_TRACKING_URI" in done.stderr


def test_a_broken_database_is_two_lines(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_bytes(b"no database" * 500)
    done = ladder("runs", LADDER_HOME=str(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    assert "mlflow.db cannot be used (file is not a database)." in done.stderr.splitlines()[0]
    assert "Move that file away" in done.stderr and len(done.stderr.splitlines()) == 2


@pytest.mark.parametrize("words", [["runs"], ["compare", "a", "b"], ["tour"], ["level1", "batch", "."]])
def test_a_home_that_is_a_file_is_told(tmp_path: Path, words: list[str]) -> None:
    file = tmp_path / "home"
    file.write_text("")
    (tmp_path / "a.wav").write_text("")
    command = [*LADDER, *words]
    env = os.environ | {"LADDER_HOME": str(file)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=env, cwd=tmp_path)
    assert done.returncode == 1
    assert f"Error: The home {file} cannot be written." in done.stderr and "Traceback" not in done.stderr


def test_a_port_that_is_not_used_is_told(on_demand: str) -> None:
    done = ladder("serve", "--port", "9")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"runs already at {on_demand}; port 9 was not used." in done.stderr


def test_no_runs_of_a_level_promises_nothing_that_is_not_so() -> None:
    from shared.runs import runs_table

    assert "ladder tour" in runs_table([])
    assert "ladder level1 --help" in runs_table([], 1)


def test_runs_and_compare_tell_what_is_recorded(home: Path) -> None:
    from shared.tracking import track

    ids = []
    for model, wer in (("m1", 0.25), ("m2", 0.5)):
        with track("level1-api", f"clip {model}", params={"model": model, "same": 1}) as run:
            run.metrics(wer=wer)
        ids.append(str(run.id))
    rows = json.loads(CliRunner().invoke(cli, ["runs", "--limit", "2", "--json"]).stdout)
    assert [row["run_id"] for row in rows] == ids[::-1]
    shown = CliRunner().invoke(cli, ["runs", "--limit", "2"]).stdout
    assert ids[0][:8] in shown and "wer 0.25" in shown and rows[0]["url"] in shown
    both = CliRunner().invoke(cli, ["compare", ids[0][:12], ids[1]]).stdout
    lines = [line.split() for line in both.splitlines()]
    assert ["model", "m1", "m2"] in lines and ["wer", "0.25", "0.5"] in lines
    assert not any(line[:1] == ["same"] for line in lines), "what does not differ is left out"


@pytest.mark.parametrize("typed, meant", [("levl2", "level2"), ("modls", "models")])
def test_a_slip_of_the_finger_is_answered_with_what_was_meant(typed: str, meant: str) -> None:
    done = ladder(typed)
    assert done.returncode == 2 and f"'{typed}'" in done.stderr and f"'{meant}'" in done.stderr
