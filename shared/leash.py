"""Runs a module that must not outlive the process that started it.

    python -m shared.leash MODULE ARGS…

A thread watches the parent. When the parent is gone, by `kill -9` too, this process ends itself and all its
descendants. It asks only for process ids and start times, so it works on Linux, macOS and Windows alike.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import suppress

import psutil

LOOK_S = 0.5  # how often the thread looks at the parent
GRACE_S = 5.0  # how long a process may take to end in good order


def alive(process: psutil.Process) -> bool:
    """Whether this very process runs: not another one that got its number, nor a dead one not yet reaped."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def family(process: psutil.Process) -> list[psutil.Process]:
    """The descendants of a process, and on POSIX the rest of the process group that it leads."""
    found: dict[int, psutil.Process] = {}
    with suppress(psutil.NoSuchProcess):  # it may be gone, and have left others behind
        found = {child.pid: child for child in process.children(recursive=True)}
    if hasattr(os, "getpgid"):
        for pid in psutil.pids():
            with suppress(OSError, psutil.NoSuchProcess):
                if pid != process.pid and os.getpgid(pid) == process.pid:
                    found.setdefault(pid, psutil.Process(pid))
    return list(found.values())


def end_trees(roots: Iterable[psutil.Process], grace_s: float = GRACE_S) -> None:
    """End processes and all that they started: asked first, killed if still there after `grace_s` seconds."""
    end([one for root in roots for one in (*family(root), root)], grace_s)


def end(processes: list[psutil.Process], grace_s: float = GRACE_S) -> None:
    """End processes: asked first, killed if still there after `grace_s` seconds."""
    for process in processes:
        with suppress(psutil.Error):
            process.terminate()
    _, stubborn = psutil.wait_procs(processes, timeout=grace_s)
    for process in stubborn:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(stubborn, timeout=max(grace_s, 1.0))


def _watch(parent: psutil.Process) -> None:
    while alive(parent):
        time.sleep(LOOK_S)
    end(family(psutil.Process()))
    os.kill(os.getpid(), signal.SIGTERM)  # in good order if it can
    time.sleep(GRACE_S)
    os._exit(1)


def follow(parent: int) -> None:
    """From now on this process ends with that one, and all its descendants with it."""
    try:
        watched = psutil.Process(parent)
    except psutil.NoSuchProcess:
        sys.exit(1)
    threading.Thread(target=_watch, args=(watched,), name="leash", daemon=True).start()


def main(arguments: list[str]) -> None:
    """Run `[--parent PID] MODULE ARGS…`; PID is told because on Windows a launcher stands between."""
    parent = os.getppid()
    if arguments[:1] == ["--parent"]:
        parent, arguments = int(arguments[1]), arguments[2:]
    follow(parent)
    sys.argv = arguments
    runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
