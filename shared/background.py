"""Work in a thread of its own, so that a page can tell how far it is.

    class Job(Background[Result]):
        def __init__(self, file: Path) -> None:
            self.share = 0.0
            self._start(lambda: transcribe(file, on_progress=self._advance))

    job = Job(file)
    while not job.wait(0.5):
        print(job.share)
    print(job.result())

A page is run anew at each click: it keeps the job in its session, finds it again and goes on looking.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, wait
from threading import Thread
from typing import Generic, TypeVar

T = TypeVar("T")


class Background(Generic[T]):
    """Something on its way to a result. What one wants to tell of it, a subclass keeps as attributes."""

    def _start(self, work: Callable[[], T]) -> None:
        """Begin. The thread is a daemon: it never keeps a process alive."""
        self._future: Future[T] = Future()
        Thread(target=self._run, args=(work,), daemon=True).start()

    def _run(self, work: Callable[[], T]) -> None:
        try:
            self._future.set_result(work())
        except BaseException as error:  # whoever asks for the result gets it
            self._future.set_exception(error)

    def wait(self, seconds: float) -> bool:
        """Wait for at most so long; whether it has ended."""
        return bool(wait([self._future], seconds).done)

    @property
    def failed(self) -> bool:
        return self._future.done() and self._future.exception() is not None

    def result(self) -> T:
        """The result, once it is there. Raises what the work raised."""
        return self._future.result()
