"""Reading what was recorded: the last runs of all levels, and runs side by side."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from shared import store
from shared.errors import BadUsage
from shared.tables import number, table

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

HIDDEN_TAGS = ("mlflow.", "ladder.")


def last_runs(level: int | None = None, limit: int = 20) -> list[dict[str, Any]]:
    """The newest runs, newest first, of one level or of all."""
    client = store.prepare_store()
    with store.told_plainly():
        return _newest(client, level, limit)


def _newest(client: MlflowClient, level: int | None, limit: int) -> list[dict[str, Any]]:
    names = {e.experiment_id: e.name for e in client.search_experiments() if e.name != "Default"}
    chosen = [i for i, name in names.items() if level is None or name.startswith(f"level{level}-")]
    if not chosen:
        return []
    found = client.search_runs(chosen, max_results=limit, order_by=["attributes.start_time DESC"])
    return [_as_dict(run, names[run.info.experiment_id]) for run in found]


def find(run_id: str) -> dict[str, Any]:
    """One run by its id or the first characters of it. Raises BadUsage if none or several fit."""
    client = store.prepare_store()
    with store.told_plainly():
        return _find(client, run_id)


def _find(client: MlflowClient, run_id: str) -> dict[str, Any]:
    names = {e.experiment_id: e.name for e in client.search_experiments()}
    if len(run_id) == 32:
        from mlflow.exceptions import MlflowException

        try:
            run = client.get_run(run_id)
            return _as_dict(run, names.get(run.info.experiment_id, ""))
        except MlflowException:
            raise _unknown(run_id) from None
    fitting = [
        run
        for run in client.search_runs(list(names), max_results=50_000)
        if run.info.run_id.startswith(run_id)
    ]
    if not fitting:
        raise _unknown(run_id)
    if len(fitting) > 1:
        raise BadUsage(f"{len(fitting)} runs begin with {run_id!r}.", "Give more characters of the id.")
    return _as_dict(fitting[0], names[fitting[0].info.experiment_id])


def compare(run_ids: Sequence[str]) -> dict[str, Any]:
    """Runs side by side: the settings in which they differ, every metric, and the UI's compare link."""
    if len(run_ids) < 2:
        raise BadUsage("Comparing takes at least two runs.", "Choose two ids from `ladder runs`.")
    found = [find(run_id) for run_id in run_ids]
    settings = sorted({key for run in found for key in run["params"]})
    return {
        "runs": found,
        "differing_params": [k for k in settings if len({run["params"].get(k) for run in found}) > 1],
        "metrics": sorted({key for run in found for key in run["metrics"]}),
        "url": store.compare_url(
            sorted({run["experiment_id"] for run in found}), [run["run_id"] for run in found]
        ),
    }


def runs_table(found: list[dict[str, Any]], level: int | None = None) -> str:
    """What `ladder runs` prints; `level` is the one that was asked for."""
    if not found:
        return _nothing(level)
    rows = [
        (
            run["run_id"][:8], run["level"].removeprefix("level"), run["name"],
            run["started"][5:16].replace("T", " "),
            run["status"], number(run["metrics"].get("wall_s"), 1), _headline(run["metrics"]), run["url"],
        )
        for run in found
    ]  # fmt: skip
    return table(
        ["run", "level", "name", "started", "status", "wall s", "result", "link"], rows, right=["wall s"]
    )


def _nothing(level: int | None) -> str:
    if level is None:
        return "No run is recorded yet. Make one: ladder tour"
    return f"No run of level {level} is recorded yet. See what it can do: ladder level{level} --help"


def compare_table(compared: dict[str, Any]) -> str:
    """What `ladder compare` prints."""
    found = compared["runs"]
    rows: list[Sequence[object]] = [("name", *(run["name"] for run in found))]
    rows += [(key, *(run["params"].get(key) for run in found)) for key in compared["differing_params"]]
    rows += [(key, *(number(run["metrics"].get(key), 4) for run in found)) for key in compared["metrics"]]
    drawn = table(["", *(run["run_id"][:8] for run in found)], rows)
    return f"{drawn}\n\n{compared['url']}"


# The one metric that says most about a run, by level, in the order in which they are looked for.
HEADLINES = ("wer", "hit_at_5", "ndcg_at_10", "iou/val", "checks_passed", "loss/val", "rtf")


def _headline(metrics: dict[str, float]) -> str:
    known = [name for name in HEADLINES if name in metrics]
    studied = [name for name in metrics if name.startswith("difference/")]
    return next((f"{name} {number(metrics[name])}" for name in known + studied), "")


def _as_dict(run: Run, experiment: str) -> dict[str, Any]:
    info = run.info
    started = datetime.fromtimestamp(info.start_time / 1000).astimezone()
    return {
        "run_id": info.run_id, "name": info.run_name, "level": experiment, "status": info.status,
        "experiment_id": info.experiment_id, "started": started.isoformat(timespec="seconds"),
        "params": dict(run.data.params), "metrics": dict(run.data.metrics),
        "tags": {k: v for k, v in run.data.tags.items() if not k.startswith(HIDDEN_TAGS)},
        "error": run.data.tags.get("ladder.error"),
        "url": store.run_url(info.experiment_id, info.run_id),
    }  # fmt: skip


def _unknown(run_id: str) -> BadUsage:
    return BadUsage(f"No run has the id {run_id!r}.", "See the ids with: ladder runs")
