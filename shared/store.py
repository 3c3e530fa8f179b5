"""The MLflow store itself: made once, kept tidy, linked to. `tracking.py` writes to it, `runs.py` reads it.

Everything lands in one database in the home, or wherever MLFLOW_TRACKING_URI says, whatever directory a
command is typed in. Importing this module is cheap; calling into it imports MLflow (about 4 s).
"""

from __future__ import annotations

import json
import logging
import os
import socket
import sqlite3
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psutil
from filelock import FileLock

from shared.errors import LadderError
from shared.files import home_folder
from shared.settings import settings

if TYPE_CHECKING:
    from mlflow import MlflowClient

LEFT_RUNNING = "its process ended without closing the run"


@lru_cache
def prepare_store() -> MlflowClient:
    """The client of the store, after making or migrating its database where that is ours to do.

    Safe to call from several processes at once: the first makes the database, the others wait.

    Raises:
        LadderError: the home cannot be written, or the store cannot be reached or read.
    """
    home = home_folder()
    _quieten()
    import mlflow
    from mlflow import MlflowClient

    mlflow.set_tracking_uri(settings().store_uri)
    if settings().mlflow_tracking_uri is None:
        os.environ.pop("MLFLOW_TRACKING_URI", None)  # MLflow writes it there, as if the user had set it
    with told_plainly(), FileLock(home / "mlflow.lock"):
        client = MlflowClient(tracking_uri=settings().store_uri)
        client.search_experiments(max_results=1)  # makes the tables, or migrates them
        if settings().mlflow_tracking_uri is None:
            with sqlite3.connect(home / "mlflow.db") as db:
                db.execute("PRAGMA journal_mode=WAL")  # readers and a writer no longer lock each other out
        _close_dead_runs(client)
    return client


@contextmanager
def told_plainly() -> Iterator[None]:
    """Turns what MLflow and its database raise inside the `with` into one sentence with a way out."""
    from alembic.util import CommandError
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError, CommandError, sqlite3.Error, OSError) as error:
        uri, password = settings().store_uri, urlsplit(settings().store_uri).password
        place = f"The MLflow store at {uri.replace(f':{password}@', '@')}"
        if "failed with exception" in str(error):  # the words of MLflow's client for "no connection"
            told = f"{place} cannot be reached."
        else:
            reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0].rstrip(".")
            told = f"{place} cannot be used ({textwrap.shorten(reason, 120, placeholder=' …')})."
        if settings().mlflow_tracking_uri:
            fix = "Start that store, or remove MLFLOW_TRACKING_URI to use the ladder's own."
        else:
            fix = "Move that file away: the next run makes a new one."
        raise LadderError(told, fix) from error


def _quieten() -> None:
    """MLflow reports each step of making a database at INFO; a person did not ask."""
    for name in (
        "alembic", "mlflow.store.db.utils", "mlflow.tracking.fluent", "mlflow.tracing.export",
        "mlflow.system_metrics.system_metrics_monitor",
    ):  # fmt: skip
        logging.getLogger(name).setLevel(logging.WARNING)


def experiment_id(client: MlflowClient, name: str) -> str:
    """The id of the experiment of this name, made if it is not there."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found:
        return found.experiment_id
    server = settings().store_uri.startswith("http")  # a server knows best where its artifacts go
    place = None if server else (settings().artifacts / name).as_uri()
    try:
        return client.create_experiment(name, artifact_location=place)
    except MlflowException:  # another process was faster
        found = client.get_experiment_by_name(name)
        if found is None:
            raise
        return found.experiment_id


def process_tags() -> dict[str, str]:
    """Who writes a run: enough to tell later whether that process still lives."""
    me = psutil.Process()
    return {
        "ladder.host": socket.gethostname(),
        "ladder.pid": str(me.pid),
        "ladder.process_started": f"{me.create_time():.2f}",
    }


def _alive(tags: dict[str, str]) -> bool:
    try:
        process = psutil.Process(int(tags["ladder.pid"]))
        return abs(process.create_time() - float(tags["ladder.process_started"])) < 1
    except (psutil.NoSuchProcess, KeyError, ValueError):
        return False


def _close_dead_runs(client: MlflowClient) -> None:
    """Mark as FAILED the runs that a process of this machine left RUNNING when it died."""
    experiments = [e.experiment_id for e in client.search_experiments()]
    mine = f"attributes.status = 'RUNNING' and tags.`ladder.host` = '{socket.gethostname()}'"
    for run in client.search_runs(experiments, mine, max_results=1000):
        if not _alive(run.data.tags):
            client.set_tag(run.info.run_id, "ladder.error", LEFT_RUNNING)
            client.set_terminated(run.info.run_id, "FAILED")


def ui_url() -> str:
    """Where the MLflow UI is: the one that runs now, or where `ladder ui` would start it."""
    return _running_ui() or f"http://127.0.0.1:{settings().mlflow_port}"


def ui_runs() -> bool:
    """Whether a link into the UI leads anywhere now."""
    return _running_ui() is not None


def _running_ui() -> str | None:
    remote = settings().mlflow_tracking_uri or ""
    if remote.startswith(("http://", "https://")):
        return remote.rstrip("/")
    try:
        state = json.loads((settings().home / "ui.json").read_text(encoding="utf-8"))
        return state["url"].rstrip("/") if psutil.pid_exists(state["pid"]) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def link_now(url: str | None) -> str | None:
    """A link that was kept, moved to where the UI is today: its port may have changed."""
    return f"{ui_url()}/#{url.partition('/#')[2]}" if url and "/#" in url else url


def run_url(experiment: str, run_id: str) -> str:
    """A deep link to one run in the MLflow UI."""
    return f"{ui_url()}/#/experiments/{experiment}/runs/{run_id}"


def trace_url(experiment: str, trace_id: str) -> str:
    """A deep link to one trace in the MLflow UI."""
    return f"{ui_url()}/#/experiments/{experiment}/traces?selectedEvaluationId={trace_id}"


def runs_url(experiments: list[str]) -> str:
    """The MLflow UI's table of the runs of several experiments."""
    from urllib.parse import quote

    ids = quote(json.dumps(experiments, separators=(",", ":")))
    return f"{ui_url()}/#/compare-experiments/s?experiments={ids}"


def compare_url(experiments: list[str], run_ids: list[str]) -> str:
    """The MLflow UI's own page that compares runs."""
    from urllib.parse import quote

    ids = quote(json.dumps(run_ids, separators=(",", ":")))
    exps = quote(json.dumps(experiments, separators=(",", ":")))
    return f"{ui_url()}/#/compare-runs?runs={ids}&experiments={exps}"


def forget() -> None:
    """Drop the cached client, for a process that changes its settings (tests)."""
    prepare_store.cache_clear()


def owner() -> str:
    """The user name for the run's `mlflow.user` tag."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return os.environ.get("USERNAME", "unknown")
