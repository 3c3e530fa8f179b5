"""The one door to MLflow: `with track(level, name) as run: …` records what was done and what came of it.

    with track("level1-api", "harbour.ogg", params={"model": "pocketsphinx"}) as run:
        run.metrics(wall_s=1.2, wer=0.08)
        run.artifact("transcript.srt", text)
    print(run.url)

MLflow takes seconds to import, so a thread of its own does all the writing: the work is never held up, a
result can be printed before MLflow is there, and step metrics go out in batches. Leaving the `with` block
waits until everything is written. A store that cannot be reached is said once and never breaks the work.
"""

from __future__ import annotations

import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, ClassVar

from shared import store
from shared.baselines import note
from shared.memory import peak_rss_mb
from shared.settings import CLONE
from shared.traces import Span as Span
from shared.traces import complain, write_trace
from shared.traces import trace as trace

if TYPE_CHECKING:
    from mlflow import MlflowClient

PARAM_CHARS = 6000  # MLflow's limit for one parameter
BATCH = 1000  # MLflow's limit for one call
LOOK_S = 5  # seconds between two looks at how busy the machine is
RETRY_S = 60  # how long a store that could not be reached is left alone


Task = Callable[["MlflowClient", str], object]
Number = tuple[str, float, int, int]  # name, value, time in ms, step
Item = Task | list[Number] | None  # what the writer is handed; None ends it


