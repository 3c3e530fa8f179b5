"""How fast, how large and how good: the same network in several forms, side by side on one thread.

    trained = weights.load()
    measured = measure(trained, to_onnx(trained))
    for each in measured:
        print(each.variant.name, each.p50_ms, each.peak_rss_mb, each.macro_iou)

Each variant has a process of its own, so that its memory is its own. They answer in turn, a few pictures
each, so that a processor that slows down meanwhile slows all of them; and the answers that are timed are the
ones that are scored, so that speed and quality cannot be of two different things.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from level4_build import weights
from level4_build.export import Exported, scenes, to_int8
from level4_build.score import SegmentationScore
from level4_build.weights import Trained
from shared.errors import LadderError

ROUNDS = 3  # how often each scene is asked
TURN = 8  # scenes that a variant answers before the next has its turn
PREPARED = 0.3  # of the bar: what exporting and starting take


@dataclass(frozen=True)
class Variant:
    """One form of a network.

    Attributes:
        engine: what runs it, torch or onnxruntime.
        numbers: what it computes in.
    """

    name: str
    engine: str
    numbers: str


VARIANTS = (
    Variant("torch float32", "torch", "float32"),
    Variant("torch bfloat16", "torch", "bfloat16"),
    Variant("ONNX float32", "onnxruntime", "float32"),
    Variant("ONNX int8", "onnxruntime", "int8"),
)


@dataclass(frozen=True)
class Measured:
    """What one variant costs and what it is worth.

    Attributes:
        seconds: of each answer, one picture at a time.
        file_mb: the file that it is loaded from; MB are 10^6 bytes throughout.
        peak_rss_mb: the most memory that its process used.
        libraries_mb: how much of it was in use once the libraries were loaded, before the network.
        macro_iou: on the validation scenes, of the answers that were timed.
    """

    variant: Variant
    seconds: tuple[float, ...]
    file_mb: float
    peak_rss_mb: float
    libraries_mb: float
    macro_iou: float

    @property
    def p50_ms(self) -> float:
        return float(np.percentile(self.seconds, 50)) * 1e3

    @property
    def p95_ms(self) -> float:
        return float(np.percentile(self.seconds, 95)) * 1e3

    def as_dict(self) -> dict[str, Any]:
        """What a script would read."""
        plain = asdict(self)
        del plain["seconds"]
        return {**plain.pop("variant"), "p50_ms": self.p50_ms, "p95_ms": self.p95_ms, **plain}


def measure(
    trained: Trained,
    exported: Exported,
    on_progress: Callable[[float], None] = lambda share: None,
    rounds: int = ROUNDS,
    most: int = 64,
) -> list[Measured]:
    """Measure every variant of a network on validation scenes of its own training.

    Args:
        exported: the same network in float32, from `to_onnx`.
        on_progress: told the share that is done, 0 to 1.
        rounds: how often each scene is asked.
        most: scenes, at most.

    Raises:
        LadderError: a variant's process ended by itself.
    """
    images, truth = scenes(trained, "val", most)
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        np.save(folder / "pictures.npy", images.numpy())
        files = write_variants(trained, exported, folder)
        on_progress(PREPARED / 2)
        workers = [stack.enter_context(_Worker(each, files[each], folder)) for each in VARIANTS]
        for worker in workers:
            worker.await_ready()
        on_progress(PREPARED)
        turns = [(first, min(first + TURN, len(images))) for first in range(0, len(images), TURN)] * rounds
        for number, (first, last) in enumerate(turns):
            for place in range(len(workers)):  # another one begins each time
                workers[(number + place) % len(workers)].ask(first, last)
            on_progress(PREPARED + (1 - PREPARED) * (number + 1) / len(turns))
        return [worker.finish(truth, trained.config.classes) for worker in workers]


def write_variants(trained: Trained, exported: Exported, folder: Path) -> dict[Variant, Path]:
    """The file of each variant, in a folder."""
    half = replace(trained, model=deepcopy(trained.model).bfloat16())
    contents = (
        weights.pack(trained, trained.run_id), weights.pack(half, trained.run_id),
        exported.data, to_int8(exported, trained).data,
    )  # fmt: skip
    files = {variant: folder / variant.name.replace(" ", "-") for variant in VARIANTS}
    for file, content in zip(files.values(), contents, strict=True):
        file.write_bytes(content)
    return files


class _Worker:
    """The process of one variant, and what it has told so far."""

    def __init__(self, variant: Variant, file: Path, folder: Path) -> None:
        self.variant, self.file = variant, file
        self.masks, self.log = file.with_suffix(".npy"), file.with_suffix(".log")
        self.seconds: list[float] = []
        words = (variant.engine, variant.numbers, file, folder / "pictures.npy", self.masks)
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "level4_build.inference_worker", *map(str, words)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip

    def __enter__(self) -> _Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()

    def await_ready(self) -> None:
        self.libraries_mb = float(self._answer("libraries_mb"))
        self._answer("ready")

    def ask(self, first: int, last: int) -> None:
        """Have it answer these pictures, alone."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(f"{first} {last}\n")
            self.process.stdin.flush()
        except OSError:  # it has ended: reading its answer tells why
            pass
        self.seconds += self._answer("seconds")

    def finish(self, truth: torch.Tensor, classes: Sequence[str]) -> Measured:
        """End it, and score its masks against the true ones (N, H, W)."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        peak = float(self._answer("peak_rss_mb"))
        score = SegmentationScore(classes)
        score.add(torch.from_numpy(np.load(self.masks)), truth)
        size = self.file.stat().st_size / 1e6
        return Measured(self.variant, tuple(self.seconds), size, peak, self.libraries_mb, score.macro_iou())

    def _answer(self, name: str) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            said = self.log.read_text(errors="replace").strip().splitlines()
            reason = said[-1] if said else "no reason given"
            raise LadderError(
                f"The process of {self.variant.name} ended by itself: {reason}.",
                "Is there enough memory? Each of the four variants needs some 0.5 GB.",
            )
        return json.loads(line)[name]
