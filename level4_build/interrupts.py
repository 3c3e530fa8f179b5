"""Ctrl-C and SIGTERM that wait for the end of a step."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def interrupts() -> Iterator[threading.Event]:
    """Ctrl-C and SIGTERM set an event, so that a step is never cut in two; the second one does not wait."""
    asked = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    if threading.current_thread() is not threading.main_thread():  # only there can signals be caught
        yield asked
        return
    caught = [s for s in (signal.SIGINT, signal.SIGTERM) if callable(signal.getsignal(s))
              or signal.getsignal(s) == signal.SIG_DFL]  # fmt: skip
    before = {s: signal.signal(s, ask) for s in caught}  # one that is ignored (nohup) stays ignored
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
