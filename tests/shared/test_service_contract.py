"""OpenAI's own client against the service: every format, stream and granularity, and every error."""

from __future__ import annotations

import asyncio
import io
import itertools
import json
from pathlib import Path

import jiwer
import openai
import pysubs2
import pytest
import webvtt
from service_fixtures import Service, sample

FORMATS = ["json", "text", "srt", "vtt", "verbose_json"]
GRANULARITIES = [None, ["segment"], ["word"], ["segment", "word"]]
CLIP = sample("bridge.webm")
SPOKEN = next(
    entry["text"] for entry in json.loads(sample("samples.json").read_text()) if entry["name"] == "bridge"
)


def wrong_words(text: str) -> float:
    """Word error rate against what is spoken in the clip."""
    keep = jiwer.Compose([jiwer.ToLowerCase(), jiwer.RemovePunctuation(), jiwer.RemoveMultipleSpaces()])
    return jiwer.wer(keep(SPOKEN), keep(text))


@pytest.fixture(scope="module")
def client(service: Service) -> openai.OpenAI:
    return openai.OpenAI(base_url=service.base_url, api_key="any", max_retries=0)


@pytest.fixture(params=["sync", "async"])
def create(request: pytest.FixtureRequest, service: Service):
    """`transcriptions.create` of the blocking or of the async client; a stream comes as a list of events."""
    if request.param == "sync":
        client = openai.OpenAI(base_url=service.base_url, api_key="any", max_retries=0)

        def call(**fields):
            answer = client.audio.transcriptions.create(**fields)
            return list(answer) if fields.get("stream") else answer

    else:

        def call(**fields):
            async def run():
                async with openai.AsyncOpenAI(
                    base_url=service.base_url, api_key="any", max_retries=0
                ) as client:
                    answer = await client.audio.transcriptions.create(**fields)
                    return [event async for event in answer] if fields.get("stream") else answer

            return asyncio.run(run())

    return call


def check_subtitles(text: str, kind: str) -> None:
    cues = pysubs2.SSAFile.from_string(text, format_=kind)
    assert wrong_words(" ".join(cue.plaintext.replace("\n", " ") for cue in cues)) <= 0.1
    if kind == "vtt":
        assert len(webvtt.from_string(text).captions) == len(cues)
    for before, after in itertools.pairwise(cues):
        assert before.end <= after.start
    assert all(len(line) <= 42 for cue in cues for line in cue.plaintext.splitlines())


def check_whole(answer, response_format: str, granularities: list[str] | None) -> None:
    if response_format in ("srt", "vtt"):
        check_subtitles(answer, response_format)
        return
    if response_format == "text":
        assert wrong_words(answer) <= 0.1
        return
    assert wrong_words(answer.text) <= 0.1
    assert answer.usage.type == "duration"
    assert answer.usage.seconds == 5
    assert answer.engine == "pocketsphinx"
    if response_format == "verbose_json":
        wanted = granularities or ["segment"]
        assert answer.language == "english"
        assert answer.task == "transcribe"
        assert answer.duration == pytest.approx(4.61, abs=0.05)
        assert (answer.segments is not None) == ("segment" in wanted)
        assert (answer.words is not None) == ("word" in wanted)
        times = [(part.start, part.end) for part in answer.words or answer.segments]
        assert all(0 <= start < end <= answer.duration for start, end in times)
        assert all(before[1] <= after[0] for before, after in itertools.pairwise(times))
        if answer.words:
            assert " ".join(word.word for word in answer.words) == answer.text
            assert all(0 <= word.probability <= 1 for word in answer.words)
        if answer.segments:
            assert " ".join(segment.text for segment in answer.segments) == answer.text
            assert [segment.id for segment in answer.segments] == list(range(len(answer.segments)))
            assert answer.segments[0].avg_logprob is None, "the decoder has none; it must not be invented"


