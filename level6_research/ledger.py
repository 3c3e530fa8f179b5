"""What MLflow holds of a study, read back: the only source of every number that is shown.

    for record in history("coin"):
        print(record.version, record.done, record.verdicts)

A study is a run that carries the plan as it was registered; its trials are the runs inside it. Reading
needs no study folder, so a report can be written wherever the store can be reached.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Literal, NamedTuple

from level6_research.study import Plan, Study
from level6_research.verdict import Verdict, judge
from shared import store

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

PREFIX = "level6-"
PLAN, HASH, PARENT = "study.plan", "study.hash", "mlflow.parentRunId"  # tags
State = Literal["finished", "failed", "killed", "running"]
Curve = list[tuple[int, float]]  # (step, value)


@dataclass(frozen=True)
class Trial:
    """One attempt at one arm with one seed.

    Attributes:
        value: the study's metric; None unless the trial finished.
        wall_s: how long it took; None if it was killed before it could say.
        reason: why it has no value.
        place: what it ran on: commit, machine, versions.
    """

    arm: str
    seed: int
    state: State
    run_id: str
    url: str
    value: float | None = None
    wall_s: float | None = None
    reason: str = ""
    place: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)


class Tally(NamedTuple):
    """How many attempts there were, and how many of them came to nothing."""

    attempts: int
    failed: int
    killed: int

    def __str__(self) -> str:
        return f"{many(self.attempts, 'attempt')}: {self.failed} failed, {self.killed} killed"


@dataclass(frozen=True)
class Record:
    """One registration of a study with its trials, oldest first.

    Attributes:
        version: 1 for the first plan and code under this name, 2 once they changed, and so on.
        registered: when, before its first trial. A version that was run again has a record for each run.
        attempts: every trial, those that failed or were killed too.
    """

    name: str
    hash: str
    version: int
    run_id: str
    url: str
    registered: datetime
    plan: Plan
    attempts: tuple[Trial, ...]

    @cached_property
    def kept(self) -> dict[tuple[str, int], Trial]:
        """The trials that count, by arm and seed, in the plan's order: the first that finished."""
        finished = {(t.arm, t.seed): t for t in reversed(self.attempts) if t.state == "finished"}
        return {key: finished[key] for key in self.plan.trials if key in finished}

    @cached_property
    def values(self) -> dict[tuple[str, int], float]:
        return {key: trial.value for key, trial in self.kept.items() if trial.value is not None}

    @property
    def lost(self) -> tuple[Trial, ...]:
        """Attempts that failed or were killed."""
        return tuple(trial for trial in self.attempts if trial.state in ("failed", "killed"))

    @property
    def done(self) -> bool:
        """Whether every registered trial has finished."""
        return len(self.values) == len(self.plan.trials)

    @cached_property
    def verdicts(self) -> tuple[Verdict, ...]:
        return judge(self.plan, self.values)

    @property
    def spent_s(self) -> float:
        """Seconds of work in all attempts that told how long they took."""
        return sum(trial.wall_s or 0 for trial in self.attempts)

    @property
    def standing(self) -> str:
        """Where the study stands, in a sentence: its verdicts, or how far it is."""
        if self.done:
            return " ".join(verdict.sentence for verdict in self.verdicts)
        return f"The study is not finished: {len(self.values)} of {len(self.plan.trials)} trials."

    @property
    def brief(self) -> str:
        """The same in a phrase."""
        return "; ".join(verdict.brief for verdict in self.verdicts) if self.done else self.standing


def tally(history: Sequence[Record]) -> Tally:
    """What all attempts of these registrations came to, counted."""
    states = [trial.state for record in history for trial in record.attempts]
    return Tally(len(states), states.count("failed"), states.count("killed"))


def same_version(history: Sequence[Record], record: Record) -> list[Record]:
    """Every run of the version of a record, oldest first: the first registered it."""
    return [other for other in history if other.hash == record.hash]


