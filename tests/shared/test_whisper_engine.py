"""The Whisper engine through the service, with a real model: its clips come back over OpenAI's SDK."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pysubs2
import pytest
from openai import OpenAI
from openai.types.audio import TranscriptionVerbose
from service_fixtures import running_service, wav
from tiny_whisper import CLIPS, RATE, aligned

from level1_api.samples import sample

MODEL = "tiny-whisper"
clips = pytest.mark.parametrize("clip", [sample(name) for name in CLIPS], ids=CLIPS)


@pytest.fixture(scope="module")
def client(tiny_whisper: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenAI]:
    """Talks to a service that serves the tiny Whisper beside its own engine."""
    folder = tmp_path_factory.mktemp("whisper-service")
    with (
        running_service(folder, LADDER_WHISPER_FOLDERS=str(tiny_whisper)) as service,
        OpenAI(base_url=service.base_url, api_key="none", max_retries=0) as client,
    ):
        yield client


def decode(path: Path) -> np.ndarray:
    from faster_whisper.audio import decode_audio

    return decode_audio(str(path), sampling_rate=RATE)


def verbose(client: OpenAI, file: object) -> TranscriptionVerbose:
    return client.audio.transcriptions.create(
        model=MODEL,
        file=file,
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
    )


def test_folder_is_listed_by_its_name(client: OpenAI):
    assert client.models.retrieve(MODEL).id == MODEL
    assert {"pocketsphinx", MODEL} <= {model.id for model in client.models.list()}


@clips
def test_text(client: OpenAI, clip):
    answer = client.audio.transcriptions.create(model=MODEL, file=clip.path)
    assert answer.text.strip() == clip.text


@clips
def test_words_are_where_they_are_spoken(client: OpenAI, clip):
    answer = verbose(client, clip.path)
    assert answer.language == "english"
    assert answer.duration == pytest.approx(clip.seconds, abs=0.05)
    assert [word.word for word in answer.words] == clip.text.split()
    edges = [edge for word in answer.words for edge in (word.start, word.end)]
    assert edges == sorted(edges)
    assert edges[0] >= 0
    assert edges[-1] <= answer.duration
    spoken = aligned(decode(clip.path), clip.text)
    late = [heard.start - true.start for heard, true in zip(answer.words, spoken, strict=True)]
    assert np.abs(late).mean() < 0.2


@clips
def test_segments_are_its_sentences(client: OpenAI, clip):
    first, second = verbose(client, clip.path).segments
    assert f"{first.text.strip()} {second.text.strip()}" == clip.text
    assert 0 <= first.start < first.end <= second.start < second.end <= clip.seconds
    for segment in (first, second):
        assert -1 < segment.avg_logprob < 0
        assert 0 <= segment.no_speech_prob < 0.5
        assert segment.tokens


@clips
def test_subtitles(client: OpenAI, clip):
    text = client.audio.transcriptions.create(model=MODEL, file=clip.path, response_format="srt")
    cues = pysubs2.SSAFile.from_string(text, format_="srt").events
    assert " ".join(cue.plaintext.replace("\n", " ") for cue in cues) == clip.text
    assert cues[-1].end <= round(clip.seconds * 1000)


@clips
def test_stream(client: OpenAI, clip):
    events = list(client.audio.transcriptions.create(model=MODEL, file=clip.path, stream=True))
    deltas = [event.delta for event in events if event.type == "transcript.text.delta"]
    assert len(deltas) > 1
    assert events[-1].type == "transcript.text.done"
    assert events[-1].text == "".join(deltas)
    assert events[-1].text.strip() == clip.text


@clips
@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # OpenAI ends this endpoint; we keep it
def test_translation_into_english(client: OpenAI, clip):
    """Of English, the translation is the words themselves."""
    answer = client.audio.translations.create(model=MODEL, file=clip.path)
    assert answer.text.strip() == clip.text


@pytest.mark.parametrize("name", ["silence", "noise", "hum"])
def test_nothing_is_heard_where_nobody_speaks(client: OpenAI, name: str):
    answer = verbose(client, sample(name).path)
    assert (answer.text, answer.segments, answer.words) == ("", [], [])


def test_times_after_a_long_silence_are_those_of_the_file(client: OpenAI):
    """Two clips 10 s apart: the silence is never shown to the model, the times still count it."""
    first, second = (sample(name) for name in CLIPS)
    before = decode(first.path)
    file = np.concatenate([before, np.zeros(10 * RATE, np.float32), decode(second.path)])
    answer = verbose(client, ("both.wav", io.BytesIO(wav(file))))
    assert answer.text.strip() == f"{first.text} {second.text}"
    begin = len(before) / RATE + 10
    spoken = aligned(decode(second.path), second.text)
    heard = answer.words[len(first.text.split()) :]
    late = [word.start - begin - true.start for word, true in zip(heard, spoken, strict=True)]
    assert np.abs(late).mean() < 0.2


def test_same_clip_gives_the_same_answer(client: OpenAI):
    path = sample(CLIPS[0]).path
    assert verbose(client, path) == verbose(client, path)
