"""`ladder up` as a person runs it: the real command, the real servers, in a home and on ports of its own.

One `up` serves most tests. Where strace works it runs under it, so that native code is watched too.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from shared.leash import alive

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")

UP = [sys.executable, "-m", "shared.cli", "up", "--no-browser"]
NAMES = ("hub", "service", "ui")


def any_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def until(condition: Callable[[], object], what: str, seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds:g} s: {what}"
        time.sleep(0.1)


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return answer.read().decode()


def visit(url: str) -> list[str]:
    """Run the first page as a browser would have it run; the kinds of the elements that came."""
    from streamlit.proto.BackMsg_pb2 import BackMsg
    from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
    from websockets.sync.client import connect

    kinds = []
    address = url.replace("http://", "ws://") + "/_stcore/stream"
    with connect(address, subprotocols=["streamlit"], origin=url, max_size=None) as page:
        ask = BackMsg()
        ask.rerun_script.query_string = ""
        page.send(ask.SerializeToString())
        while True:
            answer = ForwardMsg.FromString(page.recv(timeout=60))
            kind = answer.WhichOneof("type")
            if kind == "delta" and answer.delta.WhichOneof("type") == "new_element":
                kinds.append(answer.delta.new_element.WhichOneof("type"))
            if kind == "script_finished":
                return kinds


@dataclass
class Up:
    """A running `ladder up`."""

    home: Path
    environment: dict[str, str]
    process: subprocess.Popen
    output: Path
    calls: Path | None = None
    early: subprocess.Popen | None = None

    def said(self) -> str:
        return self.output.read_text()

    def state(self, name: str) -> dict:
        return json.loads((self.home / f"{name}.json").read_text())

    def server(self, name: str) -> psutil.Process:
        return psutil.Process(self.state(name)["pid"])

    def started(self) -> list[psutil.Process]:
        """Every process of this home: the servers and all that they started."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get("LADDER_HOME") == str(self.home) and alive(process):
                    found.append(process)
        return found

    def wait_for(self, words: str) -> None:
        def heard() -> bool:
            assert self.process.poll() is None, self.said()
            return words in self.said()

        until(heard, f"{words!r} in the output")

    def assert_nothing_left(self) -> None:
        until(lambda: not self.started(), "the end of every process of this home", 20)


def start_up(folder: Path, *, traced: bool = False, output: int | None = None) -> Up:
    """`ladder up` in the background; it writes to a file, or to `output`."""
    ports = any_ports(3)
    home, file = folder / "home", folder / "up.txt"
    environment = os.environ | {
        "LADDER_HOME": str(home),
        "LADDER_SERVICE_PORT": str(ports[0]),
        "LADDER_MLFLOW_PORT": str(ports[1]),
        "LADDER_HUB_PORT": str(ports[2]),
        "LADDER_TEST_NET_LOG": str(folder / "attempts.txt"),
        "HOME": str(folder),
    }
    calls = folder / "calls.txt" if traced else None
    strace = (
        ["strace", "-f", "--seccomp-bpf", "-qq", "-e", "trace=connect,sendto,sendmsg", "-o", str(calls)]
        if traced
        else []
    )
    with file.open("wb") as said:
        to = output or said
        process = subprocess.Popen(
            [*strace, *UP], env=environment, stdout=to, stderr=to, stdin=subprocess.DEVNULL
        )
    return Up(home, environment, process, file, calls)


def end_up(up: Up) -> None:
    for process in up.started():
        with suppress(psutil.Error):
            process.kill()
    up.process.wait(20)


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Up]:
    """An `up` for one test, as soon as its first page is there."""
    up = start_up(tmp_path)
    try:
        up.wait_for("Demo pages")
        yield up
    finally:
        end_up(up)


def strace_works() -> bool:
    return (
        bool(shutil.which("strace"))
        and not subprocess.run(
            ["strace", "-f", "--seccomp-bpf", "-o", os.devnull, "true"], capture_output=True
        ).returncode
    )


@pytest.fixture(scope="module")
def shared_up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """One `up`, wholly started, and an early second one, called while the first was starting."""
    up = start_up(tmp_path_factory.mktemp("up"), traced=strace_works())
    try:
        up.wait_for("Demo pages")
        up.early = subprocess.Popen(UP, env=up.environment, stderr=subprocess.PIPE, text=True)
        up.wait_for("Ctrl-C ends all three.")
        yield up
    finally:
        end_up(up)


# While it runs -----------------------------------------------------------------------------------------


