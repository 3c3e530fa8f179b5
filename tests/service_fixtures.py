"""A local speech service for tests: a real process on loopback, and sounds to send to it."""

from __future__ import annotations

import io
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import wave
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import pytest

SAMPLES = Path(__file__).parents[1] / "level1_api" / "samples"


@dataclass(frozen=True)
class Service:
    """A running service."""

    url: str
    process: subprocess.Popen
    log: Path

    @property
    def base_url(self) -> str:
        """For an OpenAI client."""
        return f"{self.url}/v1"

    @property
    def memory_mb(self) -> float:
        """Resident now."""
        return psutil.Process(self.process.pid).memory_info().rss / 2**20


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def running_service(folder: Path, *arguments: str, **environment: str) -> Iterator[Service]:
    """`python -m shared.service`, healthy; ended by SIGTERM afterwards if it still runs."""
    port, log = free_port(), folder / "service.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "shared.service", "--port", str(port), *arguments],
            env=os.environ | environment,
            stdout=output,
            stderr=output,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 120
        while not _healthy(url):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, f"not healthy in 120 s:\n{log.read_text()}"
            time.sleep(0.1)
        yield Service(url, process, log)
    finally:
        process.terminate()
        process.wait(timeout=30)


def _healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service that most tests share. Whatever they did to it, it still answers at the end."""
    with running_service(tmp_path_factory.mktemp("service")) as running:
        yield running
        assert _healthy(running.url), running.log.read_text()


@pytest.fixture
def start_service(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Starts a service of the test's own: `start_service("--idle", "2", LADDER_QUEUE="1")`."""
    with ExitStack() as stack:
        yield lambda *arguments, **env: stack.enter_context(running_service(tmp_path, *arguments, **env))


def sample(name: str) -> Path:
    """A clip of level 1, by file name."""
    return SAMPLES / name


def wav(samples: np.ndarray, rate: int = 16_000) -> bytes:
    """A wav file of samples in -1 … 1, shape (n,)."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return file.getvalue()


@pytest.fixture(scope="session")
def on_demand(home: Path) -> Iterator[str]:
    """The service of the session's home, started as anybody's first call starts it, and ended at the end."""
    from shared import servers
    from shared.clients import service_url

    yield service_url()
    servers.stop(servers.service())


def multipart(content: bytes, **fields: str) -> tuple[bytes, str]:
    """A form with a file named talk.wav, whatever is in it: (body, content type)."""
    edge = "edge-of-the-part"
    head = "".join(
        f'--{edge}\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    head += f'--{edge}\r\ncontent-disposition: form-data; name="file"; filename="talk.wav"\r\n\r\n'
    return head.encode() + content + f"\r\n--{edge}--\r\n".encode(), f"multipart/form-data; boundary={edge}"
