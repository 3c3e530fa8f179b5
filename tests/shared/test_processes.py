"""Files, leashes, ports and servers, each with real processes: Python's own `http.server` is the server."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from shared import leash, processes, servers
from shared.errors import LadderError
from shared.files import write_atomic
from shared.servers import Program, State

posix = pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")


def until(condition: Callable[[], object], what: str, seconds: float = 30) -> None:
    """Wait for a condition; fail with its name if it does not come."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds:g} s: {what}"
        time.sleep(0.05)


def any_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def web(own_home: Path) -> Iterator[Program]:
    """A small real server; whatever of it still runs at the end is ended."""
    program = Program(
        "web", "test page", "http.server", ("--bind", "127.0.0.1", "{port}"), any_port(), health="/"
    )
    yield program
    servers.stop(program)


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], str]:
    """Makes a module that child processes can run by name."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))

    def make(name: str, source: str) -> str:
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(source))
        return name

    return make


def silent(message: str) -> None: ...


# write_atomic ------------------------------------------------------------------------------------------


def test_a_file_is_replaced_and_folders_are_made(tmp_path: Path) -> None:
    file = tmp_path / "new" / "file.json"
    write_atomic(file, "é one")
    assert file.read_bytes() == "é one".encode()
    write_atomic(file, b"\x00two")
    assert file.read_bytes() == b"\x00two"
    assert [p.name for p in file.parent.iterdir()] == ["file.json"]


@pytest.mark.skipif(os.name != "posix", reason="modes as POSIX has them")
def test_a_file_honours_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        assert write_atomic(tmp_path / "file", "x").stat().st_mode & 0o777 == 0o640
    finally:
        os.umask(before)


def test_a_failed_write_leaves_the_old_content_and_no_litter(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    target.mkdir()
    with pytest.raises(OSError):
        write_atomic(target, "a folder cannot be replaced by a file")
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


def test_a_reader_sees_whole_contents_only(tmp_path: Path) -> None:
    file = tmp_path / "file"
    whole = {letter.encode() * 200_000 for letter in "ab"}
    write_atomic(file, next(iter(whole)))
    done = threading.Event()

    def write() -> None:
        for _ in range(20):
            for content in whole:
                write_atomic(file, content)
        done.set()

    threading.Thread(target=write).start()
    seen = set()
    while not done.is_set():
        seen.add(file.read_bytes())
    assert seen <= whole
    assert seen


# The leash ---------------------------------------------------------------------------------------------

FAMILY = """
    import subprocess, sys, time
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    with open(sys.argv[1], "w") as file:
        file.write(str(child.pid))
    time.sleep(600)
