"""Peak memory is that of the process itself."""

from __future__ import annotations

import subprocess
import sys

import pytest

from shared.memory import peak_rss_mb

CHILD = "from shared.memory import peak_rss_mb; print(peak_rss_mb())"
LARGE_PARENT = f"""
import subprocess, sys
ballast = bytearray(400_000_000)
print(subprocess.run([sys.executable, "-c", {CHILD!r}], capture_output=True, text=True).stdout)
"""


def test_it_remembers_what_was_given_back() -> None:
    code = (
        "from shared.memory import peak_rss_mb; before = peak_rss_mb(); b'x' * 300_000_000;"
        "print(peak_rss_mb() - before)"
    )
    grown = float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout)
    assert 290 < grown < 330


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts the parent in getrusage")
def test_a_large_parent_does_not_count() -> None:
    done = subprocess.run([sys.executable, "-c", LARGE_PARENT], capture_output=True, text=True)
    assert float(done.stdout) < 100


def test_another_process_can_be_asked_about() -> None:
    code = "print('up', flush=True); input()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], **pipes) as process:
        assert process.stdout.readline() == b"up\n"
        assert 1 < peak_rss_mb(process.pid) < 100
        process.communicate(b"\n")
