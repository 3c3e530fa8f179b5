"""Transcripts: from segments to what goes over the wire: five formats, and a stream of events."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator

from fastapi.responses import JSONResponse, PlainTextResponse, Response

from shared.captions import to_srt, to_vtt
from shared.models import Format
from shared.service.events import event
from shared.speech import Segment, Transcript, Usage

AUDIO_ANSWERS: dict[int | str, dict] = {
    200: {
        "description": "The transcript in the format asked for, or with `stream` a stream of events.",
        "content": {
            "application/json": {"schema": {"type": "object", "required": ["text"]}},
            "text/plain": {"schema": {"type": "string"}},
            "text/event-stream": {"schema": {"type": "string"}},
        },
    }
}


def language_name(code: str | None) -> str | None:
    """`english` for `en`, as Whisper's `verbose_json` spells it. An unknown code stays as it is."""
    if code in (None, "en"):
        return "english" if code else None
    from transformers.models.whisper.tokenization_whisper import LANGUAGES

    return LANGUAGES.get(code, code)


def full_text(segments: list[Segment]) -> str:
    """All text. Each segment brings the blank before it that its language puts there."""
    return "".join(segment.text.rstrip() for segment in segments).strip()


def usage(duration: float) -> Usage:
    """What OpenAI would bill: seconds begun."""
    return Usage(seconds=math.ceil(duration))


def body(transcript: Transcript, response_format: Format, granularities: set[str]) -> Response:
    """The answer in the format asked for."""
    segments = transcript.segments or []
    if response_format == "text":
        return PlainTextResponse(transcript.text)
    if response_format == "srt":
        return PlainTextResponse(to_srt(segments))
    if response_format == "vtt":
        return PlainTextResponse(to_vtt(segments))
    if response_format == "json":
        return JSONResponse(transcript.model_dump(include={"text", "usage", "engine"}))
    content = transcript.model_dump(exclude={"segments": {"__all__": {"words"}}, "words": True})
    if "segment" not in granularities:
        del content["segments"]
    if "word" in granularities:
        content["words"] = [word.model_dump() for segment in segments for word in segment.words or ()]
    return JSONResponse(content)


async def events(segments: AsyncIterator[Segment], duration: float, engine: str) -> AsyncIterator[str]:
    """Deltas that add up exactly to the text of the `done` event."""
    text = ""
    async for segment in segments:
        delta = segment.text.rstrip() if text else segment.text.strip()
        text += delta
        if delta:
            yield event({"type": "transcript.text.delta", "delta": delta})
    done = {
        "type": "transcript.text.done",
        "text": text,
        "usage": usage(duration).model_dump(),
        "engine": engine,
    }
    yield event(done)
