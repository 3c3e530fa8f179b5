"""What is asked of each model, and what is said about the rest."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from level1_api.audio import Audio
from level1_api.plan import Options, plan
from shared import models
from shared.errors import BadUsage

CLIP = Audio(Path("talk.mp3"), "talk.mp3", 200_000, "", 30.0, "mp3", np.zeros(1500))
OPENAI = Options(provider="openai")


def test_a_local_model_is_asked_for_everything_once():
    made = plan(Options(provider="local", format="srt", words=True), CLIP)
    assert made.request == {
        "model": "pocketsphinx",
        "response_format": "verbose_json",
        "timestamp_granularities": ["segment", "word"],
    }
    assert (made.output, made.as_is, made.notes) == ("srt", True, ())


def test_openai_gets_its_current_model_unless_times_are_wanted():
    assert plan(OPENAI, CLIP).model == "gpt-transcribe"
    assert plan(replace(OPENAI, format="vtt"), CLIP).model == "whisper-1"
    assert plan(replace(OPENAI, words=True), CLIP).model == "whisper-1"


@pytest.mark.parametrize(
    ("wanted", "left", "sentence"),
    [
        ("srt", "text", "no subtitles"),
        ("vtt", "text", "no subtitles"),
        ("verbose_json", "json", "text alone"),
        ("text", "text", "words have no times"),
    ],
)
def test_a_model_without_times_gives_less_and_says_so(wanted, left, sentence):
    made = plan(replace(OPENAI, model="gpt-transcribe", format=wanted, words=wanted == "text"), CLIP)
    assert made.output == left
    assert made.request == {"model": "gpt-transcribe", "response_format": "json"}
    assert len(made.notes) == 1
    assert sentence in made.notes[0] and "whisper-1" in made.notes[0]


def test_a_stream_carries_no_times():
    local = Options(provider="local", stream=True)
    made = plan(local, CLIP)
    assert made.stream and made.request["response_format"] == "json"
    made = plan(replace(local, format="srt"), CLIP)
    assert not made.stream and "not streamed" in made.notes[0]


def test_a_model_that_cannot_stream_says_so():
    made = plan(replace(OPENAI, model="whisper-1", stream=True), CLIP)
    assert not made.stream and any("does not stream" in note for note in made.notes)


def test_an_unknown_model_is_asked_for_plain_json_only():
    made = plan(replace(OPENAI, model="somebody/whisper-xl", format="srt"), CLIP)
    assert made.request == {"model": "somebody/whisper-xl", "response_format": "json"}
    assert made.output == "text" and made.usd_per_minute is None


def test_what_the_user_says_is_passed_on_and_nothing_else():
    said = Options(provider="local", language="en", prompt="harbour, quay", temperature=0.0, vad=False)
    request = plan(said, CLIP).request
    assert request["language"] == "en" and request["prompt"] == "harbour, quay"
    assert request["temperature"] == 0.0 and request["extra_body"] == {"vad": False}
    assert not {"language", "prompt", "temperature", "extra_body", "stream"} & set(
        plan(Options(), CLIP).request
    )


def test_the_switch_of_the_local_service_is_not_sent_elsewhere():
    made = plan(replace(OPENAI, vad=True), CLIP)
    assert "extra_body" not in made.request and "local service" in made.notes[0]


@pytest.mark.parametrize(
    ("audio", "reason"),
    [
        (replace(CLIP, seconds=1500.0), "1500 s"),
        (replace(CLIP, size=26_214_401), "26 MB"),
        (replace(CLIP, container="aiff"), "aiff"),
    ],
)
def test_what_cannot_go_up_as_it_is_goes_up_as_flac(audio, reason):
    made = plan(replace(OPENAI, chunk_s=5000), audio)
    assert not made.as_is and reason in made.notes[0]


def test_the_local_service_looks_at_content_so_any_container_goes_up():
    assert plan(Options(provider="local"), replace(CLIP, container="aiff")).as_is


def test_pieces_keep_every_limit():
    long = replace(CLIP, seconds=7200.0)
    assert plan(replace(OPENAI, chunk_s=600), long).longest_s == 600
    gpt, whisper = (
        plan(replace(OPENAI, model=m, chunk_s=7000), long) for m in ("gpt-transcribe", "whisper-1")
    )
    assert gpt.longest_s <= 1400
    worst = whisper.longest_s * 16_000 * 2  # white noise does not shrink
    assert worst < models.UPLOAD_BYTES


def test_pieces_ask_for_word_times_where_they_can_be_had():
    long = replace(CLIP, seconds=7200.0)
    assert plan(Options(provider="local"), long).request["timestamp_granularities"] == ["segment", "word"]
    assert "timestamp_granularities" not in plan(replace(OPENAI, model="gpt-transcribe"), long).request


def test_an_alias_has_the_skills_of_what_answers_for_it():
    made = plan(Options(provider="local", model="whisper-1", stream=True), CLIP)
    assert made.stream and made.usd_per_minute == 0
    assert made.notes == ("The local service answers whisper-1 with pocketsphinx.",)


def test_a_model_of_openai_is_not_looked_for_here():
    with pytest.raises(BadUsage, match="gpt-4o-transcribe runs at OpenAI") as caught:
        plan(Options(provider="local", model="gpt-4o-transcribe"), CLIP)
    assert "--provider openai" in caught.value.fix and "leaves this machine" in caught.value.fix


def test_a_prompt_that_changes_nothing_is_told():
    hint = Options(provider="local", prompt="harbour")
    assert any("takes no prompt" in note for note in plan(hint, CLIP).notes)
    assert plan(replace(hint, model="whisper-tiny"), CLIP).notes == ()


@pytest.fixture
def ending(monkeypatch):
    """Give whisper-1 another last day."""

    def set_to(last: date) -> None:
        changed = [replace(m, shutdown=last) if m.id == "whisper-1" else m for m in models.CATALOGUE]
        monkeypatch.setattr(models, "CATALOGUE", tuple(changed))

    return set_to


def test_a_near_shutdown_is_said_a_far_one_is_not(ending):
    today = date.today().toordinal()
    ending(date.fromordinal(today + 119))
    assert "in 119 days" in plan(replace(OPENAI, model="whisper-1"), CLIP).notes[0]
    ending(date.fromordinal(today + 120))
    assert plan(replace(OPENAI, model="whisper-1"), CLIP).notes == ()


def test_a_model_that_has_ended_is_refused_but_its_local_name_lives(ending):
    ending(date.fromordinal(date.today().toordinal() - 1))
    with pytest.raises(BadUsage, match="was shut down") as caught:
        plan(replace(OPENAI, model="whisper-1"), CLIP)
    assert "gpt-transcribe" in caught.value.fix
    assert not any("shut" in n for n in plan(Options(provider="local", model="whisper-1"), CLIP).notes)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (Options(format="docx"), "docx"),
        (Options(temperature=1.5), "1.5"),
        (Options(chunk_s=3), "no room"),
        (Options(chunk_s=20, overlap_s=6), "no room"),
        (Options(overlap_s=-1), "no room"),
        (Options(provider="nowhere"), "nowhere"),
    ],
)
def test_what_cannot_be_is_refused_with_a_way_out(options, sentence):
    with pytest.raises(BadUsage, match=sentence) as caught:
        plan(options, CLIP)
    assert caught.value.fix
