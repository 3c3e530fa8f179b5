"""A conversation: each question is made to stand alone, answered like any other, and kept as one turn.

    chat = Chat(index)
    chat.turn("What does BM25 reward?")
    turn = chat.turn("Why does it do that?")
    print(turn.put.alone.text, turn.answer.text)

What the model gets to read is still the passages alone: the conversation decides what is asked, never what
is true. A turn that is broken off leaves nothing behind.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from level2_prompting import LEVEL
from level2_prompting.ask import Answer, ask, stage
from level2_prompting.engine import engine
from level2_prompting.history import History, StandAlone, stand_alone
from level2_prompting.index import Index
from level2_prompting.plan import CHOSEN, Plan
from level2_prompting.tools import Call, ask_with_tools, check_calls_tools
from shared.errors import LadderError
from shared.traces import Span, Trace, trace

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

HELP = "/new begins a new conversation, /quit ends."


@dataclass(frozen=True)
class Put:
    """A question as it was typed, as it stands alone, and how long that took."""

    asked: str
    alone: StandAlone
    span: Span


@dataclass(frozen=True)
class Turn:
    """One question of a conversation.

    Attributes:
        calls: the tools that were called for it.
        session: the conversation that it belongs to.
    """

    put: Put
    answer: Answer
    calls: tuple[Call, ...]
    session: str

    def as_dict(self) -> dict[str, Any]:
        """What `--json` prints, in one line."""
        return {
            "question": self.put.asked, "asked_as": self.put.alone.text, "put_by": self.put.alone.by,
            **self.answer.as_dict(), "calls": [asdict(call) for call in self.calls], "session": self.session,
        }  # fmt: skip


class Chat:
    """A conversation over an index.

    Args:
        tools: let the engine call the calculator and the index's search.
        plan, provider, model: as in `ask`.

    Raises:
        LadderError: with `tools`, and the engine calls none.
    """

    def __init__(
        self,
        index: Index,
        *,
        plan: Plan = CHOSEN,
        provider: str | None = None,
        tools: bool = False,
        model: BaseChatModel | None = None,
    ) -> None:
        self._index, self._plan, self._provider, self._tools, self._model = (
            index,
            plan,
            provider,
            tools,
            model,
        )
        if tools and model is None:
            check_calls_tools(provider)
        self.history = History()
        self.new()

    def new(self) -> None:
        """Begin anew: nothing that was said before counts."""
        self.history.clear()
        self.session = uuid.uuid4().hex

    def turn(self, question: str) -> Turn:
        """Ask the next question: `put` and `answer` in one."""
        return self.answer(self.put(question))

    def put(self, question: str) -> Put:
        """The question as it stands alone.

        Raises:
            BadUsage, LadderError: as `stand_alone`.
        """
        spans: list[Span] = []
        with stage(spans, "rewrite", "CHAIN", question) as out:
            alone = stand_alone(question, self.history, engine(self._provider, self._model))
            out.append(asdict(alone))
        return Put(question, alone, spans[0])

    def answer(
        self,
        put: Put,
        on_delta: Callable[[str], None] = lambda text: None,
        on_call: Callable[[Call], None] = lambda call: None,
    ) -> Turn:
        """Answer a question that stands alone.

        Args:
            on_delta: as in `ask`; on_call: as in `ask_with_tools`.

        Raises:
            BadUsage, LadderError: as `ask` and `ask_with_tools`; the conversation is then as it was.
        """
        how: dict[str, Any] = {"plan": self._plan, "provider": self._provider, "model": self._model}
        calls: tuple[Call, ...] = ()
        if self._tools:
            answer, calls = ask_with_tools(put.alone.text, self._index, on_call=on_call, **how)
        else:
            answer = ask(put.alone.text, self._index, on_delta=on_delta, **how)
        self.history.add(put.alone.text, "(withheld)" if answer.withheld else answer.text)
        return Turn(put, answer, calls, self.session)


def converse(
    chat: Chat, typed: Iterable[str], answer: Callable[[str], None], say: Callable[[str], None], patient: bool
) -> bool:
    """Answer what is typed, line by line, until it ends or says /quit.

    Args:
        answer: what to do with a question.
        patient: Ctrl-C while a question is answered ends that question alone.

    Returns:
        whether every question could be answered.
    """
    whole = True
    for line in typed:
        word = line.strip()
        if word == "/quit":
            break
        if word == "/new":
            chat.new()
            say("A new conversation.")
        elif word.startswith("/"):
            say(f"There is no command {word.split()[0]}: {HELP}")
        elif word:
            try:
                answer(word)
            except LadderError as error:
                whole = False
                say(f"Error: {error}")
            except KeyboardInterrupt:
                if not patient:
                    raise
                say("Stopped. Ask on, or end with /quit.")
    return whole


def record_turn(turn: Turn, **tags: str) -> Trace | None:
    """Record a turn as a trace of its session; None if the store cannot be reached."""
    answer = turn.answer
    about = {"engine": answer.engine, "endpoint": answer.endpoint, "ladder.level": LEVEL.slug, **tags}
    return trace(
        LEVEL.slug, "chat", (turn.put.span, *answer.spans), inputs={"question": turn.put.asked},
        outputs=turn.as_dict(), tags=about, session=turn.session,
    )  # fmt: skip