def test_the_three_links_that_it_prints_answer(shared_up: Up) -> None:
    links = dict(
        re.findall(
            r"^(Demo pages|AI service|MLflow UI) +(http://127\.0\.0\.1:\d+\S*)$", shared_up.said(), re.M
        )
    )
    assert list(links) == ["Demo pages", "AI service", "MLflow UI"]  # the page that comes first is the pages'
    assert "<title>Streamlit</title>" in get(links["Demo pages"])
    assert "<title>MLflow</title>" in get(links["MLflow UI"])
    models = json.loads(get(f"{links['AI service']}/models"))
    assert "pocketsphinx" in {model["id"] for model in models["data"]}


TRACK = """
from shared.tracking import track
with track("level1-api", "from outside") as run:
    run.artifact("note.txt", "hello")
print(run.id, run.url)
"""


def test_a_run_tracked_from_another_process_is_in_the_ui_with_its_artifacts(shared_up: Up) -> None:
    done = subprocess.run(
        [sys.executable, "-c", TRACK], env=shared_up.environment, capture_output=True, text=True, check=True
    )
    run_id, link = done.stdout.split()
    base = shared_up.state("ui")["url"]
    assert link.startswith(f"{base}/#/experiments/")
    run = json.loads(get(f"{base}/api/2.0/mlflow/runs/get?run_id={run_id}"))["run"]
    assert run["info"]["run_name"] == "from outside"
    assert get(f"{base}/get-artifact?path=note.txt&run_uuid={run_id}") == "hello"


def test_the_mlflow_ui_refuses_pages_of_other_hosts(shared_up: Up) -> None:
    url = f"{shared_up.state('ui')['url']}/api/2.0/mlflow/experiments/search?max_results=1"
    request = urllib.request.Request(url, headers={"Host": "evil.example"})
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(request, timeout=60)


