"""Where there is speech: the Silero voice activity model that faster-whisper carries.

Silence, noise and hum have no speech in them, so no engine gets to hear them and to invent words.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np

from shared.service.audio import RATE
from shared.service.jobs import Cancelled

LONGEST_S = 28.0  # no span is longer; Whisper hears 30 s at a time
BLOCK_S = 300.0  # audio looked at in one go: bounds the memory
WARM_UP_S = 0.5  # the model starts with an empty memory and takes the onset of a hum for speech
BLIP_MS = 100  # shorter sounds are no speech
STEADY_DB = 1.5  # a span whose loudness stays within this is no speech either
EDGE_S = 5.0  # without detection, cut at the quietest place in the last seconds


@dataclass(frozen=True)
class Span:
    """A stretch of samples, `samples[start:end]`."""

    start: int
    end: int


@dataclass(frozen=True)
class Tuning:
    """How speech is told from the rest. The names are those of OpenAI's `server_vad`."""

    threshold: float = 0.5
    prefix_padding_ms: int = 300
    silence_duration_ms: int = 500


def speech_spans(samples: np.ndarray, tuning: Tuning, cancel: threading.Event) -> list[Span]:
    """The spans that hold speech, in order, not overlapping, padded, none longer than LONGEST_S.

    Works block by block. A span that touches the end of its block is looked at again with the next one.
    """
    spans: list[Span] = []
    start, size = 0, len(samples)
    while start < size:
        if cancel.is_set():
            raise Cancelled
        end = min(size, start + int(BLOCK_S * RATE))
        found = [Span(start + s.start, start + s.end) for s in _detect(samples[start:end], tuning)]
        if end == size:
            start = size
        elif found and found[-1].end == end and found[-1].start > start:
            start = found.pop().start
        else:
            start = end
        spans += found
    return spans


def _detect(samples: np.ndarray, tuning: Tuning) -> list[Span]:
    """The spans of one block. The model first hears its beginning backwards, to warm up."""
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    audio = as_float(samples)
    warm = min(int(WARM_UP_S * RATE), len(audio) - 1)
    options = VadOptions(
        threshold=tuning.threshold,
        min_speech_duration_ms=BLIP_MS,
        max_speech_duration_s=LONGEST_S,
        min_silence_duration_ms=tuning.silence_duration_ms,
        speech_pad_ms=tuning.prefix_padding_ms,
    )
    heard = np.concatenate([audio[warm:0:-1], audio])
    padding = tuning.prefix_padding_ms * RATE // 1000
    beyond = min(warm + padding, len(heard))  # where a span must reach to hold more than the warm-up
    found = get_speech_timestamps(heard, options)
    spans = [Span(max(0, s["start"] - warm), s["end"] - warm) for s in found if s["end"] >= beyond]
    return [span for span in spans if not _steady(audio[span.start : span.end])]


def _steady(audio: np.ndarray) -> bool:
    """Whether a sound neither swells nor fades, as hum and hiss do not, and speech always does."""
    frame = RATE // 10  # 100 ms holds whole periods of 50 and of 60 Hz
    frames = audio[: len(audio) // frame * frame].reshape(-1, frame)  # (n, 1600)
    power = np.square(frames).mean(axis=1) + 1e-12
    return len(power) > 1 and 10 * np.log10(power.max() / power.min()) < STEADY_DB


def fixed_spans(samples: np.ndarray) -> list[Span]:
    """All of the audio, cut at quiet places into pieces of at most LONGEST_S: detection switched off."""
    spans, start, longest, edge = [], 0, int(LONGEST_S * RATE), int(EDGE_S * RATE)
    while len(samples) - start > longest:
        last = as_float(samples[start + longest - edge : start + longest])
        loudness = np.square(last).reshape(-1, RATE // 50).sum(axis=1)  # (250,), one value each 20 ms
        cut = start + longest - edge + int(loudness.argmin()) * (RATE // 50)
        spans.append(Span(start, cut))
        start = cut
    return [*spans, Span(start, len(samples))]


def as_float(samples: np.ndarray) -> np.ndarray:
    """int16 samples as float32 in -1 … 1."""
    return samples.astype(np.float32) / 32768.0
