"""Running a study: each arm with each seed, one run of MLflow a trial, and nothing lost when it is killed.

    record = run_study(load(Path("my-study")), say=print)

MLflow is the only memory. What is to do is what the plan asks for less what has finished under the same
hash, so to go on after a kill is to begin again: the same function, called once more.
"""

from __future__ import annotations

import math
import numbers
import os
import platform
import re
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.metadata import version
from typing import Any

from filelock import FileLock, Timeout

from level6_research import ledger
from level6_research.ledger import HASH, PLAN, Record, Trial, many
from level6_research.study import Study
from shared import store
from shared.errors import LadderError
from shared.files import home_folder
from shared.tracking import Run, track

METRIC_NAME = re.compile(r"[A-Za-z0-9][\w./ -]{0,240}")
PACKAGES = ("torch", "numpy", "scipy")

OnBegin = Callable[[str, int], None]
OnDone = Callable[[Trial, Record], None]


class Unfinished(Exception):
    """Marks the study's run as failed; whoever asked gets the record, which tells the same."""


def run_study(
    study: Study,
    say: Callable[[str], None],
    *,
    again: bool = False,
    on_begin: OnBegin = lambda arm, seed: None,
    on_done: OnDone = lambda trial, record: None,
) -> Record:
    """Run what the study still lacks, and return it as MLflow holds it.

    A trial that raises is recorded with its reason and the others go on; the next call tries it again.

    Args:
        again: start over if every trial is done; the report counts how often.
        on_begin: told the arm and the seed before each trial.
        on_done: told each trial as it was recorded, and the record with it.

    Raises:
        LadderError: the store cannot be reached, or the study runs in another process.
        KeyboardInterrupt: with a sentence that says what is kept.
    """
    store.prepare_store()  # a study is worth nothing unrecorded: this raises where tracking only warns
    with _alone(study):
        known = ledger.latest(study)
        if known is not None:
            _close(known)
            if again and known.done:
                known = None
        if known is not None and known.done:
            say(f"All {len(study.plan.trials)} trials are done already.")
            return known
        _tell(study, known, say)
        try:
            with suppress(Unfinished), _parent(study, known) as parent:
                _work(study, parent, say, on_begin, on_done)
        except KeyboardInterrupt:
            kept = len(_now(study).values)
            raise KeyboardInterrupt(
                f"Stopped. {kept} of {len(study.plan.trials)} trials are done and kept; "
                "the same command goes on from there."
            ) from None
        return _now(study)


def _work(study: Study, parent: Run, say: Callable[[str], None], on_begin: OnBegin, on_done: OnDone) -> None:
    record, plan = _now(study), study.plan
    for arm, seed in [key for key in plan.trials if key not in record.values]:
        if record.spent_s >= plan.budget * 60:
            say(f"The budget of {plan.budget:g} minutes is spent.")
            break
        on_begin(arm, seed)
        run_id = _trial(study, parent, arm, seed)
        record = _now(study)
        trial = next((t for t in record.attempts if t.run_id == run_id), None)
        if trial is None or trial.state == "running":
            raise LadderError(
                f"The trial {arm}, seed {seed}, could not be recorded whole.",
                "See that the MLflow store can be written, and run the study again.",
            )
        on_done(trial, record)
    _sum_up(record, parent)
    if not record.done:
        raise Unfinished(record.standing)


def _trial(study: Study, parent: Run, arm: str, seed: int) -> str | None:
    """Run and record one trial, whatever comes of it; the id of its run."""
    config = study.plan.trial_config(arm)
    tags: dict[str, Any] = {"arm": arm, "seed": seed, HASH: study.hash, **_environment()}
    run_id, last = None, -1
    # What a trial raises marks its run FAILED, with the reason; the others go on.
    with (
        suppress(Exception, SystemExit),
        parent.child(f"{arm}, seed {seed}", {**config, "arm": arm, "seed": seed}, **tags) as child,
    ):
        run_id = child.id

        def report(step: int, values: Mapping[str, float]) -> None:
            nonlocal last
            last = max(last, step)
            child.metrics(_numbers(values), step=step)

        try:
            found = _numbers(study.run(config, seed, report))
            if study.plan.metric.name not in found:
                told = ", ".join(found) or "nothing"
                raise ValueError(f"run() returned no {study.plan.metric.name}; it returned {told}")
        except Exception:
            child.artifact("traceback.txt", traceback.format_exc())
            raise
        child.metrics(found, step=last + 1)  # MLflow's last value is that of the last step
    return run_id


