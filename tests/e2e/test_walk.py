"""The whole ladder in a real browser: each page does its smallest job, MLflow shows six experiments."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from driver import Links

from shared import store
from shared.levels import levels

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.e2e
Open = Callable[..., "Page"]
PATIENCE = 240_000  # ms: a small training on two busy cores


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def smallest(page: Page, slider: str) -> None:
    """Move a slider to its left end, step by step, as one does with the keys."""
    thumb = page.get_by_role("slider", name=slider)
    while thumb.get_attribute("aria-valuenow") != thumb.get_attribute("aria-valuemin"):
        thumb.press("ArrowLeft")


def transcribe(page: Page) -> None:
    press(page, "Transcribe")


def ask(page: Page) -> None:
    page.get_by_test_id("stChatInput").locator("textarea").fill("Why do chunks overlap?")
    page.keyboard.press("Enter")


def measure(page: Page) -> None:
    for name in ("int8", "layers"):  # one change beside fp32 is enough to see it work
        for chip in page.locator("[data-baseweb='tag']", has_text=re.compile(name)).all()[::-1]:
            chip.get_by_role("presentation").click()
    smallest(page, "Rounds of timing")
    press(page, "Measure")


def train(page: Page) -> None:
    smallest(page, "Steps")
    press(page, "Train")


def verify(page: Page) -> None:
    page.get_by_role("tab", name="Check it").click()
    press(page, "Run the checks")


def study(page: Page) -> None:
    page.get_by_text(re.compile("^coin")).first.click()
    press(page, "Run this study")


JOBS = {1: transcribe, 2: ask, 3: measure, 4: train, 5: verify, 6: study}


def wide(page: Page) -> int:
    """How many pixels the page is wider than the window."""
    return page.evaluate("document.documentElement.scrollWidth - window.innerWidth")


@pytest.mark.parametrize("number", sorted(JOBS))
def test_each_page_does_its_smallest_job_and_links_its_run(open_page: Open, up: Links, number: int) -> None:
    level = levels()[number - 1]
    page = open_page()
    page.locator(f".st-key-rung{number}").get_by_role("link").first.click()
    page.get_by_role("heading", name=f"{number} · {level.title}").wait_for()
    page.get_by_text(level.question).wait_for()
    JOBS[number](page)
    link = page.get_by_role("link", name=re.compile("in MLflow$")).first
    link.wait_for(timeout=PATIENCE)
    assert page.get_by_test_id("stException").count() == 0
    assert wide(page) <= 0
    with page.context.expect_page() as opened:
        link.click()
    assert re.search(r"/#/experiments/\d+/(runs/\w|traces\?)", opened.value.url)
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(500)
    assert wide(page) <= 0, "on a phone"


def test_the_mlflow_ui_lists_six_experiments(open_page: Open, up: Links) -> None:
    page = open_page()
    page.goto(f"{up.mlflow}/#/experiments")
    for level in levels()[:5]:
        page.get_by_text(level.slug, exact=True).first.wait_for()
    page.get_by_text(re.compile("^level6-")).first.wait_for()
    table = store.runs_url([str(number) for number in range(1, 7)])
    page.goto(up.mlflow + "/#" + table.partition("/#")[2])
    page.get_by_text("Displaying Runs from 6 Experiments").wait_for()
