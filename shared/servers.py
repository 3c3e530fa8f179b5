"""One server process: start it, wait until it is healthy, find it again from another process, end it.

A server is remembered in `<home>/NAME.json` with its process id and that process's start time, so that a
file which a dead process left behind is never believed. Its output goes to `<home>/logs/NAME.log`; the log
before that is kept as `NAME.log.1`.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil
from filelock import FileLock

from shared import __version__
from shared.errors import LadderError
from shared.files import home_folder, write_atomic
from shared.leash import alive, end_trees
from shared.settings import CLONE, settings

HEALTHY_S = 120.0  # the longest that a start may take on a slow machine
LOOK_S = 0.05
TAIL_LINES = 15

Say = Callable[[str], None]


@dataclass(frozen=True)
class Program:
    """What to run.

    Attributes:
        name: of its log and state file.
        title: what a person calls it.
        module: run by `python -m`.
        arguments: its words; `{port}` stands for the port.
        port: the one it gets if that is free.
        health: the path that answers 200 when it is ready.
    """

    name: str
    title: str
    module: str
    arguments: tuple[str, ...]
    port: int
    health: str = "/health"

    @property
    def log(self) -> Path:
        return settings().logs / f"{self.name}.log"

    @property
    def file(self) -> Path:
        return settings().home / f"{self.name}.json"


@dataclass(frozen=True)
class State:
    """A server as other processes see it."""

    pid: int
    created: float
    port: int
    url: str
    version: str = __version__
    home: str = field(default_factory=lambda: str(settings().home))  # a copied home copies this file too

    @property
    def process(self) -> psutil.Process | None:
        """The process, or None if it is gone, also where its number now belongs to another."""
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(self.pid)
            if abs(process.create_time() - self.created) < 0.01 and alive(process):
                return process
        return None


def service(idle_s: float | None = None) -> Program:
    """The local AI service; with `idle_s` it ends after so many seconds without a request."""
    idle = () if idle_s is None else ("--idle", f"{idle_s:g}")
    port = settings().service_port
    return Program("service", "local AI service", "shared.service", ("--port", "{port}", *idle), port)


def recorded(file: Path) -> State | None:
    """The state in a file, or None if it is unreadable, of another home, or of a process that is gone."""
    try:
        state = State(**json.loads(file.read_text(encoding="utf-8")))
        return state if state.process and state.home == str(settings().home) else None
    except (OSError, ValueError, TypeError):
        return None


def healthy(program: Program, state: State, timeout_s: float = 2.0) -> bool:
    """Whether the server itself, not another on its port, answers now."""
    process = state.process
    if process is None or not _listens(process, state.port):
        return False
    direct = urllib.request.build_opener(
        urllib.request.ProxyHandler({})
    )  # loopback is never a proxy's affair
    try:
        with direct.open(state.url + program.health, timeout=timeout_s) as answer:
            return bool(answer.status == 200)
    except (OSError, ValueError):
        return False


def _listens(process: psutil.Process, port: int) -> bool:
    """Whether a process or one of its descendants listens on a port; True where that cannot be known."""
    try:
        connections = [
            c for p in (process, *process.children(recursive=True)) for c in p.net_connections("tcp")
        ]
    except psutil.AccessDenied:
        return True
    except psutil.NoSuchProcess:
        return False
    return any(c.status == psutil.CONN_LISTEN and c.laddr.port == port for c in connections)


def running(program: Program) -> State | None:
    """The healthy server of this program, version and home, if there is one."""
    state = recorded(program.file)
    return state if state and state.version == __version__ and healthy(program, state) else None


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            return False
    with socket.socket() as probe:
        if os.name == "posix":  # as servers do: a connection that just ended does not hold the port
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port(wanted: int) -> int:
    """The wanted port if it is free, else one of the next 50, else any."""
    for port in range(wanted, min(wanted + 51, 65536)):
        if is_free(port):
            return port
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def tail(log: Path, lines: int = TAIL_LINES) -> str:
    """The last lines of a log, indented to stand under a sentence."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return "".join(f"\n    {line}" for line in text.splitlines()[-lines:])