def _numbers(values: Any) -> dict[str, float]:
    """The metrics of a trial, each a finite number under a name that MLflow takes. Raises ValueError."""
    if not isinstance(values, Mapping):
        raise ValueError(f"metrics are a dict of name and number, not {type(values).__name__}")
    for name, value in values.items():
        if not (isinstance(name, str) and METRIC_NAME.fullmatch(name)):
            raise ValueError(f"{name!r} is not a name for a metric")
        if not (isinstance(value, numbers.Real) or hasattr(value, "__float__")) or not math.isfinite(value):
            raise ValueError(f"{name} is {value!r}, not a finite number")
    return {name: float(value) for name, value in values.items()}


# The study's own run -----------------------------------------------------------------------------------


@contextmanager
def _parent(study: Study, known: Record | None) -> Iterator[Run]:
    """The run of the whole study: the one that was begun, or a new one that registers the plan.

    Plan and hash are tags, which MLflow writes in the same step as the run itself: there is no moment at
    which a trial could start unregistered.
    """
    plan = study.plan
    params = {
        "question": plan.question, "hypothesis": plan.hypothesis, "metric": plan.metric.name,
        "direction": plan.metric.direction, "rope": plan.metric.rope, "arms": ", ".join(plan.arms),
        "baseline": plan.baseline, "seeds": plan.seeds, "budget_min": plan.budget,
    }  # fmt: skip
    tags = {PLAN: plan.as_json(), HASH: study.hash}
    resume = known.run_id if known else None
    with track(study.experiment, study.name, params, tags, resume=resume) as parent:
        if parent.id is None:
            raise LadderError(
                "The study could not be registered.", "See that the MLflow store can be written."
            )
        for name in ("study.yaml", "study.py"):
            parent.artifact(name, study.source if name == "study.py" else study.folder / name)
        yield parent


def _sum_up(record: Record, parent: Run) -> None:
    """The study in numbers, for MLflow's own pages. The report reads the trials and not these."""
    sums: dict[str, float] = {
        "trials": len(record.values), "trials_lost": len(record.lost), "compute_s": record.spent_s
    }  # fmt: skip
    for verdict in record.verdicts:
        sums |= {
            f"difference/{verdict.arm}": verdict.difference,
            f"low/{verdict.arm}": verdict.interval.low,
            f"high/{verdict.arm}": verdict.interval.high,
        }
        parent.tag(**{f"verdict.{verdict.arm}": verdict.word})
    parent.metrics(sums)


@contextmanager
def _alone(study: Study) -> Iterator[None]:
    """Hold the study for this process: two at once would run its trials twice."""
    folder = home_folder() / "studies"
    folder.mkdir(exist_ok=True)
    try:
        with FileLock(folder / f"{study.name}-{study.hash}.lock", timeout=0):
            yield
    except Timeout:
        raise LadderError(
            f"The study {study.name} is running in another process.", "Wait for that one, or stop it."
        ) from None


def _close(known: Record) -> None:
    """Trials that a dead process left running are over: we hold the study, so nobody else is at them."""
    client = store.prepare_store()
    with store.told_plainly():
        for trial in known.attempts:
            if trial.state == "running":
                client.set_tag(trial.run_id, "ladder.error", store.LEFT_RUNNING)
                client.set_terminated(trial.run_id, "FAILED")


def _tell(study: Study, known: Record | None, say: Callable[[str], None]) -> None:
    total = len(study.plan.trials)
    if known is not None:
        lost = f", {many(len(known.lost), 'attempt')} failed or killed" if known.lost else ""
        say(f"Going on: {len(known.values)} of {total} trials are done{lost}.")
        return
    before = ledger.history(study.name)
    version = len({record.hash for record in before} | {study.hash})
    changed = " (the plan or the code changed)" if before and study.hash != before[-1].hash else ""
    say(f"Registered {study.name}, version {version}{changed}, {study.hash}: {total} trials.")


def _now(study: Study) -> Record:
    record = ledger.latest(study)
    assert record is not None  # we registered it
    return record


def _environment() -> dict[str, str]:
    """What a trial runs on, for whoever wants the same number again."""
    packages = {f"env.{name}": version(name) for name in PACKAGES}
    return {
        "env.python": platform.python_version(),
        "env.machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        **packages,
    }
