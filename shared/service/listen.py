"""The work of one audio request, start to end: decode, find speech, recognise. Runs in a worker thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from shared.service.audio import RATE, decode
from shared.service.engines.base import Ask, SpeechEngine
from shared.service.refusal import Refusal
from shared.service.timings import Timings
from shared.service.vad import Tuning, fixed_spans, speech_spans
from shared.speech import Segment


@dataclass(frozen=True)
class Opening:
    """What is known before the first segment."""

    duration: float
    language: str | None


def listen(
    file: BinaryIO,
    load: Callable[[], SpeechEngine],
    ask: Ask,
    tuning: Tuning | None,
    max_s: float,
    timings: Timings,
    cancel: threading.Event,
) -> Iterator[Opening | Segment]:
    """Yield an Opening, then the segments as they are heard.

    Raises:
        Refusal: the file cannot be heard, or the engine cannot do what is asked.
        Cancelled: the event was set.
    """
    timings.turn_has_come()
    with timings.step("load"):
        engine = load()
    _check(engine, ask)
    with timings.step("decode"):
        samples = decode(file, max_s, cancel)
    with timings.step("vad"):
        spans = speech_spans(samples, tuning, cancel) if tuning else fixed_spans(samples)
    with timings.step("model"):
        language, segments = engine.transcribe(samples, spans, ask, cancel)
    yield Opening(len(samples) / RATE, language)
    while True:
        with timings.step("model"):
            segment = next(segments, None)
        if segment is None:
            return
        yield segment


def _check(engine: SpeechEngine, ask: Ask) -> None:
    """Refuse what the engine cannot do."""
    if ask.language and ask.language not in engine.languages:
        known = "en alone" if len(engine.languages) == 1 else "ISO 639-1 codes such as en or fr"
        message = f"{engine.name} does not know the language '{ask.language}'."
        raise Refusal(message, f"It takes {known}.", param="language")
    if ask.translate and not engine.translates:
        fix = "Use a multilingual Whisper: ladder models pull whisper-base"
        raise Refusal(f"{engine.name} cannot translate.", fix, param="model")
