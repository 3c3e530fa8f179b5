"""Parts of the tests of level 4's page: a tab of it, and what is done there."""

from __future__ import annotations

import time
from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from shared.settings import CLONE


def page_of(tab: str) -> AppTest:
    """The page with this tab open, not run yet."""
    page = AppTest.from_file(str(CLONE / "level4_build" / "app.py"), default_timeout=120)
    page.session_state["level4 tab"] = tab
    return page


def fine(page: AppTest) -> AppTest:
    assert not page.exception, page.exception
    return page


def press(page: AppTest, label: str) -> AppTest:
    next(button for button in page.button if button.label == label).click()
    return fine(page.run())


def until(page: AppTest, done: Callable[[], bool]) -> AppTest:
    """The page as it is once this is so; a fragment that looks again and again is not run by the tests."""
    ends = time.monotonic() + 120
    while not done():
        assert time.monotonic() < ends, "it does not end"
        time.sleep(0.05)
    return fine(page.run())


def captions(page: AppTest) -> list[str]:
    """What stands under the pictures of the page."""
    return [image.caption for one in page.get("image") for image in one.proto.imgs]


def links(page: AppTest) -> list[str]:
    """Where the buttons lead that open a run."""
    return [link.proto.url for link in page.get("link_button")]
