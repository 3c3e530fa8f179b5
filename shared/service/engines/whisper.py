"""Whisper through faster-whisper: any size, any CTranslate2 folder. Never downloads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from shared.errors import LadderError
from shared.service.audio import RATE
from shared.service.engines.base import Ask
from shared.service.jobs import Cancelled
from shared.service.vad import LONGEST_S, Span, as_float
from shared.speech import Segment, Word

GAP_S = 2.0  # spans this near to each other are heard together, since each hearing costs 30 s of encoder
FALLBACK = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)  # temperature 0: warmer only where decoding fails, as OpenAI does


class Whisper:
    """A loaded model folder."""

    def __init__(self, name: str, folder: Path, device: str = "auto") -> None:
        from faster_whisper import WhisperModel

        self.name = name
        try:
            self._model = WhisperModel(str(folder), device=device, local_files_only=True)
        except (RuntimeError, ValueError, OSError) as error:
            raise LadderError(
                f"The model {name} could not be loaded from its folder.", f"ladder models pull {name}"
            ) from error
        self.translates = bool(self._model.model.is_multilingual)
        self.languages = frozenset(self._model.supported_languages) if self.translates else frozenset({"en"})

    def transcribe(
        self, samples: np.ndarray, spans: list[Span], ask: Ask, cancel: threading.Event
    ) -> tuple[str | None, Iterator[Segment]]:
        """As SpeechEngine says. The language is found in the first window and kept."""
        if not spans:
            return ask.language, iter(())
        windows = list(_windows(spans))
        first = windows[0]
        language = ask.language
        if language is None:
            language = "en"
            if self.translates:
                language, _, _ = self._model.detect_language(as_float(samples[first.start : first.end]))
        return language, self._segments(samples, windows, ask, language, cancel)

    def _segments(
        self, samples: np.ndarray, windows: list[Span], ask: Ask, language: str, cancel: threading.Event
    ) -> Iterator[Segment]:
        number = 0
        for window in windows:
            heard, _ = self._model.transcribe(
                as_float(samples[window.start : window.end]),
                language=language,
                task="translate" if ask.translate else "transcribe",
                initial_prompt=ask.prompt,
                temperature=ask.temperature or FALLBACK,
                condition_on_previous_text=False,  # carried text is what makes Whisper repeat itself
                word_timestamps=ask.words,
            )
            for segment in heard:
                if cancel.is_set():
                    raise Cancelled
                if segment.text.strip():
                    yield _as_ours(segment, number, window)
                    number += 1
            if cancel.is_set():
                raise Cancelled


def _windows(spans: list[Span]) -> Iterator[Span]:
    """Neighbouring spans joined into windows of at most LONGEST_S."""
    window = spans[0]
    for span in spans[1:]:
        near = span.start - window.end <= GAP_S * RATE
        if near and span.end - window.start <= LONGEST_S * RATE:
            window = Span(window.start, span.end)
        else:
            yield window
            window = span
    yield window


def _as_ours(segment: Any, number: int, window: Span) -> Segment:
    """A segment of faster-whisper, its times moved to the window's place and kept inside it."""
    begin, last = window.start / RATE, window.end / RATE

    def place(seconds: float) -> float:
        return round(min(begin + seconds, last), 3)

    return Segment(
        id=number,
        start=place(segment.start),
        end=place(segment.end),
        text=segment.text,
        seek=segment.seek + round(begin * 100),
        tokens=segment.tokens,
        temperature=segment.temperature,
        avg_logprob=segment.avg_logprob,
        compression_ratio=segment.compression_ratio,
        no_speech_prob=segment.no_speech_prob,
        words=[
            Word(word=w.word.strip(), start=place(w.start), end=place(w.end), probability=w.probability)
            for w in segment.words or ()
        ]
        if segment.words is not None
        else None,
    )
