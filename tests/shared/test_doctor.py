"""The check-up: each fact against a machine that was made good or bad in that one way."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest

from shared import doctor, models
from shared.doctor import Fact
from shared.settings import settings
from shared.switches import QUIET

KEY = "sk-test-0123456789"


def facts() -> dict[str, Fact]:
    settings.cache_clear()
    return {fact.name: fact for fact in doctor.check()}


def test_a_healthy_machine_has_no_failure_and_every_fact_once(own_home: Path) -> None:
    found = doctor.check()
    assert [fact.name for fact in found] == list(doctor.CHECKS)
    assert [fact for fact in found if fact.status == "FAIL"] == []
    for fact in found:
        assert "\n" not in fact.message + fact.fix, fact
        assert fact.message
        assert fact.fix or fact.status == "OK", fact


def test_the_command_prints_the_same_facts_as_json(own_home: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "shared.cli", "doctor", "--json"], capture_output=True, text=True
    )
    told = json.loads(done.stdout)
    assert [row["name"] for row in told] == list(doctor.CHECKS)
    assert set(told[0]) == {"name", "status", "message", "fix"}
    assert done.returncode == 0, done.stdout


def test_lines_for_people_show_the_fix_of_what_is_wrong_only() -> None:
    text = doctor.render([Fact("a", "OK", "fine", "never shown"), Fact("bb", "FAIL", "broken", "mend it")])
    assert text.splitlines() == [
        "OK    a   fine", "FAIL  bb  broken", "          → mend it", "", "1 OK, 0 WARN, 1 FAIL",
    ]  # fmt: skip


def test_keys_are_never_shown_not_even_partly(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("LADDER_SERVICE_KEY", KEY)
    for provider in ("local", "openai"):
        monkeypatch.setenv("LADDER_PROVIDER", provider)
        text = doctor.render(list(facts().values()))
        assert KEY not in text and KEY[:5] not in text and KEY[-4:] not in text
    assert "requests go to api.openai.com; OPENAI_API_KEY is set (not shown)" in text


def test_openai_without_a_key_fails(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LADDER_PROVIDER", "openai")
    fact = facts()["provider"]
    assert fact.status == "FAIL" and "OPENAI_API_KEY" in fact.fix


def test_a_home_that_is_a_file_fails(tmp_path: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LADDER_HOME", str(tmp_path / "file"))
    fact = facts()["home"]
    assert fact.status == "FAIL" and "LADDER_HOME" in fact.fix


def test_a_wrong_setting_is_named_and_is_no_traceback(
    own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LADDER_PROVIDER", "azure")
    fact = facts()["settings"]
    assert fact.status == "FAIL" and "LADDER_PROVIDER" in fact.message + fact.fix


def test_a_damaged_store_fails_and_a_good_one_counts_its_runs(own_home: Path) -> None:
    own_home.mkdir()
    file = own_home / "mlflow.db"
    assert "will be made" in facts()["store"].message
    with sqlite3.connect(file) as db:
        db.executescript("CREATE TABLE runs (id); INSERT INTO runs VALUES (1), (2);")
    db.close()
    assert facts()["store"] == Fact("store", "OK", f"{file}: 2 runs")
    file.write_bytes(b"not a database" * 1000)
    fact = facts()["store"]
    assert fact.status == "FAIL" and str(file) in fact.fix


@pytest.mark.parametrize("scheme", ["http", "postgresql"])
def test_a_store_that_does_not_answer_fails_without_its_password(
    own_home: Path, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"{scheme}://ann:secret@127.0.0.1:1/runs")
    fact = facts()["store"]
    assert fact.status == "FAIL" and "127.0.0.1:1" in fact.message
    assert "secret" not in fact.message + fact.fix


def test_a_telemetry_switch_turned_on_is_seen(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert facts()["telemetry"].status == "OK"
    name = next(iter(QUIET))
    monkeypatch.setenv(name, "loud")
    assert facts()["telemetry"] == Fact(
        "telemetry", "WARN", f"changed in your environment: {name}=loud", f"unset {name}"
    )


def test_a_package_out_of_its_range_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nrequires-python = ">=9"\ndependencies = ["click>=99", "no-such-package>=1", "psutil"]\n'
    )
    monkeypatch.setattr(doctor, "CLONE", tmp_path)
    fact = doctor.packages()
    assert fact.status == "FAIL"
    assert fact.message == f"click {version('click')} is not >=99; no-such-package is missing"
    assert doctor.python().status == "FAIL"


def test_a_check_that_breaks_is_a_failure_itself(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Fact:
        raise ImportError("libsomething.so is missing")

    monkeypatch.setitem(doctor.CHECKS, "audio", broken)
    fact = facts()["audio"]
    assert fact.status == "FAIL" and "libsomething.so" in fact.message and fact.fix


def test_whisper_folders_must_hold_a_model(
    tmp_path: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LADDER_WHISPER_FOLDERS", str(tmp_path))
    fact = facts()["whisper"]
    assert fact.status == "FAIL" and str(tmp_path) in fact.message
    (tmp_path / "model.bin").write_bytes(b"")
    assert facts()["whisper"] == Fact("whisper", "OK", tmp_path.name)


def test_a_speech_model_that_is_not_here_fails_with_the_command_that_brings_it(
    own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LADDER_SPEECH_MODEL", "whisper-base")
    assert facts()["speech model"].fix == "ladder models pull whisper-base"
    monkeypatch.setenv("LADDER_SPEECH_MODEL", "no-such")
    assert facts()["speech model"].status == "FAIL"


@pytest.mark.parametrize(
    ("provider", "days", "status"),
    [("openai", 119, "WARN"), ("openai", -1, "WARN"), ("openai", 120, "OK"), ("local", 119, "OK")],
)
def test_shutdowns_are_warned_of_within_120_days_where_they_matter(
    own_home: Path, monkeypatch: pytest.MonkeyPatch, provider: str, days: int, status: str
) -> None:
    monkeypatch.setenv("LADDER_PROVIDER", provider)
    monkeypatch.setattr(models.Model, "days_left", lambda self, today=None: days if self.shutdown else None)
    fact = facts()["shutdowns"]
    assert fact.status == status
    assert ("whisper-1" in fact.message) == (days < 120)


def test_cuda_without_a_gpu_fails(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not version("torch").endswith("+cpu"):
        pytest.skip("this torch may see a GPU")
    monkeypatch.setenv("LADDER_DEVICE", "cuda")
    assert facts()["device"].fix == "Set LADDER_DEVICE=auto"
    monkeypatch.setenv("LADDER_DEVICE", "auto")
    assert facts()["device"].message.startswith("cpu, because torch")


def test_an_encoder_with_other_weights_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    changed = replace(models.find("all-minilm-l6-v2"), sha256="0" * 64)
    monkeypatch.setattr(models, "find", lambda name: changed)
    fact = doctor.CHECKS["encoder"]()
    assert fact.status == "FAIL" and "not those that are pinned" in fact.message and fact.fix == "make env"
