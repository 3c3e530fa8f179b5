"""The commands of level 6 as they are typed, and the tour."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from study_folders import CODE, PLAN, make

from level6_research import ledger
from level6_research.tour import TINY, tour
from shared import store
from shared.cli import cli

pytestmark = pytest.mark.usefixtures("home")


def ladder(*words: str | Path) -> Result:
    done = CliRunner().invoke(cli, ["level6", *map(str, words)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def test_new_run_report_studies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = ladder("new", "my-coin", "--from", "coin")
    assert (made.exit_code, made.stdout) == (0, "my-coin\n")
    assert ladder("new", "my-coin").exit_code == 1
    assert ladder("new", "../x").exit_code == 2

    done = ladder("run", "my-coin")
    record = ledger.history("my-coin")[-1]
    assert done.exit_code == 0 and record.done
    assert record.standing in done.stdout and "mean heads" in done.stdout
    assert done.stderr.splitlines()[-1].startswith(f"Run: {record.url}")
    assert "10 of 10 · bent, seed 4: heads 0.54 " in done.stderr

    told = json.loads(ladder("run", "my-coin", "--json").stdout)
    assert (told["done"], told["verdicts"][0]["word"], len(told["trials"])) == (True, "better", 10)
    assert told["run_id"] == record.run_id

    written = ladder("report", "my-coin")
    assert written.exit_code == 0 and written.stdout == f"{record.standing}\n"
    page = tmp_path / "my-coin-report" / "report.html"
    assert page.is_file() and page.as_uri() in written.stderr
    assert written.stderr.splitlines()[-1].startswith(f"Run: {record.url}")

    monkeypatch.chdir(tmp_path / "my-coin")
    assert "All 10 trials are done already." in ladder("run").stderr, "the folder one is in"
    assert "All 10 trials are done already." in ladder("run", "study.yaml").stderr, "or the file"
    listed = json.loads(ladder("studies", "--json").stdout)
    assert "my-coin" in [study["study"] for study in listed]
    assert "my-coin" in ladder("studies").stdout


def test_a_study_with_a_failing_trial_ends_with_1_and_says_what_to_do(tmp_path: Path) -> None:
    code = (
        "def run(c, seed, report):\n    if seed == 2: raise RuntimeError('no luck')\n"
        "    return {'score': seed}\n"
    )
    folder = make(tmp_path / "unlucky", code=code)
    done = ladder("run", folder)
    assert done.exit_code == 1
    assert "a, seed 2: failed: RuntimeError: no luck" in done.stderr
    assert "The study is not finished: 4 of 6 trials." in done.stdout
    assert f"ladder level6 run {folder}" in done.stderr
    assert "Traceback" not in done.output


def test_mistakes_are_sentences(tmp_path: Path) -> None:
    broken = make(tmp_path / "broken", PLAN.replace("rope: 0.5", "rope: -1"), CODE)
    for words, told in (
        (("run", tmp_path / "nothing"), "There is no study.yaml"),
        (("run", broken), "line 3: metric.rope"),
        (("run", "example:none"), "There is no example 'none'"),
        (("report", "never-run"), "MLflow holds no study 'never-run'"),
        (("new", "x", "--from", "none"), "There is no example 'none'"),
    ):
        done = ladder(*words)
        assert done.exit_code in (1, 2) and told in done.stderr, done.stderr
        assert "Traceback" not in done.output


def test_a_report_that_cannot_be_written(tmp_path: Path) -> None:
    assert ladder("run", "example:coin").exit_code == 0
    (tmp_path / "file").write_text("")
    done = ladder("report", "example:coin", "--out", tmp_path / "file" / "in")
    assert done.exit_code == 1 and "cannot be written" in done.stderr


@pytest.mark.slow
def test_the_tour_ends_in_a_verdict() -> None:
    """Twenty small trainings in all: visited twice, it starts over, and both are kept."""
    said: list[str] = []
    for visit in (1, 2):
        outcome = tour(said.append)
        record = ledger.history("tour")[-1]
        assert (outcome.run_id, outcome.url) == (record.run_id, record.url)
        assert outcome.result == record.brief and record.standing in said and record.done
        assert len(ledger.history("tour")) == visit
    assert record.plan.config["steps"] == TINY["steps"]
    assert {f.path for f in store.prepare_store().list_artifacts(record.run_id)} >= {"report", "study.py"}
