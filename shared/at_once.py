"""Many jobs that wait for someone else, such as requests: a few under way at a time.

for answer in a_few_at_once(questions, ask, at_once=4):
    print(answer)
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from queue import Empty, SimpleQueue
from typing import TypeVar

Job = TypeVar("Job")
Done = TypeVar("Done")


def a_few_at_once(jobs: Sequence[Job], work: Callable[[Job], Done], at_once: int) -> Iterator[Done]:
    """Do jobs in a few threads and give each result as it comes. What a job raises is raised here.

    Daemon threads, not an executor's pool: a stopped program need not wait for answers under way.

    Args:
        at_once: how many threads; one if it is less.
    """
    to_do: SimpleQueue[Job] = SimpleQueue()
    results: SimpleQueue[Callable[[], Done]] = SimpleQueue()  # each gives a result, or raises
    stop = threading.Event()
    for job in jobs:
        to_do.put(job)

    def worker() -> None:
        while not stop.is_set():
            try:
                job = to_do.get_nowait()
            except Empty:
                return
            results.put(_attempt(work, job))

    for number in range(min(max(1, at_once), len(jobs))):
        threading.Thread(target=worker, name=f"at-once-{number}", daemon=True).start()
    try:
        for _ in jobs:
            yield _next(results)()
    finally:
        stop.set()


def _attempt(work: Callable[[Job], Done], job: Job) -> Callable[[], Done]:
    try:
        done = work(job)
    except Exception as error:
        failed = error  # Python forgets `error` at the end of this block

        def fail() -> Done:
            raise failed

        return fail
    return lambda: done


def _next(queue: SimpleQueue[Callable[[], Done]]) -> Callable[[], Done]:
    while True:
        try:
            return queue.get(timeout=0.5)  # Windows lets Ctrl-C in only between waits
        except Empty:
            continue
