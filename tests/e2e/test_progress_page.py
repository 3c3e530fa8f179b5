"""The first page beside the terminal: it shows what the study path's commands write, without a reload."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from driver import Links

from shared.study.exercise import exercise

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.e2e
Open = Callable[..., "Page"]


def wide(page: Page) -> int:
    """How many pixels the page is wider than the window."""
    return page.evaluate("document.documentElement.scrollWidth - window.innerWidth")


def test_the_first_page_follows_the_terminal(open_page: Open, up: Links, tmp_path: Path) -> None:
    def ladder(*words: str) -> None:
        command = [sys.executable, "-m", "shared.cli", *words]
        env = {**os.environ, "LADDER_HOME": str(up.home)}
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=env)
        assert done.returncode == 0, done.stderr

    page = open_page(width=390)
    following = page.locator(".st-key-next")
    following.get_by_text("ladder init").wait_for()
    first = page.locator(".st-key-rung1")
    first.get_by_text("Exercises: 0 of 6 passed").click()
    first.get_by_text("Subtitles, exact to the millisecond").wait_for()
    assert wide(page) <= 0

    folder = tmp_path / "my <b>ladder</b>"
    ladder("init", str(folder))
    following.get_by_text("ladder check first-call").wait_for()
    following.get_by_text(str(folder / "exercises" / "level1" / "first-call.py")).wait_for()

    one = exercise("subtitles")
    (folder / "exercises" / one.place).write_bytes(one.solution.read_bytes())
    ladder("check", one.name)
    first.get_by_text("Exercises: 1 of 6 passed").wait_for()
    item = first.get_by_role("listitem").filter(has_text="Subtitles, exact")
    item.get_by_text("passed", exact=True).wait_for()
    assert item.is_visible(), "what was opened stays open"
    assert wide(page) <= 0
    first.get_by_role("link", name=re.compile("The lesson")).click()
    page.get_by_role("heading", name="1 · Speech to text through an API").wait_for()