"""


@posix
def test_kill_9_of_the_parent_ends_the_leashed_and_its_children(
    tmp_path: Path, module: Callable[[str, str], str]
) -> None:
    module("grandparent", FAMILY)
    told = tmp_path / "pid"
    start = f"""
        import sys, time
        from shared.servers import spawn
        print(spawn("grandparent", ({str(told)!r},), None).pid, flush=True)
        time.sleep(600)
    """
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(start)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout
    leashed = psutil.Process(int(parent.stdout.readline()))
    until(lambda: told.exists() and told.read_text(), "the grandchild's start")
    grandchild = psutil.Process(int(told.read_text()))
    assert leash.alive(leashed) and leash.alive(grandchild)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    until(lambda: not leash.alive(leashed), "the end of the leashed process")
    until(lambda: not leash.alive(grandchild), "the end of its child")


def test_the_leash_passes_words_and_exit_code_on(module: Callable[[str, str], str]) -> None:
    name = module("words", "import sys\nprint(__name__, sys.argv[1:])\nsys.exit(7)")
    done = subprocess.run(
        [sys.executable, "-m", "shared.leash", name, "--parent", "x y"], capture_output=True, text=True
    )
    assert done.stdout.strip() == "__main__ ['--parent', 'x y']"
    assert done.returncode == 7


@posix
def test_a_tree_that_ignores_sigterm_is_killed(tmp_path: Path, module: Callable[[str, str], str]) -> None:
    module("deaf", "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + textwrap.dedent(FAMILY))
    told = tmp_path / "pid"
    root = servers.spawn("deaf", (str(told),), None)
    until(lambda: told.exists() and told.read_text(), "the start")
    child = psutil.Process(int(told.read_text()))
    leash.end_trees([root], grace_s=0.3)
    assert not leash.alive(root) and not leash.alive(child)


@posix
def test_a_child_whose_parent_is_gone_is_still_of_the_family(
    tmp_path: Path, module: Callable[[str, str], str]
) -> None:
    module("orphaned", FAMILY)
    module(
        "top",
        """
        import subprocess, sys, time
        middle = subprocess.Popen([sys.executable, "-m", "orphaned", sys.argv[1]])
        while not __import__("pathlib").Path(sys.argv[1]).exists(): time.sleep(0.05)
        middle.kill(); middle.wait()
        open(sys.argv[1] + ".ready", "w").close()
        time.sleep(600)
        """,
    )
    told = tmp_path / "pid"
    root = servers.spawn("top", (str(told),), None)
    until((tmp_path / "pid.ready").exists, "the middle's end")
    orphan = psutil.Process(int(told.read_text()))
    leash.end_trees([root])
    assert not leash.alive(orphan)


# Ports -------------------------------------------------------------------------------------------------


def test_a_free_port_is_kept_and_a_taken_one_left() -> None:
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        taken = squatter.getsockname()[1]
        assert not servers.is_free(taken)
        chosen = servers.free_port(taken)
        assert chosen != taken
        with socket.socket() as mine:
            mine.bind(("127.0.0.1", chosen))
    assert servers.free_port(taken) == taken


def test_a_server_on_all_interfaces_takes_the_port_too() -> None:
    with socket.socket() as squatter:
        squatter.bind(("0.0.0.0", 0))
        squatter.listen()
        assert not servers.is_free(squatter.getsockname()[1])


def test_the_highest_port_has_a_way_out() -> None:
    assert 1024 <= servers.free_port(65535) <= 65535


# Servers -----------------------------------------------------------------------------------------------


def test_start_find_and_stop(web: Program) -> None:
    said: list[str] = []
    assert servers.running(web) is None
    server = servers.start(web, said.append)
    server.wait()
    assert server.url == f"http://127.0.0.1:{web.port}"
    assert said == []
    assert servers.running(web) == server.state
    joined = servers.join_or_start(web, said.append)
    assert joined.state == server.state and not joined.ours
    assert servers.stop(web)
    assert not server.alive() and not web.file.exists()
    assert servers.running(web) is None
    assert not servers.stop(web)


def test_a_taken_port_is_left_and_that_is_said(web: Program) -> None:
    said: list[str] = []
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", web.port))
        squatter.listen()
        server = servers.start(web, said.append)
        server.wait()
    assert server.state.port != web.port
    assert said == [f"Port {web.port} is taken: the test page uses {server.state.port}."]


def test_a_port_lost_between_look_and_start_is_replaced(
    web: Program, module: Callable[[str, str], str]
) -> None:
    source = """
        import runpy, time
        time.sleep(2)
        runpy.run_module("http.server", run_name="__main__")
    """
    slow = replace(web, module=module("slow_web", source))
    said: list[str] = []
    server = servers.start(slow, said.append)
    with subprocess.Popen(
        [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(slow.port)],
        stderr=subprocess.DEVNULL,
    ) as thief:
        server.wait()  # the thief answers 200 on that port, and must not be taken for our server
        thief.terminate()
    assert server.state.port != slow.port and server.alive()
    assert servers.running(slow) == server.state
    assert said == [f"Port {slow.port} is taken: the test page uses {server.state.port}."]


def test_a_server_that_cannot_start_shows_the_end_of_its_log(
    web: Program, module: Callable[[str, str], str]
) -> None:
    broken = replace(
        web, module=module("broken", "for i in range(40): print('line', i)\nraise SystemExit(3)")
    )
    with pytest.raises(LadderError) as caught:
        servers.start(broken, silent).wait()
    assert "test page ended before it was ready" in caught.value.message
    assert str(broken.log) in caught.value.fix
    assert "line 39" in caught.value.fix and "line 3\n" not in caught.value.fix


def test_a_server_that_never_answers_is_given_up(web: Program, module: Callable[[str, str], str]) -> None:
    mute = replace(web, module=module("mute", "import time\ntime.sleep(600)"))
    server = servers.start(mute, silent)
    with pytest.raises(LadderError, match="did not answer within 1 s"):
        server.wait(deadline_s=1)


def test_the_log_before_is_kept_and_no_more(web: Program, module: Callable[[str, str], str]) -> None:
    once = replace(web, module=module("once", "import os\nprint('I am', os.getpid())"))
    pids = []
    for _ in range(3):
        server = servers.start(once, silent)
        pids.append(server.process.pid)
        server.process.wait()
    logs = {p.name: p.read_text().strip() for p in once.log.parent.iterdir()}
    assert logs == {"web.log": f"I am {pids[2]}", "web.log.1": f"I am {pids[1]}"}


@pytest.fixture
def sleeper() -> Iterator[psutil.Popen]:
    """A process that lives and serves nothing."""
    process = psutil.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    yield process
    process.kill()
    process.wait()


def test_state_files_of_dead_or_other_processes_are_not_believed(web: Program, sleeper: psutil.Popen) -> None:
    state = State(sleeper.pid, sleeper.create_time(), 1, "http://127.0.0.1:1")

    def record(content: str) -> State | None:
        write_atomic(web.file, content)
        return servers.recorded(web.file)

    assert record(json.dumps(vars(state))) == state
    assert record(json.dumps({**vars(state), "created": state.created - 60})) is None  # the number was reused
    for broken in ("", "{", "[]", "null", '{"pid": 1}', json.dumps({**vars(state), "pid": "x"})):
        assert record(broken) is None, broken
    write_atomic(web.file, json.dumps(vars(state)))
    sleeper.kill()
    until(lambda: servers.recorded(web.file) is None, "the end of the process")


def test_of_many_that_start_it_at_once_one_does(web: Program) -> None:
    together = threading.Barrier(8)

    def start(_: int) -> servers.Server:
        together.wait()
        return servers.join_or_start(web, silent)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(start, range(8)))
    assert [server.ours for server in found].count(True) == 1
    assert len({server.process.pid for server in found}) == 1
    found[0].wait()
    assert servers.running(web) == found[0].state


def test_a_server_of_another_version_is_not_joined(web: Program) -> None:
    old = servers.start(web, silent)
    old.wait()
    write_atomic(web.file, json.dumps({**vars(old.state), "version": "0.0.1"}))
    assert servers.running(web) is None
    new = servers.join_or_start(web, silent)
    assert new.ours and new.process.pid != old.process.pid
    new.wait()
    leash.end_trees([old.process])


def test_who_answers_on_the_port_must_be_the_recorded_process(web: Program, sleeper: psutil.Popen) -> None:
    server = servers.start(web, silent)
    server.wait()
    impostor = replace(server.state, pid=sleeper.pid, created=sleeper.create_time())
    assert servers.healthy(web, server.state)
    assert not servers.healthy(web, impostor)


# Crews -------------------------------------------------------------------------------------------------


def test_the_death_of_one_ends_the_others_and_says_which(web: Program) -> None:
    other = replace(web, name="other", title="second page", port=any_port())
    with pytest.raises(LadderError, match="The test page ended by itself"), processes.Crew(silent) as crew:
        first, second = crew.add(web), crew.add(other)
        crew.wait(first)
        crew.wait(second)
        first.process.kill()
        crew.watch()
    assert not first.alive() and not second.alive()
    assert not web.file.exists() and not other.file.exists()


def test_a_joined_server_is_left_running_and_replaced_when_it_ends(web: Program) -> None:
    theirs = servers.start(web, silent)
    theirs.wait()
    with processes.Crew(silent) as crew:
        assert crew.add(web).state == theirs.state
    assert theirs.alive()
    ended: list[str] = []
    with processes.Crew(ended.append) as crew:
        crew.add(web)
        raise KeyboardInterrupt
    assert ended == ["Ended.", f"The test page ran before and goes on: {theirs.url}"]

    said: list[str] = []
    with processes.Crew(said.append) as crew:
        server = crew.add(web)
        leash.end_trees([theirs.process])
        crew.look()
        assert server.ours and server.process.pid != theirs.process.pid
        crew.wait(server)
    assert said[0] == "The test page that ran before has ended: starting one."
    assert not server.alive()


def test_a_failing_job_is_said_and_ends_nothing(web: Program, module: Callable[[str, str], str]) -> None:
    said: list[str] = []
    with processes.Crew(said.append) as crew:
        server = crew.add(web)
        crew.wait(server)
        crew.run("the job", module("failing", "raise SystemExit(5)"), ())
        job = crew.jobs["the job"]
        until(lambda: not leash.alive(job), "the job's end")
        crew.look()
        assert server.alive()
    assert said == ["The run of the job ended with exit code 5; the pages go on."]


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_end_a_crew_in_good_order(web: Program, number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with processes.Crew(silent) as crew:
        server = crew.add(web)
        crew.wait(server)
        os.kill(os.getpid(), number)
        crew.watch()
    assert not server.alive()
    assert signal.getsignal(number) is before
