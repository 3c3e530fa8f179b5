"""A real browser on a real `ladder up`, both shared by all browser tests."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from driver import CHROMIUM, Links, launch, loopback_only

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Playwright


@pytest.fixture(scope="session")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Links]:
    """`ladder up` in a home of its own, ended by Ctrl-C."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(3)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        hub, service, mlflow = (str(probe.getsockname()[1]) for probe in probes)
    own = {
        "LADDER_HOME": str(tmp_path_factory.mktemp("up") / "home"),
        "LADDER_HUB_PORT": hub, "LADDER_SERVICE_PORT": service, "LADDER_MLFLOW_PORT": mlflow,
        "PYTHONUNBUFFERED": "1",
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "shared.cli", "up", "--no-browser"],
        env=os.environ | own,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    killer = threading.Timer(180, process.kill)  # a start that hangs must end the reading below
    killer.start()
    assert process.stdout
    found: dict[str, str] = {}
    lines = []
    for line in process.stdout:
        lines.append(line)
        if match := re.match(r"(Demo pages|AI service|MLflow UI)\s+(http\S+)", line):
            found[match[1]] = match[2]
        if len(found) == 3:
            break
    killer.cancel()
    try:
        assert len(found) == 3, "".join(lines)
        home = Path(own["LADDER_HOME"])
        yield Links(found["Demo pages"], found["AI service"], found["MLflow UI"], home)
        assert process.poll() is None, "it lives until the last test"
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 0


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    running = launch(playwright)
    yield running
    running.close()


@pytest.fixture
def open_page(browser: Browser, up: Links) -> Iterator[Callable[..., Page]]:
    """Opens a path of the demo pages: `open_page("/level1-api", width=390, dark=True)`."""
    with ExitStack() as stack:

        def opened(path: str = "/", width: int = 1280, dark: bool = False) -> Page:
            scheme = "dark" if dark else "light"
            context = browser.new_context(
                viewport={"width": width, "height": 900}, color_scheme=scheme, accept_downloads=True
            )
            stack.callback(context.close)
            page = stack.enter_context(loopback_only(context.new_page()))
            page.goto(up.pages + path)
            return page

        yield opened
