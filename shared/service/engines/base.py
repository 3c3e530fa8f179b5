"""What an engine is: of speech, of chat, of embeddings."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

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
class Message:
    """One turn of a conversation: who speaks (`system`, `user`, `assistant`, …), and the text."""

    role: str
    text: str


@dataclass(frozen=True)
class ChatAsk:
    """What a chat request wants of an engine. One that does not sample ignores the last three."""

    max_tokens: int | None = None  # None: as many as the answer needs
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None


@dataclass(frozen=True)
class Delta:
    """A piece of an answer. `finish` is in the last one alone: `length` if max_tokens cut the answer."""

    text: str
    tokens: int
    finish: Literal["stop", "length"] | None = None


class ChatEngine(Protocol):
    """One loaded chat model. Stop strings are not its business (see converse.py)."""

    def count(self, text: str) -> int:
        """The tokens of a text."""
        ...

    def chat(self, messages: Sequence[Message], ask: ChatAsk, cancel: threading.Event) -> Iterator[Delta]:
        """Answer the last message of the user. Raises Cancelled if the event was set."""
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
