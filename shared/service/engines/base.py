"""What a speech engine is: something that turns spans of samples into segments."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

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
