"""Trials in a real store: all of them, once each, whatever is raised, killed, changed or done twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from study_folders import CODE, PLAN, make

from level6_research import ledger
from level6_research.ledger import Record
from level6_research.study import load
from level6_research.trials import run_study
from shared import store
from shared.errors import LadderError

pytestmark = pytest.mark.usefixtures("home")


def run(folder: Path, **more) -> tuple[Record, list[str]]:
    told: list[str] = []
    return run_study(load(folder), told.append, **more), told


def finished(record: Record) -> Counter:
    return Counter((t.arm, t.seed) for t in record.attempts if t.state == "finished")


def test_every_trial_is_a_run_inside_the_studys(tmp_path: Path) -> None:
    begun: list[tuple[str, int]] = []
    ended: list[int] = []
    record, told = run(
        make(tmp_path / "whole"),
        on_begin=lambda arm, seed: begun.append((arm, seed)),
        on_done=lambda trial, now: ended.append(len(now.values)),
    )
    assert record.done and not record.lost
    assert tuple(begun) == record.plan.trials and ended == [1, 2, 3, 4, 5, 6]
    assert told[0].startswith("Registered whole, version 1, ")
    assert record.values["b", 2] == pytest.approx(10 + 2 + 3 + 0.6)
    client = store.prepare_store()
    parent = client.get_run(record.run_id)
    assert (parent.info.status, parent.data.tags["verdict.b"]) == ("FINISHED", "better")
    assert parent.data.params["question"] == "Is b better than a?"
    assert parent.data.metrics["difference/b"] == pytest.approx(record.verdicts[0].difference)
    assert {f.path for f in client.list_artifacts(record.run_id)} == {"study.yaml", "study.py"}
    child = client.get_run(record.kept["b", 0].run_id)
    assert child.data.tags["mlflow.parentRunId"] == record.run_id
    assert (child.data.tags["arm"], child.data.tags["seed"]) == ("b", "0"), "0 is a seed"
    assert child.data.tags["study.hash"] == record.hash
    assert child.data.params["lift"] == "3"
    assert parent.info.start_time <= child.info.start_time, "registered before the first trial"
    points = ledger.curves(record)["score/so_far"]["b", 1]
    assert points == [(0, 1.0), (1, 2.0), (2, 3.0)]


def test_what_is_done_is_not_done_again(tmp_path: Path) -> None:
    folder = make(tmp_path / "twice")
    first, _ = run(folder)
    second, told = run(folder)
    assert told == ["All 6 trials are done already."]
    assert second == first
    third, _ = run(folder, again=True)
    assert third.run_id != first.run_id and third.version == first.version == 1
    assert len(ledger.history("twice")) == 2


def test_a_changed_study_is_a_new_version(tmp_path: Path) -> None:
    folder = make(tmp_path / "changed")
    first, _ = run(folder)
    make(folder, PLAN.replace("rope: 0.5", "rope: 0.25"))
    second, told = run(folder)
    assert told[0].startswith("Registered changed, version 2 (the plan or the code changed)")
    assert second.run_id != first.run_id and len(second.attempts) == 6
    make(folder)
    back, told = run(folder)
    assert (back.run_id, told) == (first.run_id, ["All 6 trials are done already."])
    assert [(r.version, r.done) for r in ledger.history("changed")] == [(1, True), (2, True)]


def test_a_trial_that_raises_is_told_and_the_others_go_on(tmp_path: Path) -> None:
    switch = tmp_path / "mended"
    broken = CODE.replace(
        "    for step", f"    import pathlib\n    mended = pathlib.Path({str(switch)!r}).exists()\n"
        "    if seed == 1 and config['lift'] and not mended:\n"
        "        raise OSError('no <b>space</b> left')\n    for step",
    )  # fmt: skip
    folder = make(tmp_path / "raises", code=broken)
    record, _ = run(folder)
    assert not record.done and len(record.values) == 5 and record.verdicts == ()
    assert record.standing == "The study is not finished: 5 of 6 trials."
    (lost,) = record.lost
    assert (lost.arm, lost.seed, lost.state, lost.value) == ("b", 1, "failed", None)
    assert lost.reason == "OSError: no <b>space</b> left"
    client = store.prepare_store()
    assert client.get_run(record.run_id).info.status == "FAILED"
    assert [f.path for f in client.list_artifacts(lost.run_id)] == ["traceback.txt"]

    switch.touch()
    mended, told = run(folder)
    assert told[0] == "Going on: 5 of 6 trials are done, 1 attempt failed or killed."
    assert mended.run_id == record.run_id and mended.done and len(mended.lost) == 1
    assert set(finished(mended).values()) == {1}
    assert client.get_run(record.run_id).info.status == "FINISHED"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("return {'other': 1.0}", "returned no score; it returned other"),
        ("return {}", "returned no score; it returned nothing"),
        ("return {'score': float('nan')}", "score is nan, not a finite number"),
        ("return {'score': 'high'}", "score is 'high', not a finite number"),
        ("return 3", "not int"),
        ("report(0, {'a$': 1}); return {'score': 1}", "'a$' is not a name for a metric"),
        ("raise SystemExit(3)", "SystemExit: 3"),
    ],
)
def test_a_trial_without_a_number_is_no_trial(tmp_path: Path, code: str, reason: str) -> None:
    folder = make(tmp_path / f"bad{abs(hash(code))}", code=f"def run(config, seed, report):\n    {code}\n")
    record, _ = run(folder)
    assert len(record.lost) == 6 and not record.values
    assert all(reason in trial.reason for trial in record.lost)


def test_the_last_value_is_the_returned_one_though_it_was_reported_on_the_way(tmp_path: Path) -> None:
    code = "def run(c, seed, report):\n    report(50, {'score': 9.0})\n    return {'score': 1.0 + seed}\n"
    record, _ = run(make(tmp_path / "same-name", code=code))
    assert record.values["a", 2] == 3.0


def test_the_budget_ends_a_study_without_a_verdict(tmp_path: Path) -> None:
    plan = PLAN.replace("pause: 0.0", "pause: 0.05") + "budget: 0.005\n"  # 0.3 s of trials of 0.15 s
    record, told = run(make(tmp_path / "budget", plan))
    assert told[-1] == "The budget of 0.005 minutes is spent."
    assert 2 <= len(record.values) < 6 and record.verdicts == ()


def test_two_processes_do_not_run_the_same_study(tmp_path: Path) -> None:
    folder = make(tmp_path / "twofold")

    def second(arm: str, seed: int) -> None:
        if (arm, seed) == ("a", 0):
            with pytest.raises(LadderError, match="running in another process"):
                run(folder)

    record, _ = run(folder, on_begin=second)
    assert set(finished(record).values()) == {1} and record.done


def test_without_a_store_there_is_no_study(tmp_path: Path) -> None:
    environment = os.environ | {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}
    shown = subprocess.run(
        [sys.executable, "-m", "shared.cli", "level6", "run", str(make(tmp_path / "away"))],
        capture_output=True, text=True, timeout=120, env=environment,
    )  # fmt: skip
    assert shown.returncode == 1
    assert "The MLflow store at http://127.0.0.1:9 cannot be reached." in shown.stderr
    assert "Traceback" not in shown.stderr and "Registered" not in shown.stderr


# Killed ------------------------------------------------------------------------------------------------

SLOW = PLAN.replace("pause: 0.0", "pause: 0.1").replace("[0, 1, 2]", "[0, 1, 2, 3]")


def start(folder: Path) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "shared.cli", "level6", "run", str(folder)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def first_trial(process: subprocess.Popen) -> None:
    """Wait until a trial has been told as done: from here on there is something to lose."""
    assert process.stderr is not None
    for line in process.stderr:
        if " of 8 · " in line:
            return
    raise AssertionError("it ended before its first trial")


def killed_and_resumed(folder: Path, kills: int, draw: random.Random) -> None:
    make(folder, SLOW)
    acknowledged = 0
    for _ in range(kills):
        process = start(folder)
        try:
            first_trial(process)
            time.sleep(draw.uniform(0, 0.6))
        finally:
            process.send_signal(signal.SIGKILL)
            process.communicate(timeout=60)
        kept = len(ledger.history(folder.name)[-1].values)
        assert kept > acknowledged, "what was told as done is there"
        acknowledged = kept
    record, told = run(folder)
    assert told[0].startswith(f"Going on: {acknowledged} of 8 trials are done")
    assert record.done and len(ledger.history(folder.name)) == 1, "the study's run is the same"
    assert finished(record) == Counter(record.plan.trials), "no trial lost, none doubled"
    assert all(t.state == "killed" for t in record.lost)
    assert len(record.attempts) == 8 + len(record.lost)
    assert store.prepare_store().get_run(record.run_id).info.status == "FINISHED"


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
def test_killed_at_random_moments_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    killed_and_resumed(tmp_path / "killed", kills=2, draw=random.Random(1))


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
@pytest.mark.parametrize("seed", range(5))
def test_killed_at_many_random_moments(tmp_path: Path, seed: int) -> None:
    killed_and_resumed(tmp_path / f"killed-{seed}", kills=4, draw=random.Random(seed))


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
def test_ctrl_c_says_what_is_kept(tmp_path: Path) -> None:
    folder = make(tmp_path / "stopped", SLOW)
    process = start(folder)
    first_trial(process)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    kept = len(ledger.history("stopped")[-1].values)
    assert f"Stopped. {kept} of 8 trials are done and kept" in said and kept >= 1
    assert "Traceback" not in said
    record, _ = run(folder)
    assert record.done and finished(record) == Counter(record.plan.trials)
