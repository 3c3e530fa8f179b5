"""One request at a time for each model, a bounded line behind it, and no work for a client that has left.

A job's work is plain synchronous code. It runs in a thread, step by step, and looks at an event that is set
when nobody waits for its result any more.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from starlette.concurrency import iterate_in_threadpool
from starlette.requests import Request


class LineFull(Exception):
    """As many requests wait for this model as may."""


class ClientGone(Exception):
    """The client closed its connection; nobody waits for the answer."""


class Stopping(Exception):
    """The service is ending."""


class Cancelled(Exception):
    """Raised inside the work when its event is set."""


class Line:
    """The line before one model: one request is served, at most `limit` wait, the rest are refused."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.waiting = 0
        self._turn = asyncio.Lock()  # hands itself on in the order of asking

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for the model and hold it. Raises LineFull at once when the line is full."""
        if self._turn.locked() and self.waiting >= self.limit:
            raise LineFull
        self.waiting += 1
        try:
            await self._turn.acquire()
        finally:
            self.waiting -= 1
        try:
            yield
        finally:
            self._turn.release()


class Jobs:
    """Every job in flight, and the line before each model."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lines: dict[str, Line] = {}
        self._running: set[Job] = set()

    def start(self, model: str, work: Callable[[threading.Event], Iterator[Any]], request: Request) -> Job:
        """Put the work in the line of its model. `work` is called in turn, with the event to look at."""
        line = self._lines.setdefault(model, Line(self._limit))
        job = Job(line, work, request)
        self._running.add(job)
        job.task.add_done_callback(lambda _: self._running.discard(job))
        return job

    @property
    def count(self) -> int:
        """Jobs in flight or waiting."""
        return len(self._running)

    def stop(self) -> None:
        """End every job now."""
        for job in tuple(self._running):
            job.drop(Stopping())


class Job:
    """One request's work on one model."""

    def __init__(
        self, line: Line, work: Callable[[threading.Event], Iterator[Any]], request: Request
    ) -> None:
        self._cancel = threading.Event()
        self._results: asyncio.Queue[Any] = asyncio.Queue()
        self.task = asyncio.create_task(self._work(line, work))
        self._watch = asyncio.create_task(self._watch_client(request))

    async def results(self) -> AsyncIterator[Any]:
        """What the work yields, as it comes. Raises what the work raised, ClientGone, or Stopping."""
        while (item := await self._results.get()) is not self:  # the job itself marks the end
            if isinstance(item, Exception):
                raise item
            yield item

    def drop(self, reason: Exception) -> None:
        """End the work, waiting or running. Who waits for results gets the reason."""
        self._results.put_nowait(reason)
        self._cancel.set()
        self.task.cancel()

    async def _work(self, line: Line, work: Callable[[threading.Event], Iterator[Any]]) -> None:
        try:
            async with line.turn():
                async for item in iterate_in_threadpool(work(self._cancel)):
                    self._results.put_nowait(item)
            self._results.put_nowait(self)
        except Exception as error:
            self._results.put_nowait(error)
        finally:
            self._watch.cancel()

    async def _watch_client(self, request: Request) -> None:
        with suppress(asyncio.CancelledError):
            while (await request.receive())["type"] != "http.disconnect":
                pass
            self.drop(ClientGone())