class Run:
    """What is recorded of one run. Every method returns at once; the writer thread does the rest."""

    _given_up_until: ClassVar[float] = 0.0  # a store that is away is not asked again for every run

    def __init__(
        self,
        level: str,
        name: str,
        params: Mapping[str, Any],
        tags: Mapping[str, Any],
        parent: Run | None = None,
        began: float | None = None,
        resume: str | None = None,
    ) -> None:
        self.level, self.name = level, name
        self._params = {k: str(v)[:PARAM_CHARS] for k, v in params.items() if v is not None}
        self._tags = {k: str(v) for k, v in tags.items() if v is not None}
        self._parent = parent
        self._started = began or time.time()
        self._resume = resume
        self._last: dict[str, tuple[int, float]] = {}  # of each metric the highest step, and its value
        self._monitor: Any = None
        self._queue: SimpleQueue[Item] = SimpleQueue()
        self._created = threading.Event()
        self._id: str | None = None
        self._experiment: str | None = None
        self._thread = threading.Thread(target=self._write, name=f"tracking {name}", daemon=True)
        self._thread.start()

    # What one calls ------------------------------------------------------------------------------------

    @property
    def id(self) -> str | None:
        """The run's id, or None if the store cannot be reached. Waits until the run is made."""
        self._created.wait()
        return self._id

    @property
    def url(self) -> str | None:
        """A deep link into the MLflow UI, or None if the store cannot be reached."""
        return store.run_url(self._experiment, self.id) if self.id and self._experiment else None

    def metrics(
        self, values: Mapping[str, float | None] | None = None, step: int = 0, **more: float | None
    ) -> None:
        """Record numbers; None is left out, never written as 0."""
        now = int(time.time() * 1000)
        numbers = [(k, float(v), now, step) for k, v in {**(values or {}), **more}.items() if v is not None]
        for name, value, *_ in numbers:
            if step >= self._last.get(name, (step, value))[0]:
                self._last[name] = (step, value)
        self._queue.put(numbers)

    def tag(self, **tags: str) -> None:
        """Set tags, for example `engine="pocketsphinx"`."""
        self._tags = {**self._tags, **tags}

        def task(client: MlflowClient, run_id: str) -> None:
            for key, value in tags.items():
                client.set_tag(run_id, key, str(value))

        self._queue.put(task)

    def artifact(self, name: str, content: str | bytes | Path) -> None:
        """Keep a file: text or bytes under this name, or a copy of an existing file."""
        data = content.read_bytes() if isinstance(content, Path) else content
        data = data.encode() if isinstance(data, str) else data

        def task(client: MlflowClient, run_id: str) -> None:
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder) / Path(name).name
                file.write_bytes(data)
                parent = Path(name).parent.as_posix()
                client.log_artifact(run_id, str(file), None if parent == "." else parent)

        self._queue.put(task)

    def figure(self, name: str, figure: Any) -> None:
        """Keep a matplotlib or plotly figure, for example `iou.png`."""
        self._now(lambda client, run_id: client.log_figure(run_id, figure, name))

    def table(self, name: str, columns: Mapping[str, Sequence[Any]]) -> None:
        """Keep a table (`name` ends in .json) that the MLflow UI shows and compares across runs."""
        data = {key: list(values) for key, values in columns.items()}
        self._queue.put(lambda client, run_id: client.log_table(run_id, data, name))

    def dataset(self, name: str, digest: str, source: str, context: str = "evaluation") -> None:
        """Say which data the run used: its name, content digest, and where it is from."""

        def task(client: MlflowClient, run_id: str) -> None:
            from mlflow.entities import Dataset, DatasetInput, InputTag

            data = Dataset(name=name, digest=digest[:36], source_type="local", source=source)
            tags = [InputTag("mlflow.data.context", context)]
            client.log_inputs(run_id, datasets=[DatasetInput(data, tags)])

        self._queue.put(task)

    def model(self, name: str, model: Any, input_example: Any) -> None:
        """Keep a torch module as an MLflow model. Waits, so that training may go on afterwards."""

        def task(client: MlflowClient, run_id: str) -> None:
            import mlflow

            with mlflow.start_run(run_id=run_id):
                mlflow.pytorch.log_model(model, name=name, input_example=input_example)

        self._now(task)

    def watch_machine(self) -> None:
        """From now to the end of the run, record every few seconds how busy processor, memory and GPU are."""

        def task(client: MlflowClient, run_id: str) -> None:
            from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

            again = self._resume is not None
            self._monitor = SystemMetricsMonitor(run_id, LOOK_S, resume_logging=again)
            self._monitor.start()

        self._queue.put(task)

    def trace(self, name: str, spans: Sequence[Span], inputs: Any = None, outputs: Any = None) -> None:
        """Keep the stages of the work as an MLflow trace that belongs to this run."""
        if spans:
            told = partial(write_trace, name, spans, inputs=inputs, outputs=outputs)
            self._queue.put(
                lambda _, run_id: told(self._experiment or "", metadata={"mlflow.sourceRun": run_id})
            )

    @contextmanager
    def child(
        self, name: str, params: Mapping[str, Any] | None = None, *, began: float | None = None, **tags: Any
    ) -> Iterator[Run]:
        """A run inside this one. One deep only: the MLflow UI shows deeper trees flat."""
        if self._parent is not None:
            raise ValueError(f"run {self.name!r} is itself a child: runs nest one deep")
        with _recording(Run(self.level, name, params or {}, tags, parent=self, began=began)) as run:
            yield run

    # The writer thread ---------------------------------------------------------------------------------

    def _now(self, task: Task) -> None:
        """Do a task in its turn and wait for it: for what the caller may change afterwards."""
        done = threading.Event()

        def waited(client: MlflowClient, run_id: str) -> None:
            try:
                task(client, run_id)
            finally:
                done.set()

        self._queue.put(waited)
        while not done.wait(0.1) and self._thread.is_alive():
            pass

    def _write(self) -> None:
        try:
            if time.time() < Run._given_up_until:
                return
            client = self._create()
        except Exception as error:
            Run._given_up_until = time.time() + RETRY_S
            complain(self.name, error)
            return
        finally:
            self._created.set()
        item: Item = []
        while item is not None:
            if isinstance(item, list):
                item = self._gather(client, item) if item else self._queue.get()
            else:
                self._attempt(partial(item, client, self._id or ""))
                item = self._queue.get()

    def _gather(self, client: MlflowClient, numbers: list[Number]) -> Item:
        """Send these numbers with those that wait right behind them; return what comes next."""
        item: Item = []
        try:
            while isinstance(item := self._queue.get_nowait(), list):
                numbers += item
        except Empty:
            item = []
        self._send(client, numbers)
        return item

    def _create(self) -> MlflowClient:
        client = store.prepare_store()
        from mlflow.entities import Param

        self._experiment = store.experiment_id(client, self.level)
        tags = {
            "ladder.level": self.level, "mlflow.user": store.owner(), "mlflow.source.name": "ladder",
            "mlflow.source.type": "LOCAL", **code_version(), **store.process_tags(), **self._tags,
        }  # fmt: skip
        if self._resume is not None:
            return self._reopen(client, self._resume, tags)
        if self._parent is not None and self._parent.id:
            tags["mlflow.parentRunId"] = self._parent.id
        info = client.create_run(
            self._experiment, start_time=int(self._started * 1000), run_name=self.name, tags=tags
        ).info
        self._id = info.run_id
        params = [Param(k, v) for k, v in self._params.items()]
        for first in range(0, len(params), 100):  # MLflow's limit for one call
            client.log_batch(info.run_id, params=params[first : first + 100])
        return client

    def _reopen(self, client: MlflowClient, run_id: str, tags: dict[str, str]) -> MlflowClient:
        """Go on with a run that was ended or whose process died. Its settings stay as they were."""
        for key, value in tags.items():  # first whose run it is: else another process may close it again
            client.set_tag(run_id, key, value)
        if "ladder.error" in client.get_run(run_id).data.tags:
            client.delete_tag(run_id, "ladder.error")
        client.update_run(run_id, status="RUNNING")
        self._id = run_id
        return client

    def _send(self, client: MlflowClient, numbers: list[Number]) -> None:
        from mlflow.entities import Metric

        for first in range(0, len(numbers), BATCH):
            batch = [Metric(*number) for number in numbers[first : first + BATCH]]
            self._attempt(partial(client.log_batch, self._id or "", metrics=batch))

    def _attempt(self, call: Callable[[], object]) -> None:
        try:
            call()
        except Exception as error:
            complain(self.name, error)

    def _finish(self, status: str, reason: str = "") -> None:
        automatic = {"wall_s": time.time() - self._started, "peak_rss_mb": peak_rss_mb()}
        self.metrics({k: v for k, v in automatic.items() if k not in self._last})

        def close(client: MlflowClient, run_id: str) -> None:
            if self._monitor is not None:
                self._monitor.finish()
            if reason:
                client.set_tag(run_id, "ladder.error", reason[:5000])
            client.set_terminated(run_id, status)
            if status == "FINISHED" and self._parent is None:
                last = {name: value for name, (_, value) in self._last.items()}
                note(self.level, self.name, last, self._tags, self.url)

        self._queue.put(close)
        self._queue.put(None)
        self._thread.join()


