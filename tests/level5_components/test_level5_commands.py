"""`ladder level5 …` as it is typed: results on stdout, the rest on stderr, the run's link last."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from level5_components import quantise
from level5_components import tour as level5_tour
from level5_components.checks import LINEAR
from shared import store
from shared.cli import cli

LADDER = [sys.executable, "-m", "shared.cli"]


def level5(*words: str) -> Result:
    return CliRunner().invoke(cli, ["level5", *words])


def test_verify_prints_a_table_and_records_it(home: Path) -> None:
    done = level5("verify")
    assert done.exit_code == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert sum(line[:1] == ["PASS"] for line in lines) == len(LINEAR) and "FAIL" not in done.stdout
    assert f"{len(LINEAR)} of {len(LINEAR)} checks passed." in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("Run: http")
    run = store.prepare_store().get_run(last.split("/runs/")[1].split()[0])
    assert run.data.metrics["failures"] == 0 and run.data.metrics["checks"] == len(LINEAR)
    assert run.data.metrics["error/formula"] < 1e-5


def test_verify_as_json(home: Path) -> None:
    told = json.loads(level5("verify", "--seed", "3", "--json").stdout)
    assert told["passed"] and [c["name"] for c in told["checks"]] == [c.name for c in LINEAR]
    assert all(c["error"] <= c["tolerance"] for c in told["checks"]) and told["url"].endswith(told["run_id"])


def test_a_failure_is_exit_code_1_with_its_sentence(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first experiment of the lesson: the sign in place of round."""
    monkeypatch.setattr(quantise, "absmean_ternary", lambda w: (w.sign(), w.abs().mean()))
    done = level5("verify")
    assert done.exit_code == 1
    failed = [line.split("  ")[0] for line in done.stdout.splitlines() if line.strip().startswith("FAIL")]
    assert len(failed) == 3 and "sign alone gives two" in " ".join(done.stdout.split())
    assert f"{len(LINEAR) - 3} of {len(LINEAR)} checks passed." in done.stderr


def test_train_prints_both_networks_and_what_one_seed_cannot_prove(home: Path) -> None:
    done = level5("train", "--steps", "2")
    assert done.exit_code == 0, done.stderr
    assert (
        "full precision" in done.stdout and "ternary" in done.stdout and "One seed is one draw" in done.stdout
    )
    assert done.stderr.splitlines()[-1].startswith("Run: http")


def test_train_as_json(home: Path) -> None:
    told = json.loads(level5("train", "--steps", "2", "--seed", "5", "--json").stdout)
    assert (told["steps"], told["seed"]) == (2, 5) and set(told["arms"]) == {"full precision", "ternary"}
    assert store.prepare_store().get_run(told["run_id"]).data.tags["seed"] == "5"


@pytest.mark.parametrize(
    "words", [["train", "--steps", "0"], ["train", "--seed", "-1"], ["verify", "--seed", "x"]]
)
def test_wrong_numbers_are_exit_code_2(words: list[str]) -> None:
    done = level5(*words)
    assert (done.exit_code, done.stdout) == (2, "") and "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [["--help"], ["verify", "--help"], ["train", "--help"]])
def test_help_loads_nothing_heavy(words: list[str]) -> None:
    code = f"""
import sys, atexit
heavy = {{"torch", "mlflow", "streamlit", "matplotlib", "altair", "numpy", "transformers"}}
atexit.register(lambda: print("LOADED", *sorted(set(sys.modules) & heavy), file=sys.stderr))
sys.argv = ["ladder", "level5", *{words!r}]
from shared.cli import main
main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("Usage: ladder level5")
    assert done.stderr.split("LOADED")[1].split() == []


@pytest.mark.slow
def test_ctrl_c_ends_a_training_in_one_line(tmp_path: Path) -> None:
    env = os.environ | {"LADDER_HOME": str(tmp_path)}
    words = [*LADDER, "level5", "train", "--steps", "100000"]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env
    ) as process:
        time.sleep(12)  # loading torch and drawing scenes: wherever it is, the end must be the same
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "") and "Traceback" not in err and "Stopped" in err


def test_the_tour_checks_trains_and_links_its_run(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(level5_tour, "STEPS", 3)
    said: list[str] = []
    outcome = level5_tour.tour(said.append)
    assert outcome.result.startswith(f"{len(LINEAR)} checks passed; after 3 steps IoU 0.")
    assert "47% of the weights ternary" in outcome.result
    assert outcome.run_id and outcome.url and outcome.url.endswith(outcome.run_id)
    assert any("passes all" in line for line in said) and any(line.startswith("ternary:") for line in said)
