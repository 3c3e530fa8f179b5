"""A warm worker: a process that has the heavy imports behind it and forks for each check.

    with Warm(["numpy", "torch"]) as start:
        check(exercise("absmean"), file, start=start)

Importing torch takes seconds; a fork takes milliseconds. Each check still has a process of its own. Only
where the system can fork: `available()`; elsewhere a check starts a new process, as it always may.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import IO

import psutil

from shared import leash
from shared.settings import CLONE
from shared.study.check import Start, environment
from shared.study.exercise import Exercise

BYTES = 4096  # of a message: a path, or a process id
# What is worth importing beforehand.
HEAVY = ("torch", "torch._dynamo", "transformers", "openai", "scipy.stats", "sklearn.datasets")


def available() -> bool:
    """Whether this system can fork and hand a pipe to another process."""
    return sys.platform == "linux"  # macOS forks too, but its frameworks break in the fork


def heavy(exercises: Iterable[Exercise]) -> list[str]:
    """What the files of these exercises import that takes its time."""
    files = [one.folder / file for one in exercises for file in ("check.py", "solution.py")]
    text = "".join(file.read_text(encoding="utf-8") for file in files)
    return [name for name in HEAVY if name.partition(".")[0] in text]


@dataclass
class Forked:
    """One check's process, as `check` wants to see it."""

    pid: int
    stdout: IO[bytes] | None

    def poll(self) -> int | None:
        """None while it runs."""
        try:
            return None if leash.alive(psutil.Process(self.pid)) else 0
        except psutil.NoSuchProcess:
            return 0


class Warm:
    """Keeps the worker while the `with` block runs."""

    def __init__(self, modules: Iterable[str]) -> None:
        self._modules = list(modules)
        self._turn = threading.Lock()

    def __enter__(self) -> Start:
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-m", "shared.study.warm", str(os.getpid()), str(theirs.fileno())]
        self._worker = subprocess.Popen(
            [*command, *self._modules], env=environment(), stdin=subprocess.DEVNULL, start_new_session=True,
            pass_fds=[theirs.fileno()], cwd=CLONE,
        )  # fmt: skip
        theirs.close()
        self._socket = ours
        return self._start

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        leash.end_trees([psutil.Process(self._worker.pid)], grace_s=0)
        self._worker.wait()

    def _start(self, job: Path) -> Forked:
        read, write = os.pipe()
        with self._turn:
            socket.send_fds(self._socket, [str(job).encode()], [write])
            os.close(write)
            pid = int(self._socket.recv(BYTES))
        return Forked(pid, os.fdopen(read, "rb"))


def main(parent: int, channel: socket.socket, modules: list[str]) -> None:
    """The worker: import, then fork for each job until the other end closes."""
    for module in ["shared.study.child", "numpy", *modules]:
        import_module(module)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody has to reap the forks
    while True:
        message, handles, *_ = socket.recv_fds(channel, BYTES, 1)
        if not message:
            return
        pid = os.fork()
        if pid == 0:
            channel.close()
            _become(parent, Path(message.decode()), handles[0])
        os.close(handles[0])
        channel.send(str(pid).encode())


def _become(parent: int, job: Path, output: int) -> None:
    """In the fork: a process group of its own, its output to the pipe, and the job."""
    from shared.study import child

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    os.chdir(job.parent)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    leash.follow(parent)
    child.main(job)


if __name__ == "__main__":
    main(int(sys.argv[1]), socket.socket(fileno=int(sys.argv[2])), sys.argv[3:])