def test_each_server_is_one_process(shared_up: Up) -> None:
    for name in NAMES:
        assert shared_up.server(name).children(recursive=True) == [], name


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["up", "--no-browser"], ["runs already: joined it", "Demo pages", "AI service", "MLflow UI"]),
        (["ui", "--no-browser"], ["MLflow UI", "It ran already."]),
        (["serve"], ["AI service", "It ran already."]),
    ],
)
def test_a_second_one_joins_says_so_and_leaves_the_first_alone(
    shared_up: Up, words: list[str], says: list[str]
) -> None:
    before = [shared_up.server(name) for name in NAMES]
    done = subprocess.run(
        [sys.executable, "-m", "shared.cli", *words],
        env=shared_up.environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    for said in says:
        assert said in done.stderr
    for url in re.findall(r"http://\S+", done.stderr):
        assert url in shared_up.said()
    assert [shared_up.server(name) for name in NAMES] == before
    assert all(alive(process) for process in before)


def test_one_that_comes_while_the_first_is_starting_waits_and_joins(shared_up: Up) -> None:
    assert shared_up.early
    _, said = shared_up.early.communicate(timeout=60)
    assert shared_up.early.returncode == 0, said
    lines = said.splitlines()
    assert lines[0] == "Another `ladder up` is just starting: waiting for it."
    assert lines[1] == "`ladder up` runs already: joined it."
    assert set(lines[2:]) < set(shared_up.said().splitlines()) and len(lines) == 5


LOCAL = re.compile(
    r"sa_family=AF_(UNIX|UNSPEC|NETLINK)|inet_addr\(\"(127\.|0\.0\.0\.0)|AF_INET6, \"(::1|::)\""
)


def leaving(call: str) -> bool:
    """Whether a line of strace addresses another host; `sendto` on a connected socket addresses none."""
    return "sa_family=" in call and not LOCAL.search(call)


FAR = """
connect(5, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr("34.1.2.3")}, 16) = -1 EINPROGRESS
sendto(5, "?", 9, 0, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("10.0.0.2")}, 16) = 9
connect(5, {sa_family=AF_INET6, sin6_port=htons(443), inet_pton(AF_INET6, "2600::1", &sin6_addr)}, 28) = 0
"""
NEAR = """
connect(5, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}, 16) = 0
connect(5, {sa_family=AF_INET6, sin6_port=htons(80), inet_pton(AF_INET6, "::1", &sin6_addr)}, 28) = 0
connect(3, {sa_family=AF_UNIX, sun_path="/run/nscd/socket"}, 110) = -1 ENOENT
sendto(12, "HTTP/1.1 200 OK", 15, 0, NULL, 0) = 15
"""


@pytest.mark.parametrize(("calls", "leave"), [(FAR, True), (NEAR, False)])
def test_the_reading_of_strace_tells_near_from_far(calls: str, leave: bool) -> None:
    assert {leaving(call) for call in calls.split("\n") if call} == {leave}


def test_nothing_tries_to_leave_this_machine(shared_up: Up) -> None:
    """Service, MLflow UI and pages, from their start to a first page that was run."""
    for name, path in (("hub", "/"), ("service", "/health"), ("ui", "/")):
        get(shared_up.state(name)["url"] + path)
    elements = visit(shared_up.state("hub")["url"])
    assert "markdown" in elements and "exception" not in elements
    attempts = Path(shared_up.environment["LADDER_TEST_NET_LOG"])
    assert not attempts.exists(), attempts.read_text()
    for name in NAMES:  # the hook that would have written there is in each of them
        assert "offline" in shared_up.server(name).environ()["PYTHONPATH"]
    if shared_up.calls:
        calls = shared_up.calls.read_text().splitlines()
        assert any("127.0.0.1" in call for call in calls)  # strace did see the health checks
        assert [call for call in calls if leaving(call)] == []


def test_ctrl_c_ends_all_and_forgets_them(shared_up: Up) -> None:
    """The last of this `up`."""
    up = psutil.Process(shared_up.state("up")["pid"])
    up.send_signal(signal.SIGINT)
    assert shared_up.process.wait(30) == 0, shared_up.said()
    assert shared_up.said().rstrip().endswith("Ended.")
    shared_up.assert_nothing_left()
    assert [p.name for p in shared_up.home.glob("*.json")] == []


# Ends of other kinds, while the MLflow UI is still coming up ---------------------------------------------


def test_sigterm_ends_all(fresh: Up) -> None:
    fresh.process.terminate()
    assert fresh.process.wait(30) == 0, fresh.said()
    fresh.assert_nothing_left()


def test_kill_9_leaves_no_orphan_and_the_next_start_works(fresh: Up) -> None:
    assert len(fresh.started()) >= 3
    fresh.process.kill()
    fresh.process.wait()
    fresh.assert_nothing_left()
    again = subprocess.Popen(
        UP, env=fresh.environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    assert again.stderr
    line = again.stderr.readline()
    again.terminate()
    again.communicate(timeout=90)
    assert line.startswith("Demo pages"), line
    assert again.returncode == 0
    fresh.assert_nothing_left()


def test_kill_9_of_a_server_ends_all_and_says_which(fresh: Up) -> None:
    fresh.server("hub").kill()
    assert fresh.process.wait(30) == 1
    assert "The page server ended by itself" in fresh.said()
    assert str(fresh.home / "logs" / "hub.log") in fresh.said()
    fresh.assert_nothing_left()


def test_a_closed_terminal_ends_all(tmp_path: Path) -> None:
    ours, theirs = os.openpty()
    up = start_up(tmp_path, output=theirs)
    os.close(theirs)
    heard = b""
    while b"Demo pages" not in heard:
        heard += os.read(ours, 1000)
    assert len(up.started()) >= 3
    os.close(ours)  # nothing can be said any more
    up.process.send_signal(signal.SIGHUP)  # what the kernel sends to a terminal's session
    assert up.process.wait(30) == 0
    up.assert_nothing_left()


def test_a_home_that_cannot_be_written_is_said_in_two_lines() -> None:
    environment = os.environ | {"LADDER_HOME": f"{os.devnull}/home"}
    for words in (["up", "--no-browser"], ["serve"], ["ui", "--no-browser"]):
        done = subprocess.run(
            [sys.executable, "-m", "shared.cli", *words], env=environment, capture_output=True, text=True
        )
        assert done.returncode == 1
        assert "LADDER_HOME" in done.stderr and len(done.stderr.splitlines()) == 2


def test_a_taken_port_is_left_and_the_link_says_the_new_one(tmp_path: Path) -> None:
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        taken = squatter.getsockname()[1]
        environment = os.environ | {"LADDER_HOME": str(tmp_path), "LADDER_HUB_PORT": str(taken)}
        ports = dict(zip(("LADDER_SERVICE_PORT", "LADDER_MLFLOW_PORT"), map(str, any_ports(2)), strict=True))
        up = subprocess.Popen(UP, env=environment | ports, stderr=subprocess.PIPE, text=True)
        assert up.stderr
        moved, link = up.stderr.readline(), up.stderr.readline()
        up.terminate()
        up.communicate(timeout=90)
    chosen = re.fullmatch(rf"Port {taken} is taken: the page server uses (\d+)\.\n", moved)
    assert chosen, moved
    assert link == f"Demo pages   http://127.0.0.1:{chosen[1]}\n"
