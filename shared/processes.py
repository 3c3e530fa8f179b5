"""`ladder up`, `ladder serve` and `ladder ui`: servers in the foreground, ended together and without orphans.

Ctrl-C, SIGTERM and the end of any server end them all. Each runs under a leash (`leash.py`), so that even
`kill -9` of this process leaves none behind. A server that runs already is joined, not started twice.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from types import FrameType

import psutil
from filelock import FileLock, Timeout

from shared import store
from shared.errors import LadderError
from shared.files import home_folder, write_atomic
from shared.leash import alive, end_trees
from shared.servers import (
    Program,
    Say,
    Server,
    end_servers,
    join_or_start,
    running,
    service,
    spawn,
)
from shared.settings import CLONE, settings

LOOK_S = 0.2  # how often the servers are looked at


def mlflow_ui() -> Program:
    """The MLflow UI on the ladder's store."""
    return Program("ui", "MLflow UI", "shared.mlflow_ui", ("--port", "{port}"), settings().mlflow_port)


def hub() -> Program:
    """The demo pages. What is not said here stands in `.streamlit/config.toml`."""
    words = (
        "run", str(CLONE / "shared" / "hub.py"), "--server.port", "{port}", "--server.address", "127.0.0.1",
        "--server.headless", "true", "--browser.gatherUsageStats", "false",
    )  # fmt: skip
    return Program("hub", "page server", "streamlit", words, settings().hub_port, "/_stcore/health")


def mlflow_url() -> str:
    """Where the MLflow UI is: the one that runs now, or where it would be started."""
    return store.ui_url()


def up(open_browser: bool, tour: bool, say: Say) -> int:
    """Start the service, the MLflow UI and the demo pages; return when they have ended.

    Args:
        open_browser: open the first page as soon as it answers, where there is a browser.
        tour: also run `ladder tour` once the service is ready.
        say: tells the person a line.

    Returns:
        0 after Ctrl-C or SIGTERM, or when another `ladder up` runs already.

    Raises:
        LadderError: a server could not be started, or ended by itself.
    """
    lock = FileLock(home_folder() / "up.lock")  # held as long as this runs; a dead process holds none
    told = False
    while True:
        try:
            lock.acquire(timeout=0)
            break
        except Timeout:
            if links := _links_of_other():
                say("`ladder up` runs already: joined it.")
                for title, url in links.items():
                    say(_line(title, url))
                if open_browser:
                    browse(links["Demo pages"])
                return 0
            if not told:
                say("Another `ladder up` is just starting: waiting for it.")
                told = True
            time.sleep(LOOK_S)
    try:
        return _up(open_browser, tour, say)
    finally:
        (settings().home / "up.json").unlink(missing_ok=True)
        lock.release()


def _up(open_browser: bool, tour: bool, say: Say) -> int:
    with Crew(say) as crew:
        pages, speech = crew.add(hub()), crew.add(service())
        crew.wait(pages)
        say(_line("Demo pages", pages.url))
        if open_browser:
            browse(pages.url)
        mlflow = None if _remote_store() else crew.add(mlflow_ui())  # only now: its import keeps a core busy
        crew.wait(speech)
        say(_line("AI service", f"{speech.url}/v1"))
        if tour:
            crew.run("the tour", "shared.cli", ("tour",))
        if mlflow:
            crew.wait(mlflow)
        say(_line("MLflow UI", mlflow_url()))
        links = {"Demo pages": pages.url, "AI service": f"{speech.url}/v1", "MLflow UI": mlflow_url()}
        me = psutil.Process()
        state = {"pid": me.pid, "created": me.create_time(), "links": links}
        write_atomic(settings().home / "up.json", json.dumps(state, indent=2) + "\n")
        say("Ctrl-C ends all three.")
        crew.watch()
    return 0


def _line(title: str, url: str) -> str:
    return f"{title:<12} {url}"


def _links_of_other() -> dict[str, str] | None:
    """The links of another `ladder up`, once all that it serves is healthy."""
    try:
        state = json.loads((settings().home / "up.json").read_text(encoding="utf-8"))
        same = abs(psutil.Process(state["pid"]).create_time() - state["created"]) < 0.01
        links: dict[str, str] = state["links"]
    except (OSError, ValueError, KeyError, TypeError, psutil.Error):
        return None
    programs = [hub(), service()] + ([] if _remote_store() else [mlflow_ui()])
    return links if same and all(running(program) for program in programs) else None


