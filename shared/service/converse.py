"""The work of a chat request, and its answer: whole, or as a stream of chunks."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

from shared.service.engines.base import ChatAsk, ChatEngine, Delta, Message, ToolCall
from shared.service.engines.spelling import begun
from shared.service.events import event
from shared.service.refusal import Refusal
from shared.service.timings import Timings

MAX_CHARACTERS = 100_000  # of all messages together

CHAT_ANSWERS: dict[int | str, dict] = {
    200: {
        "description": "The completion, or with `stream` a stream of chunks.",
        "content": {
            "application/json": {"schema": {"type": "object", "required": ["choices", "usage"]}},
            "text/event-stream": {"schema": {"type": "string"}},
        },
    }
}


def converse(
    messages: Sequence[Message],
    ask: ChatAsk,
    stops: Sequence[str],
    load: Callable[[], ChatEngine],
    timings: Timings,
    cancel: threading.Event,
) -> Iterator[int | Delta]:
    """Yield the number of the prompt's tokens, then the answer as it is made. Runs in a worker thread.

    Raises:
        Refusal: the messages are too long, or ask for what the model cannot do.
        Cancelled: the event was set.
    """
    timings.turn_has_come()
    size = sum(len(message.text) for message in messages)
    if size > MAX_CHARACTERS:
        raise Refusal(
            f"messages: they hold {size} characters; at most {MAX_CHARACTERS} are taken.",
            "Send fewer sources.",
            param="messages",
        )
    with timings.step("load"):
        engine = load()
    with timings.step("tokens"):
        prompt_tokens, answer = engine.chat(messages, ask, cancel)
    yield prompt_tokens
    deltas = until_stop(answer, stops)
    while True:
        with timings.step("model"):
            delta = next(deltas, None)
        if delta is None:
            return
        yield delta


def until_stop(deltas: Iterable[Delta], stops: Sequence[str]) -> Iterator[Delta]:
    """The deltas up to the first stop string, wherever their borders lie: what could begin one is held."""
    held = ""
    for delta in deltas:
        held += delta.text
        places = [place for stop in stops if (place := held.find(stop)) >= 0]
        if places:
            yield Delta(held[: min(places)], delta.tokens, "stop")
            return
        keep = 0 if delta.finish or delta.call else begun(held, stops)
        yield replace(delta, text=held[: len(held) - keep])
        held = held[len(held) - keep :]


def _spelled(call: ToolCall) -> dict[str, Any]:
    """A call as OpenAI spells it."""
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    }


class Completion:
    """The frame of an answer: what stays the same from chunk to chunk."""

    def __init__(self, model: str, prompt_tokens: int) -> None:
        self.model = model
        self.prompt_tokens = prompt_tokens
        self._id = f"chatcmpl-{uuid.uuid4().hex}"
        self._created = int(time.time())

    def whole(self, deltas: Sequence[Delta]) -> dict[str, Any]:
        """The answer in one piece. One that only calls tools has no content."""
        text, calls = "".join(d.text for d in deltas), [d.call for d in deltas if d.call]
        message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None}
        if calls:
            message |= {"content": text or None, "tool_calls": [_spelled(call) for call in calls]}
        finish = deltas[-1].finish
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
        return self._frame("chat.completion", [choice], self._usage(deltas))

    async def chunks(self, deltas: AsyncIterator[Delta], include_usage: bool) -> AsyncIterator[str]:
        """The answer as events: the role, the deltas, the reason for its end, and the usage if wanted."""
        seen: list[Delta] = []
        calls = count()
        yield self._chunk({"role": "assistant", "content": ""})
        async for delta in deltas:
            seen.append(delta)
            if delta.text:
                yield self._chunk({"content": delta.text})
            if delta.call:
                yield self._chunk({"tool_calls": [{"index": next(calls)} | _spelled(delta.call)]})
            if delta.finish:
                yield self._chunk({}, delta.finish)
        if include_usage:
            yield event(self._frame("chat.completion.chunk", [], self._usage(seen)))

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return event(self._frame("chat.completion.chunk", [choice], None))

    def _frame(
        self, kind: str, choices: list[dict[str, Any]], usage: dict[str, int] | None
    ) -> dict[str, Any]:
        return {
            "id": self._id, "object": kind, "created": self._created, "model": self.model,
            "choices": choices, "usage": usage, "engine": self.model,
        }  # fmt: skip

    def _usage(self, deltas: Sequence[Delta]) -> dict[str, int]:
        completion = sum(delta.tokens for delta in deltas)
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": completion,
            "total_tokens": self.prompt_tokens + completion,
        }