def check_stream(events: list) -> None:
    *deltas, done = events
    assert deltas
    assert {event.type for event in deltas} == {"transcript.text.delta"}
    assert done.type == "transcript.text.done"
    assert "".join(event.delta for event in deltas) == done.text
    assert wrong_words(done.text) <= 0.1
    assert done.usage.seconds == 5


@pytest.mark.parametrize("granularities", GRANULARITIES, ids=lambda g: "+".join(g or ["default"]))
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("response_format", FORMATS)
def test_every_format_stream_and_granularity(create, response_format, stream, granularities):
    fields = {"file": CLIP, "model": "whisper-1", "response_format": response_format, "stream": stream}
    if granularities is not None:
        fields["timestamp_granularities"] = granularities

    if granularities and response_format != "verbose_json":
        with pytest.raises(openai.BadRequestError) as refused:
            create(**fields)
        assert refused.value.param == "timestamp_granularities"
    elif stream and response_format not in ("json", "text"):
        with pytest.raises(openai.BadRequestError) as refused:
            create(**fields)
        assert refused.value.param == "stream"
    elif stream:
        check_stream(create(**fields))
    else:
        check_whole(create(**fields), response_format, granularities)


@pytest.mark.parametrize(
    "strategy",
    [
        "auto",
        {"type": "server_vad"},
        {"type": "server_vad", "threshold": 0.6, "prefix_padding_ms": 200, "silence_duration_ms": 300},
        '{"type": "server_vad", "threshold": 0.6}',
    ],
    ids=["auto", "object", "tuned", "json"],
)
def test_every_spelling_of_chunking_strategy(client, strategy):
    answer = client.audio.transcriptions.create(file=CLIP, model="whisper-1", chunking_strategy=strategy)
    assert wrong_words(answer.text) <= 0.1


def test_chunking_strategy_tunes_the_voice_detection(client):
    """No probability reaches 1, so that threshold leaves nothing."""
    deaf = {"type": "server_vad", "threshold": 1.0}
    answer = client.audio.transcriptions.create(file=CLIP, model="whisper-1", chunking_strategy=deaf)
    assert answer.text == ""
    switched_off = client.audio.transcriptions.create(
        file=CLIP, model="whisper-1", chunking_strategy=deaf, extra_body={"vad": False}
    )
    assert wrong_words(switched_off.text) <= 0.2


def test_language_prompt_and_temperature_are_taken(client):
    answer = client.audio.transcriptions.create(
        file=CLIP, model="whisper-1", language="EN", prompt="A bridge.", temperature=0
    )
    assert wrong_words(answer.text) <= 0.1


def test_a_file_without_a_name_is_known_by_its_content(client):
    answer = client.audio.transcriptions.create(file=io.BytesIO(CLIP.read_bytes()), model="pocketsphinx")
    assert wrong_words(answer.text) <= 0.1


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3", "m4a", "webm", "mp4", "mkv"])
def test_every_container(client, suffix, tmp_path):
    """Made here by PyAV's encoders; mp4 and mkv carry a video track beside the sound."""
    file = tmp_path / f"clip.{suffix}"
    convert(CLIP, file, video=suffix in ("mp4", "mkv"))
    answer = client.audio.transcriptions.create(file=file, model="whisper-1")
    assert wrong_words(answer.text) <= 0.25


def convert(source: Path, target: Path, video: bool) -> None:
    import av
    import numpy as np

    codec = {"wav": "pcm_s16le", "flac": "flac", "ogg": "libopus", "mp3": "mp3", "webm": "libopus"}
    with av.open(source) as heard, av.open(target, "w") as out:
        if video:
            picture = out.add_stream("mpeg4", rate=10)
            picture.width = picture.height = 32
            picture.pix_fmt = "yuv420p"
        sound = out.add_stream(codec.get(target.suffix[1:], "aac"), rate=48_000, layout="mono")
        if video:
            for _ in range(10):
                black = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8))
                out.mux(picture.encode(black))
            out.mux(picture.encode(None))
        for frame in heard.decode(audio=0):
            frame.pts = None
            out.mux(sound.encode(frame))
        out.mux(sound.encode(None))


