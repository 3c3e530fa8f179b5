"""Parts of the browser tests: the machine's Chromium, and a watch on where its requests go."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Playwright

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ARGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required",
)  # fmt: skip


@dataclass(frozen=True)
class Links:
    """What `ladder up` printed, and the home that it runs in."""

    pages: str
    service: str
    mlflow: str
    home: Path


def launch(playwright: Playwright, *more: str) -> Browser:
    """The machine's own Chromium."""
    return playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGS, *more])


@contextmanager
def loopback_only(page: Page) -> Iterator[Page]:
    """Fails if the page asked any other host for anything."""
    outside: list[str] = []

    def look(url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob") and parts.hostname not in ("127.0.0.1", "localhost"):
            outside.append(url)

    page.context.on("request", lambda request: look(request.url))
    page.on("websocket", lambda socket: look(socket.url))
    page.set_default_timeout(60_000)
    yield page
    assert outside == []


def save(page: Page, name: str, folder: Path) -> Path:
    """Press a download button; the file that came."""
    with page.expect_download() as download:
        page.get_by_role("button", name=name).click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path
