"""A copy of the clone to try commands in, so that nothing they write is left behind.

with scratch() as place:
    ended = place.bash("ladder level5 verify", limit_s=300)
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from shared.errors import LadderError
from shared.leash import end_trees
from shared.settings import CLONE, Settings

STOP_SERVICE = "from shared import servers; servers.stop(servers.service())"


@dataclass(frozen=True)
class Ended:
    """How a script ended: its exit code (None if it had to be stopped), and the last line that it began."""

    code: int | None
    line: int
    seconds: float

    @property
    def well(self) -> bool:
        return self.code == 0

    @property
    def how(self) -> str:
        if self.code is None:
            return f"was stopped after {self.seconds:.0f} s"
        return f"ended with exit code {self.code}"


@dataclass(frozen=True)
class Scratch:
    """The copy, and what stands in the environment of its commands."""

    folder: Path
    environment: dict[str, str]

    @property
    def tree(self) -> Path:
        return self.folder / "ladder"

    @property
    def output(self) -> Path:
        """What the last script wrote to stdout and stderr."""
        return self.folder / "output"

    def bash(self, text: str, limit_s: float) -> Ended:
        """Run lines as if typed one after the other in the copy; the first that fails ends it.

        What they leave running in the foreground or background is ended with them.
        """
        script, at = self.folder / "script", self.folder / "at"
        script.write_text(
            f"trap 'echo $LINENO > \"{at}\"' DEBUG; set -e -o pipefail\n{text}", encoding="utf-8"
        )
        at.write_text("2")
        begin = time.monotonic()
        with self.output.open("wb") as output:
            process = psutil.Popen(
                ["bash", str(script)], cwd=self.tree, env=self.environment, stdin=subprocess.DEVNULL,
                stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        try:
            code = process.wait(limit_s)
        except psutil.TimeoutExpired:
            code = None
        finally:
            end_trees([process])
            with suppress(ProcessLookupError):  # what it left in the background
                os.killpg(process.pid, signal.SIGTERM)
        line = int(at.read_text()) - 1  # the trap stands on a line of its own
        return Ended(code, line, time.monotonic() - begin)


@contextmanager
def scratch(tree: Path = CLONE) -> Iterator[Scratch]:
    """A copy of the files that git knows or would add, with the same `.venv` and a home of its own.

    The copy is also what its commands import, so that not even a `.env` of the clone plays a part.

    Raises:
        LadderError: there is no bash, or the tree is no clone.
    """
    if not shutil.which("bash"):
        raise LadderError("The shell blocks cannot run: there is no bash.", "Check them on Linux or macOS.")
    with tempfile.TemporaryDirectory(prefix="ladder-docs-", ignore_cleanup_errors=True) as folder:
        place = Scratch(Path(folder), _environment(Path(folder) / "ladder"))
        for file in listed(tree):
            (place.tree / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(tree / file, place.tree / file)
        (place.tree / ".venv").symlink_to(sys.prefix)
        try:
            yield place
        finally:
            words = [sys.executable, "-c", STOP_SERVICE]
            subprocess.run(words, cwd=place.tree, env=place.environment, check=False)


def listed(tree: Path) -> list[Path]:
    """The files of a clone that git knows or would add, relative to it. Raises LadderError if it is none."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        raise LadderError(f"{tree} is no git clone.", "Check the docs in a clone of the project.") from None
    return [Path(name) for name in done.stdout.split("\0") if name and (tree / name).is_file()]


def _environment(tree: Path) -> dict[str, str]:
    """This process's environment without the settings in it: a reader who starts has set nothing."""
    fields = Settings.model_fields.items()
    ours = {str(field.validation_alias or f"LADDER_{name.upper()}") for name, field in fields}
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    first = {"PATH": sysconfig.get_path("scripts"), "PYTHONPATH": str(tree)}
    paths = {name: os.pathsep.join(filter(None, [path, kept.get(name)])) for name, path in first.items()}
    own = {"HOME": str(tree.parent), "LADDER_HOME": str(tree / ".ladder")}  # things are left in `~` too
    return kept | paths | own
