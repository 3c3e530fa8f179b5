"""The page of level 1, used as a person uses it: every click runs the real script on the real service."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from level1_api.audio import SUFFIXES
from level1_api.samples import sample
from shared import store, tour
from shared.settings import CLONE, settings

HOSTILE = "<img src=x onerror=alert(1)> **bold** [link](http://evil) :red[x] $x$ <script>alert(1)</script>"

pytestmark = pytest.mark.usefixtures("on_demand")


@pytest.fixture(autouse=True)
def clear() -> Iterator[None]:
    yield
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture
def page() -> AppTest:
    return fine(AppTest.from_file(str(CLONE / "level1_api" / "app.py"), default_timeout=60).run())


def fine(page: AppTest) -> AppTest:
    assert not page.exception, page.exception
    return page


def choose(page: AppTest, name: str) -> None:
    page.selectbox[0].set_value(sample(name))


def upload(page: AppTest, name: str, data: bytes, said: str = "") -> None:
    page.button_group(key="kind").set_value("Upload")
    page.run()
    page.file_uploader(key="upload").upload(name, data)
    page.text_input(key="said").set_value(said)


def transcribe(page: AppTest) -> AppTest:
    page.run()
    next(b for b in page.button if b.label == "Transcribe").click()
    return fine(page.run())


def html(page: AppTest) -> str:
    """All that the page shows as HTML of its own."""
    return "\n".join(element.proto.body for element in page.get("html"))


def text(page: AppTest) -> str:
    """The words of the transcript, without markup."""
    import re

    return re.sub(r"<[^>]*>", "", page.get("html")[0].proto.body)


def links(page: AppTest) -> list[str]:
    return [element.proto.url for element in page.get("link_button")]


def captions(page: AppTest) -> list[str]:
    return [caption.value for caption in page.caption]


def headings(page: AppTest) -> list[str]:
    return [heading.value for heading in page.subheader]


def numbers(page: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in page.metric}


def test_a_sample_becomes_text_with_its_numbers_and_its_run(page: AppTest) -> None:
    choose(page, "greeting")
    transcribe(page)
    assert "welcome to the first step" in text(page)
    assert numbers(page)["Sound"] == "4.8 s"
    assert numbers(page)["Word error rate"].endswith("%")
    (link,) = links(page)
    run = store.prepare_store().get_run(link.rsplit("/", 1)[1])
    assert run.info.run_name == "greeting.mp3"
    assert f"{run.data.metrics['wer']:.1%}" == numbers(page)["Word error rate"]
    assert (run.data.tags["source"], run.data.tags["engine"]) == ("page", "pocketsphinx")
    assert [d.proto.label for d in page.get("download_button")] == [
        "greeting.srt", "greeting.vtt", "greeting.json",
    ]  # fmt: skip
    assert page.code[0].value.startswith("1\n00:00:")
    assert 'model="pocketsphinx"' in page.code[1].value
    assert 'open("level1_api/samples/greeting.mp3", "rb")' in page.code[1].value
    assert "folder of this project" in " ".join(captions(page))


def test_the_same_again_is_neither_asked_nor_recorded_twice(page: AppTest) -> None:
    choose(page, "bridge")
    before = links(transcribe(page))
    assert links(transcribe(page)) == before
    assert numbers(page)["Sound"] == "4.6 s"


def test_hearing_a_phrase_adds_a_player_for_it_alone(page: AppTest) -> None:
    choose(page, "harbour")
    transcribe(page)
    phrases = [b for b in page.button if (b.key or "").startswith("hear")]
    assert len(phrases) == page.code[0].value.count(" --> ") > 1
    assert phrases[0].label == "0:00.3"
    assert len(page.get("audio")) == 1
    phrases[1].click()
    fine(page.run())
    assert len(page.get("audio")) == 2
    assert page.get("audio")[1].proto.autoplay


def test_an_upload_with_its_words_gets_a_word_error_rate(page: AppTest) -> None:
    clip = sample("greeting")
    upload(page, "mine.mp3", clip.path.read_bytes(), clip.text)
    transcribe(page)
    assert float(numbers(page)["Word error rate"].rstrip("%")) < 20
    assert "<del>ladder</del> <ins>latter</ins>" in html(page)
    assert any("95 % interval" in caption.value for caption in page.caption)


def test_an_upload_without_its_words_gets_none(page: AppTest) -> None:
    upload(page, "mine.mp3", sample("greeting").path.read_bytes())
    transcribe(page)
    assert "Word error rate" not in numbers(page)
    assert "welcome" in text(page)


def test_what_is_spoken_into_the_microphone_becomes_text(page: AppTest) -> None:
    page.button_group(key="kind").set_value("Record")
    page.run()
    assert page.button[0].disabled, "there is nothing to transcribe yet"
    page.audio_input(key="record").upload("recorded.wav", sample("bridge").path.read_bytes())
    transcribe(page)
    assert "the bridge is closed on monday" in text(page)


def test_two_settings_side_by_side_are_two_results_and_two_runs(page: AppTest) -> None:
    choose(page, "bridge")
    page.toggle(key="two").set_value(True)
    page.run()
    page.toggle(key="vad B").set_value(False)
    transcribe(page)
    assert len(page.metric) == 6 and len(page.columns) >= 2
    on, off = (f"pocketsphinx, speech filter {state}, word times" for state in ("on", "off"))
    assert headings(page) == ["bridge\\.webm"]
    rows = [markdown.value for markdown in page.markdown]
    assert rows.count(f"**A · {on}**") == rows.count(f"**B · {off}**") == 2, "the choice and the result"
    assert any("ladder models pull" in caption and "one engine" in caption for caption in captions(page))
    runs = [store.prepare_store().get_run(link.rsplit("/", 1)[1]) for link in links(page)]
    assert [run.data.params["vad"] for run in runs] == ["True", "False"]


def test_two_settings_that_are_the_same_are_asked_once_and_it_says_so(page: AppTest) -> None:
    choose(page, "bridge")
    page.toggle(key="two").set_value(True)
    transcribe(page)
    assert [info.value for info in page.info] == [
        "Both settings are the same. Change one of them to compare."
    ]
    assert len(links(page)) == 1
    assert len(headings(page)) == 1


@pytest.mark.parametrize("name", ["silence", "noise", "hum"])
def test_nobody_speaks_in_silence(page: AppTest, name: str) -> None:
    choose(page, name)
    transcribe(page)
    assert "Nobody speaks here." in [t.value for t in page.text]
    assert not page.get("download_button")


def test_a_text_named_wav_gets_a_sentence_and_the_page_goes_on(page: AppTest) -> None:
    upload(page, "notes.wav", b"This is not sound at all. " * 100)
    transcribe(page)
    (box,) = page.error
    assert "notes" in box.value and "**" in box.value
    assert not page.metric and not links(page)
    upload(page, "mine.mp3", sample("greeting").path.read_bytes())
    transcribe(page)
    assert "welcome" in text(page) and not page.error


def test_hostile_words_are_shown_and_never_obeyed(page: AppTest) -> None:
    upload(page, f"{HOSTILE}.mp3", sample("greeting").path.read_bytes(), f"welcome {HOSTILE}")
    transcribe(page)
    assert "<img" not in html(page) and "<script" not in html(page)
    assert "welcome" in html(page)


def test_a_hostile_file_name_in_an_error_is_plain_text(page: AppTest) -> None:
    upload(page, f"{HOSTILE}.wav", b"no sound " * 100)
    transcribe(page)
    box = page.error[0].value
    for markup in ("<img", "**bold**", "[link](", ":red[", "$x$", "<script"):
        assert markup not in box, markup
    assert "bold" in box


def test_a_result_says_whose_it_is_when_something_else_is_chosen(page: AppTest) -> None:
    choose(page, "bridge")
    transcribe(page)
    assert headings(page) == ["bridge\\.webm"] and not page.info
    choose(page, "greeting")
    fine(page.run())
    assert headings(page) == ["bridge\\.webm"]
    assert [info.value for info in page.info] == [
        "This is bridge\\.webm. Press Transcribe for greeting\\.mp3."
    ]
    choose(page, "bridge")
    page.toggle(key="words A").set_value(False)
    fine(page.run())
    assert "what was chosen before" in page.info[0].value
    transcribe(page)
    assert not page.info


def test_an_engine_of_one_language_offers_that_one(page: AppTest) -> None:
    assert page.selectbox(key="english A").options == ["English"]
    assert not [box for box in page.text_input if box.label == "Language"]


def test_an_engine_of_many_languages_takes_a_code_and_ignores_nonsense(
    tmp_path: Path, fresh_settings: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "of-my-own"
    folder.mkdir()
    (folder / "model.bin").touch()
    fresh_settings.setenv("LADDER_WHISPER_FOLDERS", str(folder))
    fresh_settings.setenv("LADDER_SPEECH_MODEL", "of-my-own")
    settings.cache_clear()
    page = fine(AppTest.from_file(str(CLONE / "level1_api" / "app.py"), default_timeout=60).run())
    page.text_input(key="language A").set_value("!!")
    fine(page.run())
    assert any("the engine guesses" in caption for caption in captions(page))
    page.text_input(key="language A").set_value("de")
    page.toggle(key="two").set_value(True)
    fine(page.run())
    assert any("of\\-my\\-own, language de" in markdown.value for markdown in page.markdown)
    assert not any("one engine" in caption for caption in captions(page))


def test_each_number_says_what_it_is(page: AppTest) -> None:
    choose(page, "greeting")
    transcribe(page)
    told = {metric.label: metric.help for metric in page.metric}
    assert "0 % is perfect" in told["Word error rate"]
    assert "Seconds of work for each second of sound" in told["Real-time factor"]
    assert "was heard instead" in html(page)


def test_the_uploader_takes_what_the_decoder_names(page: AppTest) -> None:
    page.button_group(key="kind").set_value("Upload")
    fine(page.run())
    assert set(page.get("file_uploader")[0].proto.type) >= SUFFIXES
    assert any("sent in pieces" in caption for caption in captions(page))


def test_the_home_page_links_to_the_runs_once_there_is_a_ui(
    own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hub() -> AppTest:
        return fine(AppTest.from_file(str(CLONE / "shared" / "hub.py"), default_timeout=60).run())

    runs = {1: "http://127.0.0.1:1/#/experiments/7/runs/abc", 2: "http://127.0.0.1:1/#/experiments/8/runs/d"}
    tour._save([tour.Stop(number, "", state="done", url=url) for number, url in runs.items()])
    closed = hub()
    assert [element.proto.disabled for element in closed.get("link_button")] == [True, True]
    assert any("`ladder ui` starts it" in caption for caption in captions(closed))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    settings.cache_clear()
    assert links(hub()) == [
        "http://127.0.0.1:9/#/experiments/8/runs/d", "http://127.0.0.1:9/#/experiments/7/runs/abc",
        "http://127.0.0.1:9/#/compare-experiments/s?experiments=%5B%227%22%2C%228%22%5D",
    ]  # fmt: skip
    tour._save([])
    assert links(hub()) == ["http://127.0.0.1:9"]


def test_the_page_works_inside_the_hub() -> None:
    hub = AppTest.from_file(str(CLONE / "shared" / "hub.py"), default_timeout=60)
    fine(hub.run())
    assert hub.title[0].value == "Ladder"
    hub.switch_page("../level1_api/app.py")
    fine(hub.run())
    assert hub.title[0].value.startswith("1 · ")
    choose(hub, "greeting")
    transcribe(hub)
    assert "welcome to the first step" in text(hub)
