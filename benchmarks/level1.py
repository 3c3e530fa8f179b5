"""Level 1 and the ground floor: what the service adds to its engine, and what the client needs.

    python -m benchmarks.level1            # about six minutes on two cores
    python -m benchmarks.level1 --quick    # a look, in about one

Compare ratios, not seconds: they hold when the machine's speed drifts. The result is an MLflow run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import click
import numpy as np
import psutil

from level1_api.samples import sample, samples
from shared.memory import peak_rss_mb
from shared.tables import number, table

if TYPE_CHECKING:
    from openai import OpenAI

CLIP = "greeting"


def seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


@contextmanager
def service() -> Iterator[tuple[str, psutil.Process]]:
    """A fresh service on a free port, and its process."""
    import socket
    import urllib.request

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-m", "shared.service", "--port", str(port)])
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1)
                break
            except OSError:
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/v1", psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(10)


def client(url: str) -> OpenAI:
    from openai import OpenAI

    return OpenAI(base_url=url, api_key="local", max_retries=0)


# Each bench gives rows: what was measured, the figure, its unit ---------------------------------------

Row = tuple[str, float, str]


def service_over_engine(rounds: int) -> list[Row]:
    """The same clip through HTTP and SDK, and straight into the engine, in turns."""
    from shared.service.audio import decode
    from shared.service.engines.base import Ask
    from shared.service.engines.pocketsphinx import PocketSphinx
    from shared.service.vad import Tuning, speech_spans

    engine, stop, path = PocketSphinx(), threading.Event(), sample(CLIP).path

    def direct() -> str:
        with path.open("rb") as file:
            heard = decode(file, 600, stop)
        _, segments = engine.transcribe(heard, speech_spans(heard, Tuning(), stop), Ask(), stop)
        return "".join(s.text for s in segments).strip()

    with service() as (url, _):
        api = client(url)

        def served() -> str:
            with path.open("rb") as file:
                return api.audio.transcriptions.create(file=file, model="pocketsphinx").text

        assert served() == direct(), "both ways must hear the same"
        ratios, extra = [], []
        for _ in range(rounds):
            there, here = seconds(served), seconds(direct)
            ratios.append(there / here)
            extra.append(there - here)
    return [
        ("service over direct engine call, one clip", median(ratios), "×"),
        ("the same, added per request", 1000 * median(extra), "ms"),
    ]


def concurrency(clips: int, rounds: int) -> list[Row]:
    """Clips a second at 2 and 4 requests at once, over one at a time in the same round."""
    files = [s.path for s in samples() if s.kind == "short"]
    files = (files * clips)[:clips]
    ratios: dict[int, list[float]] = {2: [], 4: []}
    with service() as (url, _):
        api = client(url)

        def one(path: Path) -> str:
            with path.open("rb") as file:
                return api.audio.transcriptions.create(file=file, model="pocketsphinx").text

        def speed(at_once: int) -> float:
            with ThreadPoolExecutor(at_once) as pool:
                return clips / seconds(lambda: list(pool.map(one, files)))

        one(files[0])
        for _ in range(rounds):
            alone = speed(1)
            for at_once, found in ratios.items():
                found.append(speed(at_once) / alone)
    return [
        (f"{clips} clips, {n} at once: clips a second over one at a time", median(found), "×")
        for n, found in ratios.items()
    ]


def memory(minutes: list[float]) -> list[Row]:
    """Peak memory of client and service by length of file: three minutes of speech, then silence."""
    rows: list[Row] = []
    for length in minutes:
        with tempfile.TemporaryDirectory() as folder, service() as (url, process):
            path = Path(folder) / "long.flac"
            _write_long(path, length)
            env = os.environ | {"OPENAI_BASE_URL": url, "OPENAI_API_KEY": "local"}
            code = (
                "import sys; from level1_api.transcribe import Options, transcribe;"
                "from openai import OpenAI;"
                f"client = OpenAI(base_url={url!r}, api_key='local', max_retries=0);"
                "r = transcribe(sys.argv[1], Options(), client=client); print(r.peak_rss_mb, r.pieces)"
            )
            done = subprocess.run(
                [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True, env=env
            )
            rows.append((f"{length:g} min of sound: client's peak", float(done.stdout.split()[0]), "MB"))
            rows.append((f"{length:g} min of sound: service's peak", peak_rss_mb(process.pid), "MB"))
    return rows


def cold_start(rounds: int) -> list[Row]:
    """Each command from nothing, over a Python that does nothing."""
    commands = {
        "ladder --help": ["--help"],
        "ladder": [],
        "ladder models": ["models"],
        "ladder level1 --help": ["level1", "--help"],
        "ladder level1 samples": ["level1", "samples"],
        "ladder doctor": ["doctor"],
        "ladder runs": ["runs"],
    }
    rows: list[Row] = []
    for name, words in commands.items():
        times, ratios = [], []
        for _ in range(rounds):
            bare = seconds(lambda: subprocess.run([sys.executable, "-c", ""], check=True))
            full = seconds(
                lambda words=words: subprocess.run(
                    [sys.executable, "-m", "shared.cli", *words], stdout=subprocess.DEVNULL, check=False
                )
            )
            times.append(full)
            ratios.append(full / bare)
        rows += [(name, median(times), "s"), (f"{name}, over bare Python", median(ratios), "×")]
    return rows


def _write_long(path: Path, minutes: float) -> None:
    """FLAC of that length: the long sample clip, then silence, written in blocks."""
    import av

    from shared.service.audio import RATE, decode

    with sample("ladder").path.open("rb") as file:
        speech = decode(file, 600, threading.Event())
    total = int(minutes * 60 * RATE)
    with av.open(str(path), "w", format="flac") as out:
        stream = out.add_stream("flac", rate=RATE, layout="mono")
        for start in range(0, total, RATE):
            part = speech[start : start + RATE]
            block = np.zeros((1, RATE), np.int16)
            block[0, : len(part)] = part
            frame = av.AudioFrame.from_ndarray(block, format="s16", layout="mono")
            frame.sample_rate, frame.pts = RATE, start
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


@click.command()
@click.option("--quick", is_flag=True, help="Fewer rounds and shorter files.")
@click.option("--json", "as_json", is_flag=True)
def main(quick: bool, as_json: bool) -> None:
    """Measure, print a table, record an MLflow run."""
    benches: dict[str, Callable[[], list[Row]]] = {
        "service over engine": lambda: service_over_engine(3 if quick else 9),
        "concurrency": lambda: concurrency(16, 1 if quick else 5),
        "memory": lambda: memory([1, 10] if quick else [1, 10, 30, 60]),
        "cold start": lambda: cold_start(1 if quick else 5),
    }
    rows: list[Row] = []
    begin = time.time()
    for name, bench in benches.items():
        click.echo(f"{name} …", err=True)
        rows += bench()
    if not as_json:
        click.echo(
            table(["what", "figure", "unit"], [(w, number(v, 2), u) for w, v, u in rows], right=["figure"])
        )

    from shared.tracking import track

    with track("level1-api", "bench", {"quick": quick, "cpus": os.cpu_count()}) as run:
        run.metrics(wall_s=time.time() - begin)
        run.table(
            "bench.json",
            {"what": [r[0] for r in rows], "figure": [r[1] for r in rows], "unit": [r[2] for r in rows]},
        )
    if as_json:
        click.echo(json.dumps({"rows": rows, "url": run.url}, indent=1))
    elif run.url:
        click.echo(f"Run: {run.url}", err=True)


if __name__ == "__main__":
    main()
