"""Ctrl-C that never strikes inside an import.

While one thread imports MLflow, the main thread may wait for the interpreter's import lock. A
KeyboardInterrupt that is raised just as it gets the lock leaves the lock held for ever (seen with CPython
3.11): every later import in every thread then hangs. So the interrupt is put off until the import is over.
"""

from __future__ import annotations

import _thread
import signal
import threading
from types import FrameType

AGAIN_S = 0.05


def wait_for_imports() -> None:
    """Let Ctrl-C wait for an import of the main thread. Call it once, from the main thread."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not where it is ignored
        signal.signal(signal.SIGINT, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            threading.Timer(AGAIN_S, _thread.interrupt_main).start()
            return
        frame = frame.f_back
    raise KeyboardInterrupt
