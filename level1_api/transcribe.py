"""One file to text: listen, plan, cut, ask, merge.

    from level1_api.transcribe import transcribe
    print(transcribe("talk.mp3").transcript.text)

Nothing here prints or records. What happened comes back as plain data, stage by stage.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from level1_api.audio import Audio, read
from level1_api.call import Answer, ask, snippet, upload_name
from level1_api.chunks import Piece, cut, encode
from level1_api.merge import merge
from level1_api.plan import Options, Plan, plan
from shared.errors import LadderError
from shared.memory import peak_rss_mb
from shared.models import Format
from shared.speech import Transcript
from shared.tracking import Span

if TYPE_CHECKING:
    from openai import OpenAI

__all__ = ["Options", "Result", "snippet", "transcribe"]


class Result(BaseModel):
    """A transcript, and everything that one would want to know about how it was made.

    Attributes:
        sha256: digest of the file.
        output: the format that can be had (`Options.format` unless a note says otherwise).
        answers: the API's own JSON, one for each upload.
        notes: what differs from what was asked for.
        engine: who made it; `endpoint` is where.
        spans: decode, vad, chunk, model[0], chunk, model[1], …, merge; inside each model what the service
            says of itself (queue, load, decode, vad, model), where it does.
        rtf: real-time factor, wall_s / audio_s: under 1 is faster than listening.
        cost_usd: estimated from the model table; None where no price is known.
        cached: it was not asked for again.
    """

    name: str
    sha256: str
    provider: str
    model: str
    engine: str
    endpoint: str
    output: Format
    transcript: Transcript
    answers: list[dict[str, Any]]
    notes: list[str]
    spans: list[Span]
    pieces: int
    audio_s: float
    wall_s: float
    rtf: float
    peak_rss_mb: float
    cost_usd: float | None
    cached: bool = False

    def render(self, format: Format | None = None) -> str:
        """The transcript in a format, by default the one that was asked for.

        Raises:
            LadderError: for subtitles without times.
        """
        from shared.captions import to_srt, to_vtt

        format = format or self.output
        if format == "text":
            return self.transcript.text
        if format == "json":
            return self.transcript.model_dump_json(include={"text", "usage"})
        if format == "verbose_json":
            return self.transcript.model_dump_json()
        if self.transcript.segments is None:
            raise LadderError(
                f"{self.engine} gives no times, so {self.name} has no subtitles.", "Choose text."
            )
        write = to_srt if format == "srt" else to_vtt
        return write(self.transcript.segments, self.transcript.words)


class Stages:
    """Notes when each stage of the work began and ended."""

    def __init__(self) -> None:
        self.spans: list[Span] = []

    @contextmanager
    def stage(self, name: str) -> Iterator[dict[str, Any]]:
        """Time a stage; what is put into the dictionary becomes its attributes."""
        attributes: dict[str, Any] = {}
        start = time.time_ns()
        try:
            yield attributes
        finally:
            self.spans.append(Span(name, start, time.time_ns(), attributes))

    def look_inside(self, timings_ms: dict[str, float]) -> None:
        """Split the last stage into what the service says of itself; its steps end when the answer comes."""
        last = self.spans[-1]
        end = max(last.start_ns, last.end_ns - int(1e6 * sum(timings_ms.values())))
        steps = []
        for name, ms in timings_ms.items():
            begin, end = end, min(end + int(1e6 * ms), last.end_ns)
            steps.append(Span(name, begin, end))
        self.spans[-1] = replace(last, inside=tuple(steps))


def transcribe(
    source: str | Path | bytes,
    options: Options | None = None,
    *,
    name: str = "",
    client: OpenAI | None = None,
    on_delta: Callable[[str], None] | None = None,
    on_progress: Callable[[float], None] | None = None,
    say: Callable[[str], None] = lambda sentence: None,
    stop: Event | None = None,
) -> Result:
    """Turn a file of any length into text.

    Args:
        source: an audio or video file, or its bytes.
        options: what is wanted; the defaults of the settings otherwise.
        name: how messages call it.
        client: an `openai.OpenAI`; by default that of the options' provider.
        on_delta: gets text while it is made, if `options.stream` and the model can.
        on_progress: gets the share that is done, 0 to 1.
        say: told each note and each retry in a sentence.
        stop: set it to give up waiting for a busy service.

    Raises:
        LadderError: the file cannot be read, or the service refused; with what to do.
        BadUsage: the options cannot be.
    """
    began = time.perf_counter()
    options = options or Options()
    stages = Stages()
    progress = on_progress or (lambda share: None)

    with stages.stage("decode") as about:
        audio = read(source, name)
        about.update(seconds=round(audio.seconds, 3), bytes=audio.size, container=audio.container)
    made = plan(options, audio)
    notes = [*made.notes, *_damage(audio)]
    for note in notes:
        say(note)
    if client is None:
        before = time.perf_counter()
        client = _client(made.provider)
        began += time.perf_counter() - before  # starting a service is not transcribing

    with stages.stage("vad") as about:
        pieces = [Piece(0, audio.seconds)] if made.as_is else cut(audio, made.longest_s, made.overlap_s)
        about.update(cuts=len(pieces) - 1)

    uploads = _uploads(audio, made, pieces)
    parts: list[tuple[Piece, Answer]] = []
    for number, piece in enumerate(pieces):
        with stages.stage("chunk") as about:
            file = next(uploads)
            about.update(start=piece.start, end=piece.end, bytes=len(file[1]), as_is=made.as_is)
        with stages.stage(f"model[{number}]") as about:
            answer = ask(client, file, piece.seconds, made, on_delta, say, stop)
            about.update(engine=answer.engine)
        stages.look_inside(answer.timings_ms)
        parts.append((piece, answer))
        progress(piece.end / audio.seconds)

    with stages.stage("merge") as about:
        transcript = merge([(piece, answer.transcript) for piece, answer in parts], audio.seconds)
        about.update(pieces=len(parts), characters=len(transcript.text))

    wall_s = time.perf_counter() - began
    return Result(
        name=audio.name,
        sha256=audio.sha256,
        provider=made.provider,
        model=made.model,
        engine=parts[-1][1].engine,
        endpoint=str(client.base_url).rstrip("/"),
        output=made.output,
        transcript=transcript,
        answers=[answer.raw for _, answer in parts],
        notes=notes,
        spans=stages.spans,
        pieces=len(pieces),
        audio_s=audio.seconds,
        wall_s=wall_s,
        rtf=wall_s / audio.seconds,
        peak_rss_mb=peak_rss_mb(),
        cost_usd=_cost(made, pieces),
    )


def _client(provider: str) -> OpenAI:
    from shared.clients import openai_client

    return openai_client(provider)


def _uploads(audio: Audio, made: Plan, pieces: list[Piece]) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each upload, made when it is its turn."""
    if made.as_is:
        yield upload_name(audio), audio.read_bytes()
        return
    for number, (_, data) in enumerate(encode(audio, pieces)):
        yield f"{Path(audio.name).stem}-{number:03d}.flac", data


def _damage(audio: Audio) -> list[str]:
    if not audio.damaged:
        return []
    return [f"{audio.name} is damaged: {audio.damaged} parts could not be decoded and were left out."]


def _cost(made: Plan, pieces: list[Piece]) -> float | None:
    """Overlaps are paid twice."""
    if made.usd_per_minute is None:
        return None
    return made.usd_per_minute * sum(p.seconds for p in pieces) / 60
