"""What a person does in the browser, done in a real one. No request of any page leaves this machine."""

from __future__ import annotations

import re
import wave
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import webvtt
from driver import Links, launch, loopback_only, save

from level1_api.audio import RATE, Decoder
from level1_api.samples import sample

if TYPE_CHECKING:
    from playwright.sync_api import Page, Playwright

pytestmark = pytest.mark.e2e
Open = Callable[..., "Page"]


def wide(page: Page) -> int:
    """How many pixels the page is wider than the window."""
    return page.evaluate("document.documentElement.scrollWidth - window.innerWidth")


def transcribe(page: Page) -> None:
    page.get_by_role("button", name="Transcribe").click()
    page.get_by_role("link", name="Open this run in MLflow").wait_for()


def choose(page: Page, title: str) -> None:
    box = page.get_by_role("combobox", name=re.compile("Sample clip"))
    box.click()
    box.fill(title)
    page.get_by_role("option", name=re.compile(title)).first.click()


def heard(page: Page) -> str:
    return page.get_by_role("tabpanel", name="Transcript").inner_text()


def test_home_shows_six_rungs_and_leads_to_the_first(open_page: Open) -> None:
    page = open_page()
    page.get_by_role("heading", name="Ladder").wait_for()
    first = page.locator(".st-key-rung1")
    first.get_by_text("Use AI as an API").wait_for()
    first.get_by_text("tour not run yet", exact=True).wait_for()
    rungs = page.locator("[class*='st-key-rung']").all_inner_texts()
    assert [rung[0] for rung in rungs] == ["6", "5", "4", "3", "2", "1"]
    assert all("not run yet" in rung for rung in rungs)
    rails = page.locator(".st-key-ladder").evaluate("e => getComputedStyle(e).borderLeftWidth")
    assert rails == "10px"
    assert page.get_by_text("Deploy").count() == 0
    page.get_by_role("link", name="All runs in the MLflow UI").wait_for(timeout=120_000)  # once it answers
    first.get_by_role("link").click()
    page.get_by_role("heading", name="1 · Speech to text through an API").wait_for()
    assert page.url.endswith("/level1-api")
    assert page.title() == "1 · Speech to text through an API"


def test_a_sample_is_heard_and_its_run_opens_in_mlflow(open_page: Open, up: Links, tmp_path: Path) -> None:
    page = open_page("/level1-api")
    choose(page, "A greeting")
    transcribe(page)
    assert "welcome to the first step" in heard(page)
    rate = page.get_by_test_id("stMetricValue").first.inner_text()
    assert rate == "6.2%"

    page.get_by_role("tab", name="Subtitles").click()
    cues = webvtt.from_srt(str(save(page, "greeting.srt", tmp_path)))
    assert " ".join(cues[0].text.split()).startswith("welcome to the first step")
    assert webvtt.read(str(save(page, "greeting.vtt", tmp_path)))[0].text == cues[0].text

    page.get_by_role("tab", name="Listen").click()
    panel = page.get_by_role("tabpanel", name="Listen")
    panel.get_by_role("button").first.click()
    player = panel.locator("audio").nth(1)
    player.wait_for()
    page.wait_for_function("e => e.readyState > 0", arg=player.element_handle())
    length = (cues[0].end_in_seconds * 1000 - cues[0].start_in_seconds * 1000) / 1000
    assert player.evaluate("e => e.duration") == pytest.approx(length, abs=1.01), "that phrase alone"
    page.wait_for_function("e => e.currentTime > 0", arg=player.element_handle())

    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Open this run in MLflow").click()
    run = opened.value
    assert run.url.startswith(up.mlflow)
    run.get_by_text("greeting.mp3").first.wait_for(timeout=60_000)
    run.get_by_text("wer", exact=True).first.wait_for(timeout=60_000)
    assert run.get_by_text("0.0625").count(), "the number on the page is the number of the run"


def test_a_file_of_ones_own(open_page: Open) -> None:
    page = open_page("/level1-api")
    page.get_by_text("Upload", exact=True).first.click()
    page.locator("input[type=file]").set_input_files(sample("bridge").path)
    page.get_by_label(re.compile("What is said")).fill("the bridge <img src=x onerror=alert(1)> is closed")
    page.on("dialog", lambda dialog: pytest.fail("a script of the reference ran"))
    transcribe(page)
    assert "the bridge is closed on monday" in heard(page)
    page.get_by_role("tab", name="Misheard").click()
    assert "img src" in page.get_by_role("tabpanel", name="Misheard").inner_text()
    assert page.locator("img[src=x]").count() == 0