def many(n: int, word: str) -> str:
    """So many of a thing: "1 trial", "2 trials"."""
    return f"{n} {word}" if n == 1 else f"{n} {word}s"


def names() -> list[str]:
    """The names of all studies in the store."""
    client = store.prepare_store()
    with store.told_plainly():
        found = [e for e in client.search_experiments() if e.name.startswith(PREFIX)]
        return sorted(e.name.removeprefix(PREFIX) for e in found if _registered(client, e.experiment_id))


def history(name: str) -> list[Record]:
    """Every registration of the study of this name, oldest first; empty if there is none.

    Raises:
        LadderError: the store cannot be reached.
    """
    client = store.prepare_store()
    with store.told_plainly():
        experiment = client.get_experiment_by_name(PREFIX + name)
        return list(_records(client, name, experiment.experiment_id)) if experiment else []


def latest(study: Study) -> Record | None:
    """The last registration of exactly this plan and code."""
    return next((record for record in reversed(history(study.name)) if record.hash == study.hash), None)


def curves(record: Record) -> dict[str, dict[tuple[str, int], Curve]]:
    """What the trials that count reported on the way: metric -> (arm, seed) -> points."""
    client = store.prepare_store()
    found: dict[str, dict[tuple[str, int], Curve]] = {}
    with store.told_plainly():
        for key, trial in record.kept.items():
            for name in sorted(trial.metrics):
                points = [(p.step, p.value) for p in client.get_metric_history(trial.run_id, name)]
                if len(points) > 1:
                    found.setdefault(name, {})[key] = sorted(points)
    return found


def _records(client: MlflowClient, name: str, experiment: str) -> Iterator[Record]:
    inside: dict[str, list[Run]] = {}
    for run in _search(client, experiment, f"tags.`{PARENT}` != ''"):
        inside.setdefault(run.data.tags[PARENT], []).append(run)
    versions: dict[str, int] = {}
    for run in _registered(client, experiment):
        tags, info = run.data.tags, run.info
        plan = Plan.model_validate(json.loads(tags[PLAN]))
        yield Record(
            name, tags[HASH], versions.setdefault(tags[HASH], len(versions) + 1), info.run_id,
            store.run_url(experiment, info.run_id),
            datetime.fromtimestamp(info.start_time / 1000).astimezone(), plan,
            tuple(_trial(child, plan.metric.name) for child in inside.get(info.run_id, ())),
        )  # fmt: skip


def _registered(client: MlflowClient, experiment: str) -> list[Run]:
    return list(_search(client, experiment, f"tags.`{PLAN}` != ''"))


def _search(client: MlflowClient, experiment: str, wanted: str) -> Iterator[Run]:
    """Every run that fits, oldest first; MLflow gives them page by page."""
    token = None
    while True:
        page = client.search_runs(
            [experiment], wanted, max_results=1000, order_by=["attributes.start_time ASC"], page_token=token
        )
        yield from page
        token = page.token
        if not token:
            return


def _trial(run: Run, metric: str) -> Trial:
    info, tags, metrics = run.info, run.data.tags, dict(run.data.metrics)
    state, reason = _state(info.status, tags.get("ladder.error", ""))
    if state == "finished" and metric not in metrics:
        state, reason = "failed", f"its {metric} did not reach the store"
    return Trial(
        tags["arm"], int(tags["seed"]), state, info.run_id, store.run_url(info.experiment_id, info.run_id),
        metrics.get(metric) if state == "finished" else None, metrics.get("wall_s"), reason,
        {key: tags[key] for key in sorted(tags) if key.startswith(("env.", "git_"))}, metrics,
    )  # fmt: skip


def _state(status: str, reason: str) -> tuple[State, str]:
    if status == "FINISHED":
        return "finished", ""
    if status == "FAILED":
        return ("killed" if reason == store.LEFT_RUNNING else "failed"), reason
    if status == "KILLED":
        return "killed", reason.rstrip(": ")  # Ctrl-C has a name and no message
    return "running", ""
