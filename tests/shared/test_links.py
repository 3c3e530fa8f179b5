"""A link into the MLflow UI leads to where that is now, and one knows whether it is there at all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from shared import store

OLD = "http://127.0.0.1:5321/#/experiments/1/runs/abc"


def put(home: Path, pid: int) -> None:
    home.mkdir(parents=True, exist_ok=True)
    (home / "ui.json").write_text(json.dumps({"pid": pid, "url": "http://127.0.0.1:5399"}))


def test_links_follow_the_ui_to_another_port(own_home: Path) -> None:
    put(own_home, os.getpid())
    assert store.ui_runs()
    assert store.run_url("1", "abc") == "http://127.0.0.1:5399/#/experiments/1/runs/abc"
    assert store.link_now(OLD) == "http://127.0.0.1:5399/#/experiments/1/runs/abc"
    assert store.link_now(None) is None


def test_a_ui_that_died_is_not_believed(own_home: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    put(own_home, gone.pid)
    assert not store.ui_runs()
    assert store.link_now(OLD) == OLD, "the port where `ladder ui` would start it"


def test_a_teams_server_is_its_own_ui(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow.example:5000/")
    assert store.ui_runs()
    assert store.link_now(OLD) == "http://mlflow.example:5000/#/experiments/1/runs/abc"


def test_a_broken_state_file_counts_as_none(own_home: Path) -> None:
    own_home.mkdir(parents=True)
    (own_home / "ui.json").write_text("{")
    assert not store.ui_runs()
