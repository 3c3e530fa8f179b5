"""Tools as Hermes and Qwen call them: `<tool_call>{"name": …, "arguments": {…}}</tool_call>` in the answer.

A template that tells its model to write so holds the mark. Other ways of calling are not read.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from shared.service.engines.base import Delta, Message, ToolCall
from shared.service.engines.spelling import begun

BEGIN, END = "<tool_call>", "</tool_call>"
CALL = re.compile(f"{BEGIN}(.*?){END}", re.DOTALL)


def found_calls(deltas: Iterable[Delta]) -> Iterator[Delta]:
    """The deltas, with each call taken out of the text, wherever their borders lie.

    What stands between the marks and is no call stays text, and so does a call that was cut.
    """
    held, called, fresh = "", False, False
    for delta in deltas:
        held += delta.text
        while match := CALL.search(held):
            call = parsed(match[1])
            text = held[: match.start() if call else match.end()]
            yield Delta(text.lstrip() if fresh else text, 0, call=call)
            held = held[match.end() :]
            called, fresh = called or call is not None, call is not None
        if fresh:  # the line break between two calls says nothing
            held = held.lstrip()
            fresh = not held
        place = held.find(BEGIN)
        keep = len(held) - place if place >= 0 else begun(held, [BEGIN])
        keep = 0 if delta.finish else keep
        finish = "tool_calls" if called and delta.finish == "stop" else delta.finish
        yield replace(delta, text=held[: len(held) - keep], finish=finish)
        held = held[len(held) - keep :]


def parsed(text: str) -> ToolCall | None:
    """The call that stands between two marks, or None if it is none."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or not isinstance(said.get("name"), str):
        return None
    arguments = said.get("arguments", {})
    if not isinstance(arguments, dict):
        return None
    return ToolCall(f"call_{uuid.uuid4().hex}", said["name"], json.dumps(arguments, ensure_ascii=False))


def as_template(message: Message, plain: Callable[[str], str]) -> dict[str, Any]:
    """A turn as chat templates read it. `plain` takes the marks of the template out of a text."""
    turn: dict[str, Any] = {"role": ROLES.get(message.role, message.role), "content": plain(message.text)}
    if message.calls:
        turn["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": plain(call.name), "arguments": json.loads(plain(call.arguments))},
            }
            for call in message.calls
        ]
    return turn | ({"tool_call_id": message.answers} if message.answers else {})


ROLES = {"developer": "system", "function": "tool"}  # OpenAI's names that no template knows