def test_answers_say_which_engine_made_them_and_where_the_time_went(client):
    raw = client.audio.transcriptions.with_raw_response.create(file=CLIP, model="whisper-1")
    assert raw.headers["x-ladder-engine"] == "pocketsphinx"
    spent = json.loads(raw.headers["x-ladder-timings"])
    assert {"queue", "decode", "vad", "model"} <= set(spent)
    assert spent["model"] > 0
    assert raw.headers["x-content-type-options"] == "nosniff"


def test_text_formats_are_plain_text(client):
    for response_format in ("text", "srt", "vtt"):
        raw = client.audio.transcriptions.with_raw_response.create(
            file=CLIP, model="whisper-1", response_format=response_format
        )
        assert raw.headers["content-type"].startswith("text/plain")


def test_models_are_listed_with_their_aliases(client):
    listed = {model.id: model for model in client.models.list()}
    assert "pocketsphinx" in listed
    assert "whisper-1" in listed["pocketsphinx"].aliases
    assert client.models.retrieve("whisper-1").id == "pocketsphinx"
    with pytest.raises(openai.NotFoundError) as missing:
        client.models.retrieve("no/such model")
    assert missing.value.code == "model_not_found"


@pytest.mark.parametrize(
    ("fields", "status", "param"),
    [
        ({"model": "gpt-transcribe"}, 404, "model"),
        ({"model": "whisper-large-v3"}, 404, "model"),
        ({"response_format": "diarized_json"}, 400, "response_format"),
        ({"timestamp_granularities": ["letter"]}, 400, "timestamp_granularities"),
        ({"language": "fr"}, 400, "language"),
        ({"language": "english"}, 400, "language"),
        ({"temperature": 1.5}, 400, "temperature"),
        ({"extra_body": {"temperature": "nan"}}, 400, "temperature"),
        ({"extra_body": {"stream": "perhaps"}}, 400, "stream"),
        ({"chunking_strategy": "sometimes"}, 400, "chunking_strategy"),
        ({"chunking_strategy": {"type": "server_vad", "threshold": 7}}, 400, "chunking_strategy"),
        ({"chunking_strategy": '{"type": "client_vad"}'}, 400, "chunking_strategy"),
        ({"chunking_strategy": '{"type": "server_vad", "pitch": 1}'}, 400, "chunking_strategy"),
        ({"chunking_strategy": '["server_vad"]'}, 400, "chunking_strategy"),
        ({"file": b""}, 400, "file"),
        ({"file": ("talk.wav", b"This is text, not sound.")}, 400, "file"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_every_error_names_the_parameter(create, fields, status, param):
    with pytest.raises(openai.APIStatusError) as refused:
        create(**({"file": CLIP, "model": "whisper-1"} | fields))
    error = refused.value
    assert error.status_code == status
    assert error.param == param
    assert error.message.rstrip().endswith((".", "?")) or "ladder" in error.message
    assert set(error.body) == {"message", "type", "param", "code"}


def test_a_model_that_was_not_pulled_says_how_to_get_it(client):
    with pytest.raises(openai.NotFoundError, match="ladder models pull whisper-base"):
        client.audio.transcriptions.create(file=CLIP, model="whisper-base")


def test_a_stream_that_cannot_start_is_a_plain_400(create):
    with pytest.raises(openai.BadRequestError) as refused:
        create(file=b"no sound", model="whisper-1", stream=True)
    assert refused.value.param == "file"


def test_translation_by_an_engine_that_cannot_is_a_clear_400(client):
    with pytest.raises(openai.BadRequestError, match="cannot translate") as refused:
        client.audio.translations.create(file=CLIP, model="whisper-1")
    assert refused.value.param == "model"