def ui(open_browser: bool, say: Say) -> int:
    """Show the MLflow UI: the one that runs, or a new one in the foreground until Ctrl-C."""
    if remote := _remote_store():
        say(_line("MLflow UI", remote))
        if open_browser:
            browse(remote)
        return 0
    return _alone(mlflow_ui(), "MLflow UI", "", open_browser, say)


def serve(port: int | None, say: Say) -> int:
    """Run the local AI service in the foreground until Ctrl-C, or say where it runs already.

    Raises:
        LadderError: it runs already, on another port than the one asked for.
    """
    program = service()
    if port:
        program = replace(program, port=port)
    return _alone(program, "AI service", "/v1", False, say, insist=port is not None)


def _alone(
    program: Program, title: str, path: str, open_browser: bool, say: Say, insist: bool = False
) -> int:
    with Crew(say) as crew:
        server = crew.add(program)
        if insist and not server.ours and server.state.port != program.port:
            raise LadderError(
                f"The {program.title} of this home runs already at {server.url}{path}; "
                f"port {program.port} was not used.",
                f"Use that address, or end that service (process {server.state.pid}) first.",
            )
        crew.wait(server)
        say(_line(title, server.url + path))
        if open_browser:
            browse(server.url)
        if server.ours:
            say("Ctrl-C ends it.")
            crew.watch()
        else:
            say("It ran already.")
    return 0


class Crew:
    """Servers that live and end together. Ctrl-C or SIGTERM inside the `with` ends it in good order."""

    def __init__(self, say: Say) -> None:
        self.say = say
        self.servers: list[Server] = []
        self.jobs: dict[str, psutil.Popen] = {}

    def __enter__(self) -> Crew:
        self._signals = _interrupts()
        self._signals.__enter__()
        return self

    def add(self, program: Program) -> Server:
        """Start a server, or join the one that runs."""
        server = join_or_start(program, self.say)
        self.servers.append(server)
        return server

    def run(self, name: str, module: str, arguments: tuple[str, ...]) -> None:
        """Run a job beside the servers, on this terminal. Its failure is said, and ends nothing."""
        self.jobs[name] = spawn(module, arguments, None)

    def wait(self, server: Server) -> None:
        """Return when a server is healthy. Raises LadderError if it cannot be, or another ends meanwhile."""
        server.wait(meanwhile=lambda: self.look(but=server))

    def watch(self) -> None:
        """Look after the servers until something ends them; never returns."""
        while True:
            self.look()
            time.sleep(LOOK_S)

    def look(self, but: Server | None = None) -> None:
        """See that all servers live. One that we had joined is replaced by our own.

        Raises:
            LadderError: one of our own servers ended.
        """
        for server in self.servers:
            if server is but or server.alive():
                continue
            if server.ours:
                raise server.failure("ended by itself, and the others with it")
            self.say(f"The {server.program.title} that ran before has ended: starting one.")
            server.replace()
        for name, job in list(self.jobs.items()):
            if not alive(job):
                code = self.jobs.pop(name).wait()
                if code:
                    self.say(f"The run of {name} ended with exit code {code}; the pages go on.")

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> bool:
        with _deaf():
            end_trees(self.jobs.values())
            end_servers(server for server in self.servers if server.ours)
        self._signals.__exit__(None, None, None)
        if kind is KeyboardInterrupt:
            with suppress(OSError):  # the terminal is gone
                self.say("Ended.")
                for server in self.servers:
                    if not server.ours:
                        self.say(f"The {server.program.title} ran before and goes on: {server.url}")
            return True
        return False


ENDING = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)
]


@contextmanager
def _interrupts() -> Iterator[None]:
    """SIGTERM and a closed terminal act like Ctrl-C; under `nohup` a closed terminal stays ignored."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in ENDING}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN or number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _deaf() -> Iterator[None]:
    """A second Ctrl-C does not cut the ending short."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def browse(url: str) -> bool:
    """Open a page in the person's browser. False where there is no screen to show it on."""
    screen = sys.platform in ("darwin", "win32") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    )
    try:
        return screen and webbrowser.open(url)
    except webbrowser.Error:
        return False


def _remote_store() -> str | None:
    """The address of the team's own MLflow server, if MLFLOW_TRACKING_URI names one: it has its own UI."""
    uri = settings().mlflow_tracking_uri or ""
    return uri if uri.startswith(("http://", "https://")) else None
