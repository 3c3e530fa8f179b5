"""What speech to text returns: the shapes of the Whisper API, shared by the service and level 1.

The field names are those of OpenAI's `verbose_json` (openai SDK, `TranscriptionVerbose`). A value that an
engine cannot compute is None, never invented. Fields that OpenAI does not have are marked; clients that do
not know them ignore them.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel


class Word(BaseModel):
    """A word with its place in the audio, in seconds."""

    word: str
    start: float
    end: float
    probability: float | None = None  # ours: 0 to 1, from the decoder


class Segment(BaseModel):
    """A stretch of speech, usually a phrase or a sentence. Times in seconds."""

    id: int
    start: float
    end: float
    text: str
    seek: int | None = None
    tokens: list[int] | None = None
    temperature: float | None = None
    avg_logprob: float | None = None
    compression_ratio: float | None = None
    no_speech_prob: float | None = None
    words: list[Word] | None = None  # inside the code only; the wire carries words beside the segments


class Usage(BaseModel):
    """What is billed: for audio, whole seconds of input."""

    type: Literal["duration"] = "duration"
    seconds: int | float


class Transcript(BaseModel):
    """A whole `verbose_json` answer."""

    task: Literal["transcribe", "translate"] = "transcribe"
    language: str | None = None
    duration: float
    text: str
    segments: list[Segment] | None = None
    words: list[Word] | None = None
    usage: Usage | None = None
    engine: str | None = None  # ours: which engine made it