def test_a_text_named_wav_is_refused_in_a_sentence(open_page: Open, tmp_path: Path) -> None:
    fake = tmp_path / "notes.wav"
    fake.write_text("This is not sound. " * 50)
    page = open_page("/level1-api")
    page.get_by_text("Upload", exact=True).first.click()
    page.locator("input[type=file]").set_input_files(fake)
    page.get_by_text("notes.wav").first.wait_for()
    page.get_by_role("button", name="Transcribe").click()
    box = page.get_by_test_id("stAlert")
    box.wait_for()
    assert "notes.wav" in box.inner_text()
    assert page.get_by_test_id("stException").count() == 0


def test_a_long_wait_tells_what_goes_on_and_survives_a_click(open_page: Open) -> None:
    page = open_page("/level1-api")
    choose(page, "The six steps of the ladder")
    page.get_by_role("button", name="Transcribe").click()
    told = page.get_by_text(re.compile(r"Listening to ladder\.ogg, 183 s of sound · \d+ s so far"))
    told.wait_for()
    first = told.inner_text()
    page.wait_for_function("([e, text]) => e.innerText != text", arg=[told.element_handle(), first])
    assert page.get_by_role("progressbar").count() == 0, "one piece: no share is known"
    page.get_by_text("Side by side").click()
    page.get_by_text(re.compile("what was chosen before")).wait_for()
    page.get_by_role("link", name="Open this run in MLflow").wait_for(timeout=180_000)
    assert "each step stands on the one below" in heard(page)


def test_two_settings_stand_side_by_side(open_page: Open) -> None:
    page = open_page("/level1-api")
    choose(page, "The bridge is closed")
    page.get_by_text("Side by side").click()
    page.get_by_text("Speech filter", exact=True).nth(1).click()
    page.get_by_role("button", name="Transcribe").click()
    page.get_by_role("link", name="Open this run in MLflow").nth(1).wait_for()
    left, right = (page.get_by_role("tabpanel", name="Transcript").nth(i).bounding_box() for i in (0, 1))
    assert left and right and left["x"] + left["width"] <= right["x"] and abs(left["y"] - right["y"]) < 50


def test_a_phone_never_scrolls_sideways(open_page: Open) -> None:
    page = open_page(width=390)
    page.get_by_text("tour not run yet", exact=True).first.wait_for()
    assert wide(page) <= 0
    page.goto(page.url.rstrip("/") + "/level1-api")
    choose(page, "A greeting")
    transcribe(page)
    for tab in ("Transcript", "Listen", "Misheard", "Subtitles", "Answer", "Code"):
        page.get_by_role("tab", name=tab).click()
        page.get_by_role("tabpanel", name=tab).wait_for()
        assert wide(page) <= 0, tab
    page.get_by_text("The lesson").click()
    page.get_by_text("How to read a contract").wait_for()
    assert wide(page) <= 0, "the lesson with its tables"


CONTRAST = """element => {
    const light = colour => {
        const [r, g, b] = colour.match(/[\\d.]+/g).map(Number)
            .map(v => v / 255).map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b
    }
    const page = light(getComputedStyle(document.querySelector(".stApp")).backgroundColor)
    const text = light(getComputedStyle(element).color)
    return [page, (Math.max(page, text) + 0.05) / (Math.min(page, text) + 0.05)]
}"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_reads_by_day_and_by_night(open_page: Open, dark: bool) -> None:
    """The page follows the reader's choice; contrast as WCAG 2 measures it, where 4.5 is enough for text."""
    page = open_page(dark=dark)
    page.get_by_text("tour not run yet", exact=True).first.wait_for()
    for text in (page.get_by_role("heading", name="Ladder"), page.get_by_text("Is it really better")):
        background, contrast = text.evaluate(CONTRAST)
        assert (background < 0.1) == dark
        assert contrast >= 4.5


def test_what_is_spoken_into_the_microphone(up: Links, playwright: Playwright, tmp_path: Path) -> None:
    """Chromium plays a clip to the page as if someone spoke."""
    spoken = tmp_path / "spoken.wav"
    with wave.open(str(spoken), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        for block in Decoder(sample("bridge").path, "bridge"):
            file.writeframes(block.astype("<i2").tobytes())
    fake = (
        "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={spoken}%noloop",
    )  # fmt: skip
    talking = launch(playwright, *fake)
    with loopback_only(talking.new_context(permissions=["microphone"]).new_page()) as page:
        page.goto(f"{up.pages}/level1-api")
        page.get_by_text("Record", exact=True).first.click()
        page.get_by_role("button", name="Record").click()
        page.wait_for_timeout(6000)
        page.get_by_role("button", name="Stop recording").click()
        page.get_by_role("button", name="Transcribe").click()
        page.get_by_role("link", name="Open this run in MLflow").wait_for()
        assert "bridge is closed" in heard(page)
    talking.close()