@contextmanager
def track(
    level: str,
    name: str,
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, Any] | None = None,
    *,
    began: float | None = None,
    resume: str | None = None,
) -> Iterator[Run]:
    """Record one run: something that one would compare with another.

    Args:
        level: the experiment, a level's slug such as `level1-api`.
        name: what the run is called in lists.
        params: settings of the run; None values are left out.
        tags: for example engine, device, seed.
        began: when the work began, in seconds since the epoch; now, if it begins inside the block.
        resume: the id of an earlier run to go on with, for work that can be interrupted.

    An exception marks the run FAILED with its reason (Ctrl-C: KILLED) and goes on up.
    """
    with _recording(Run(level, name, params or {}, tags or {}, began=began, resume=resume)) as run:
        yield run


@contextmanager
def _recording(run: Run) -> Iterator[Run]:
    try:
        yield run
    except BaseException as error:
        killed = isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit)
        run._finish("KILLED" if killed else "FAILED", f"{type(error).__name__}: {error}")
        raise
    run._finish("FINISHED")


def code_version() -> dict[str, str]:
    """The commit this runs from and whether files differ from it; empty outside a git checkout."""

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", *words], cwd=CLONE, capture_output=True, text=True, timeout=10, check=True
        ).stdout.strip()

    try:
        sha, dirty = git("rev-parse", "HEAD"), bool(git("status", "--porcelain"))
    except (OSError, subprocess.SubprocessError):
        return {}
    return {"git_sha": sha, "git_dirty": str(dirty).lower(), "mlflow.source.git.commit": sha}
