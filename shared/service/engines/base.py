"""What an engine is: of speech, of chat, of embeddings."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from shared.service.vad import Span
from shared.speech import Segment


@dataclass(frozen=True)
class Ask:
    """What a request wants of an engine."""

    language: str | None = None  # ISO 639-1; None: find out
    prompt: str | None = None  # a hint; an engine that cannot use it does not
    temperature: float = 0.0
    words: bool = False
    translate: bool = False


class SpeechEngine(Protocol):
    """One loaded model.

    Attributes:
        name: what answers say made them.
        languages: the ISO 639-1 codes that it knows.
        translates: whether it can answer in English to any of them.
    """

    name: str
    languages: frozenset[str]
    translates: bool

    def transcribe(
        self, samples: np.ndarray, spans: list[Span], ask: Ask, cancel: threading.Event
    ) -> tuple[str | None, Iterator[Segment]]:
        """Hear the spans of `samples` (int16, 16 kHz, mono).

        Returns:
            The language (a code, or None if that stays unknown), and the segments as they are made: in
            order, not overlapping, times in seconds from the start of `samples`, text with the blank
            before it that its language puts there.

        Raises:
            Cancelled: the event was set.
        """
        ...


@dataclass(frozen=True)
class ToolCall:
    """A tool that the model wants called, with its arguments as the text of a JSON object."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class Message:
    """One turn of a conversation: who speaks (`system`, `user`, `assistant`, …), and the text.

    Attributes:
        calls: the tools that the assistant called in this turn.
        answers: for the role `tool`, the id of the call whose result this is.
    """

    role: str
    text: str
    calls: tuple[ToolCall, ...] = ()
    answers: str = ""


@dataclass(frozen=True)
class ChatAsk:
    """What a chat request wants of an engine. One that only quotes looks at max_tokens alone.

    Attributes:
        max_tokens: None for as many as the answer needs.
        temperature: None or 0 for the likeliest token each time.
        top_p: sample from the likeliest tokens that have this probability together; None for all.
        seed: None for an answer that nobody can repeat.
        presence, frequency: taken off the score of a token that was said, once and for each time.
        schema: the JSON schema that the answer is to keep; None for free text.
        tools: what may be called, as OpenAI spells it.
    """

    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    presence: float = 0.0
    frequency: float = 0.0
    schema: Mapping[str, Any] | None = None
    tools: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class Delta:
    """A piece of an answer: text, or a whole call of a tool.

    `finish` is in the last one alone: `length` if the answer was cut, `tool_calls` if it waits for their
    results.
    """

    text: str
    tokens: int
    finish: Literal["stop", "length", "tool_calls"] | None = None
    call: ToolCall | None = None


class ChatEngine(Protocol):
    """One loaded chat model. Stop strings are not its business (see converse.py)."""

    def chat(
        self, messages: Sequence[Message], ask: ChatAsk, cancel: threading.Event
    ) -> tuple[int, Iterator[Delta]]:
        """Answer the last message of the user.

        Returns:
            The number of the prompt's tokens, and the answer as it is made.

        Raises:
            Refusal: this model cannot answer that.
            Cancelled: the event was set.
        """
        ...


class EmbeddingEngine(Protocol):
    """One loaded encoder; `shared.encoder.Encoder` is one.

    Attributes:
        width: numbers in a vector.
    """

    @property
    def width(self) -> int: ...

    def token_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """The tokens of each text."""
        ...

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """One vector a text, (N, width), float32, unit length."""
        ...