@dataclass
class Server:
    """A running server: one that this process started, or one that it found.

    Attributes:
        ours: whether this process started it, and so ends it.
        say: where to tell that a port had to change.
    """

    program: Program
    process: psutil.Process
    state: State
    ours: bool
    say: Say
    leashed: bool = True

    @property
    def url(self) -> str:
        return self.state.url

    def alive(self) -> bool:
        return alive(self.process)

    def wait(self, deadline_s: float = HEALTHY_S, meanwhile: Callable[[], None] | None = None) -> None:
        """Return when it is healthy; `meanwhile` is called between looks.

        Raises:
            LadderError: it died or did not answer in time; names the log and shows its end.
        """
        until = time.monotonic() + deadline_s
        while not healthy(self.program, self.state):
            if not self.alive():
                if self.ours and is_free(self.state.port):
                    raise self.failure("ended before it was ready")
                self.replace()  # another program was faster on our port, or the server we joined has ended
            if time.monotonic() > until:
                raise self.failure(f"did not answer within {deadline_s:g} s")
            if meanwhile:
                meanwhile()
            time.sleep(LOOK_S)

    def failure(self, what: str) -> LadderError:
        """The error that says what went wrong with this server, with the end of its log."""
        log = self.program.log
        return LadderError(
            f"The {self.program.title} {what}.", f"Read {log}, then start it again.{tail(log)}"
        )

    def replace(self) -> None:
        """Start it again, or join the one that somebody else has started since."""
        again = join_or_start(self.program, self.say, leashed=self.leashed)
        self.process, self.state, self.ours = again.process, again.state, again.ours


def end_servers(servers: Iterable[Server]) -> None:
    """End servers and all that they started, all at once, and forget their state files."""
    servers = list(servers)
    end_trees(server.process for server in servers)
    for server in servers:
        if recorded_pid(server.program.file) == server.state.pid:
            server.program.file.unlink(missing_ok=True)


def recorded_pid(file: Path) -> int | None:
    """The process id in a state file, whether or not that process lives."""
    try:
        return int(json.loads(file.read_text(encoding="utf-8"))["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def spawn(module: str, arguments: tuple[str, ...], log: Path | None, *, leashed: bool = True) -> psutil.Popen:
    """Start `python -m module` in a session of its own, out of reach of the terminal's Ctrl-C.

    Args:
        log: the file for its output, or None for this process's own output.
        leashed: it ends when this process ends, however that happens.
    """
    leash = ("-m", "shared.leash", "--parent", str(os.getpid()), module) if leashed else ("-m", module)
    windows = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0) | getattr(subprocess, "CREATE_NO_WINDOW", 0)
    output = None
    if log:
        log.parent.mkdir(parents=True, exist_ok=True)
        with suppress(OSError):  # not there yet, or held open on Windows
            log.replace(log.with_name(f"{log.name}.1"))
        output = log.open("wb")
    try:
        return psutil.Popen(
            [sys.executable, *leash, *arguments], cwd=CLONE, stdin=subprocess.DEVNULL, stdout=output,
            stderr=subprocess.STDOUT if output else None, start_new_session=True, creationflags=windows,
        )  # fmt: skip
    finally:
        if output:
            output.close()


def start(program: Program, say: Say, *, leashed: bool = True) -> Server:
    """Start a server on a free port and write its state file. Does not wait until it is healthy."""
    port = free_port(program.port)
    if port != program.port:
        say(f"Port {program.port} is taken: the {program.title} uses {port}.")
    arguments = tuple(word.format(port=port) for word in program.arguments)
    process = spawn(program.module, arguments, program.log, leashed=leashed)
    state = State(process.pid, process.create_time(), port, f"http://127.0.0.1:{port}")
    write_atomic(program.file, json.dumps(asdict(state), indent=2) + "\n")
    return Server(program, process, state, ours=True, say=say, leashed=leashed)


def join_or_start(program: Program, say: Say, *, leashed: bool = True) -> Server:
    """The server that runs already or is just starting, else a new one. Does not wait for it.

    A lock makes sure that of several processes that call this at once only one starts it.
    """
    with FileLock(home_folder() / f"{program.name}.lock"):
        state = recorded(program.file)
        process = state.process if state else None
        if state and process and state.version == __version__:
            return Server(program, process, state, ours=False, say=say, leashed=leashed)
        return start(program, say, leashed=leashed)


def stop(program: Program) -> bool:
    """End the recorded server of this home, whoever started it. True if there was one."""
    state = recorded(program.file)
    process = state.process if state else None
    if state is None or process is None:
        return False
    end_servers([Server(program, process, state, ours=True, say=print)])
    return True
