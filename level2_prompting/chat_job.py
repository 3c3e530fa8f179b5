"""What the page of level 2 waits for, each in a thread of its own: an index, an answer, and its trace.

    opening = Opening(lambda opening: bundled(opening.say, opening.advance))
    job = Answering("What does BM25 reward?", opening, How())
    while not job.wait(0.1):
        print(job.draft)
    print(job.result().answer.text)

A page that is drawn anew in between, because somebody turned a knob, finds the job again and goes on looking.
(Streamlit ends the run of a page in the same way whether somebody stops it or clicks elsewhere. So a run that
ends must not end the work: only `stop` does, or nobody's looking for a minute.)
"""

from __future__ import annotations

import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from threading import Event, Lock

from level2_prompting.chat import Chat, Put, Turn, record_turn
from level2_prompting.history import History
from level2_prompting.index import Index
from level2_prompting.plan import CHOSEN, Plan
from level2_prompting.tools import Call
from shared.background import Background
from shared.traces import Trace

UNSEEN_S = 60.0  # an answer that nobody has looked for so long is given up: the page was closed


class Opening(Background[Index]):
    """An index that is opened, or made first.

    Attributes:
        label: what happens now; share: how much of it is done, 0 to 1.
        refused: a sentence for each document that is left out.
        made: what was indexed, in a sentence, if it was made of one's own files.
    """

    def __init__(self, make: Callable[[Opening], Index]) -> None:
        self.label = "Opening the index …"
        self.share = 0.0
        self.refused: list[str] = []
        self.made = ""
        self._start(lambda: self._work(make))

    def _work(self, make: Callable[[Opening], Index]) -> Index:
        index = make(self)
        index.snapshot()  # read here, once: visitors who ask at the same time find it in memory
        return index

    def say(self, label: str) -> None:
        """What happens now."""
        self.label = label

    def advance(self, share: float) -> None:
        """How much of it is done, 0 to 1."""
        self.share = min(share, 1.0)


@dataclass(frozen=True)
class How:
    """How a question is to be answered: what is searched, by whom it is answered, and whether with tools."""

    plan: Plan = CHOSEN
    provider: str = "local"
    tools: bool = False


class Stopped(Exception):
    """Nobody waits for the answer any more."""


class Recording(Background[Trace | None]):
    """A turn on its way into MLflow, whose import alone takes seconds."""

    def __init__(self, turn: Turn) -> None:
        self._start(lambda: record_turn(turn, source="page"))


class Answering(Background[Turn]):
    """One question of a conversation on its way to its answer.

    Args:
        question: as it was typed.
        before: what was said before. The job works on a copy, so that a turn that is stopped leaves nothing.
        session: the conversation that it belongs to.

    Attributes:
        put: the question as it stands alone, as soon as that is known.
        draft: the model's words so far, not proven.
        calls: the tools that were called so far.
        history: what was said before, and at the end this turn too.
    """

    def __init__(
        self, question: str, opening: Opening, how: How, before: History | None = None, session: str = ""
    ) -> None:
        self.question, self.how = question, how
        self.put: Put | None = None
        self.draft = ""
        self.calls: list[Call] = []
        self.history = deepcopy(before) if before is not None else History()
        self._opening, self._session = opening, session
        self._stop, self._seen = Event(), time.monotonic()
        self._recording: Recording | None = None
        self._lock = Lock()
        self._start(self._work)

    def _work(self) -> Turn:
        how = self.how
        index = self._opening.result()
        self._go_on()
        chat = Chat(index, plan=how.plan, provider=how.provider, tools=how.tools)
        chat.history, chat.session = self.history, self._session or chat.session
        self.put = chat.put(self.question)
        return chat.answer(self.put, self._hear, self._see)

    def _hear(self, text: str) -> None:
        self._go_on()
        self.draft += text

    def _see(self, call: Call) -> None:
        self._go_on()
        self.calls.append(call)

    def _go_on(self) -> None:
        if time.monotonic() - self._seen > UNSEEN_S:
            self.stop()
        if self.stopped:
            raise Stopped  # it leaves the model's stream, and closes the connection with it

    def look(self, seconds: float) -> bool:
        """Wait for at most so long; whether there is an end to it: an answer, an error, or a stop."""
        self._seen = time.monotonic()
        return self.stopped or self.wait(seconds)

    def stop(self) -> None:
        """End with the next word that comes. There is no answer then, whatever comes of the work."""
        if not self.wait(0):
            self._stop.set()

    @property
    def stopped(self) -> bool:
        return self._stop.is_set()

    @property
    def answered(self) -> bool:
        """Whether there is an answer."""
        return self.wait(0) and not self.failed and not self.stopped

    def record(self) -> Recording:
        """Its trace on the way, recorded once. (Two runs of a page may overlap.)"""
        with self._lock:
            self._recording = self._recording or Recording(self.result())
            return self._recording
