"""Where nobody speaks nothing is heard; where somebody does, no word is clipped."""

from __future__ import annotations

import itertools
import threading

import numpy as np
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from service_fixtures import Service, sample, wav

from shared.service.audio import RATE, decode
from shared.service.vad import LONGEST_S, Span, Tuning, fixed_spans, speech_spans

GO_ON = threading.Event()
T = np.arange(6 * RATE) / RATE


def noise(level: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, level, len(T))


def hum(mains: float, level: float, overtones: int, phase: float = 0.0) -> np.ndarray:
    wave = sum(np.sin(2 * np.pi * mains * k * T + k * phase) / k for k in range(1, overtones + 1))
    return level * wave / np.abs(wave).max()


def pcm(samples: np.ndarray) -> np.ndarray:
    return (np.clip(samples, -1, 1) * 32767).astype(np.int16)


def heard(name: str) -> np.ndarray:
    with sample(name).open("rb") as file:
        return decode(file, 600, GO_ON)


NOTHING = {
    "digital silence": np.zeros(len(T)),
    "faint noise": noise(0.001),
    "noise": noise(0.03),
    "loud noise": noise(0.3),
    "50 Hz": hum(50, 0.3, 1),
    "50 Hz with overtones": hum(50, 0.5, 8),
    "60 Hz": hum(60, 0.3, 1),
    "60 Hz with overtones": hum(60, 0.5, 8, phase=1),
    "hum and noise": hum(50, 0.3, 4) + noise(0.02),
}


@pytest.mark.parametrize("strategy", [None, "auto"])
@pytest.mark.parametrize("name", NOTHING)
def test_no_speech_no_text(service: Service, name: str, strategy: str | None):
    client = openai.OpenAI(base_url=service.base_url, api_key="x", max_retries=0)
    fields = {"chunking_strategy": strategy} if strategy else {}
    answer = client.audio.transcriptions.create(
        file=wav(NOTHING[name]),
        model="whisper-1",
        response_format="verbose_json",
        timestamp_granularities=["segment", "word"],
        **fields,
    )
    assert (answer.text, answer.segments, answer.words) == ("", [], [])


def test_no_speech_in_the_other_formats(service: Service):
    client = openai.OpenAI(base_url=service.base_url, api_key="x", max_retries=0)
    silence = wav(NOTHING["digital silence"])
    for response_format, nothing in (("text", ""), ("srt", ""), ("vtt", "WEBVTT")):
        answer = client.audio.transcriptions.create(
            file=silence, model="whisper-1", response_format=response_format
        )
        assert answer.strip() == nothing
    events = list(client.audio.transcriptions.create(file=silence, model="whisper-1", stream=True))
    assert [event.type for event in events] == ["transcript.text.done"]
    assert events[0].text == ""


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([50.0, 60.0]), st.floats(0.001, 1), st.integers(1, 10), st.floats(0, 3), st.floats(0, 0.1)
)
def test_any_hum_is_no_speech(mains: float, level: float, overtones: int, phase: float, hiss: float):
    assert speech_spans(pcm(hum(mains, level, overtones, phase) + noise(hiss)), Tuning(), GO_ON) == []


@pytest.mark.parametrize("name", ["silence.flac", "noise.ogg", "hum.ogg"])
def test_the_sample_clips_without_speech(name: str):
    assert speech_spans(heard(name), Tuning(), GO_ON) == []


@pytest.mark.parametrize("gain", [1.0, 0.05])
@pytest.mark.parametrize("name", ["greeting.mp3", "bridge.webm", "dialogue.ogg"])
def test_no_word_is_clipped(name: str, gain: float):
    """All that is loud enough to be a word lies inside the spans, with a second of silence put around it."""
    samples = heard(name)
    padded = np.concatenate([np.zeros(RATE, np.int16), samples, np.zeros(RATE, np.int16)])
    spans = speech_spans((padded * gain).astype(np.int16), Tuning(), GO_ON)
    kept = np.zeros(len(padded), bool)
    for span in spans:
        kept[span.start : span.end] = True
    loud = np.abs(padded) > 0.05 * np.abs(padded).max()
    assert kept[loud].all()
    assert not kept[: RATE // 4].any(), "and the silence outside is left out"


def test_a_pause_parts_two_spans():
    spans = speech_spans(heard("pause.ogg"), Tuning(), GO_ON)
    gaps = [(after.start - before.end) / RATE for before, after in itertools.pairwise(spans)]
    assert max(gaps) == pytest.approx(10, abs=1.5)


def test_long_audio_gives_the_same_spans_whole_and_in_blocks(monkeypatch: pytest.MonkeyPatch):
    """The three minutes of the long sample, in one block and in blocks of 40 s."""
    samples = heard("ladder.ogg")
    whole = speech_spans(samples, Tuning(), GO_ON)
    monkeypatch.setattr("shared.service.vad.BLOCK_S", 40.0)
    blocks = speech_spans(samples, Tuning(), GO_ON)
    assert sum(s.end - s.start for s in blocks) == pytest.approx(
        sum(s.end - s.start for s in whole), rel=0.02
    )
    for spans in (whole, blocks):
        check_order(spans, len(samples))


def check_order(spans: list[Span], size: int) -> None:
    assert spans
    assert spans[0].start >= 0
    assert spans[-1].end <= size
    assert all(before.end <= after.start for before, after in itertools.pairwise(spans))
    assert all(0 < span.end - span.start <= LONGEST_S * RATE for span in spans)


def test_without_detection_all_of_the_audio_is_cut_at_quiet_places():
    samples = heard("ladder.ogg")
    spans = fixed_spans(samples)
    check_order(spans, len(samples))
    assert spans[0].start == 0
    assert spans[-1].end == len(samples)
    assert all(before.end == after.start for before, after in itertools.pairwise(spans))
    cuts = [np.abs(samples[span.end - 80 : span.end + 80]).max() for span in spans[:-1]]
    assert max(cuts) < 0.05 * np.abs(samples).max()
