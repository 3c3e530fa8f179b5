"""Where the time of a request went, in the header x-ladder-timings."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Timings(dict[str, float]):
    """Milliseconds spent in each step; `queue` is the time from the asking to the first step."""

    def __init__(self) -> None:
        super().__init__()
        self._asked = time.perf_counter()

    def turn_has_come(self) -> None:
        """The wait is over."""
        self._add("queue", self._asked)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Times what it encloses."""
        begin = time.perf_counter()
        try:
            yield
        finally:
            self._add(name, begin)

    def _add(self, name: str, begin: float) -> None:
        self[name] = round(self.get(name, 0.0) + 1000 * (time.perf_counter() - begin), 1)
