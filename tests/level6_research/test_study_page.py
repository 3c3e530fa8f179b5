"""The page of level 6, used as a person uses it, on a real store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from study_folders import make

from level6_research import ledger
from level6_research.job import Job
from level6_research.new import TEMPLATES
from level6_research.study import load
from level6_research.trials import run_study
from shared.errors import LadderError
from shared.settings import CLONE

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture(autouse=True)
def clear() -> Iterator[None]:
    yield
    st.cache_data.clear()
    st.cache_resource.clear()


def page() -> AppTest:
    return fine(AppTest.from_file(str(CLONE / "level6_research" / "app.py"), default_timeout=120).run())


def fine(shown: AppTest) -> AppTest:
    assert not shown.exception, shown.exception
    return shown


def press(shown: AppTest) -> AppTest:
    next(b for b in shown.button if b.label == "Run this study").click()
    return fine(shown.run())


def test_a_study_is_run_and_its_verdict_shown() -> None:
    shown = page()
    assert "Does BitLinear cost IoU" in " ".join(m.value for m in shown.markdown)
    shown.button_group[0].set_value("coin")
    shown = press(fine(shown.run()))
    record = ledger.history("coin")[-1]
    assert record.done and record.verdicts[0].word == "better"
    words = " ".join(m.value for m in shown.markdown)
    assert "bent is better than fair" in words.replace("\\", "")
    assert [m.value for m in shown.metric] == ["0.499 ± 0.0061", "0.548 ± 0.00511"]
    assert record.url in [element.proto.url for element in shown.get("link_button")]
    assert {b.proto.label for b in shown.get("download_button")} == {"report.html", "report.md", "figure.svg"}
    assert len(shown.dataframe[0].value) == 10
    assert shown.dataframe[0].value.columns[0] == "run", "the link can be reached on a phone"
    assert any(c.value == "10 attempts: 0 failed, 0 killed." for c in shown.caption)

    before = len(ledger.history("coin"))
    press(shown)
    assert len(ledger.history("coin")) == before, "what is done is not done again"
    shown.checkbox[0].check()
    press(shown)
    assert len(ledger.history("coin")) == before + 1


def test_a_study_just_begun_says_what_is_missing(tmp_path: Path) -> None:
    """Stopped in its second trial: one arm has one seed, the other has none."""
    code = "def run(c, s, r):\n    if c['lift']: raise KeyboardInterrupt\n    return {'score': 1.03}\n"
    with pytest.raises(KeyboardInterrupt):
        run_study(load(make(tmp_path / "begun", code=code)), print)
    shown = page()
    shown = fine(shown.selectbox[0].set_value("begun").run())
    assert [m.value for m in shown.metric] == ["1.03, of one seed", "no result yet"]
    assert any(c.value == "2 attempts: 0 failed, 1 killed." for c in shown.caption)


def test_a_job_tells_how_far_it_is() -> None:
    job = Job(load(TEMPLATES / "coin"), again=True)
    shares = [0.0]
    while not job.wait(0.01):
        shares.append(job.share)
    assert job.result().done and job.share == 1.0
    assert shares == sorted(shares)
    assert [(t.arm, t.seed) for t in job.done] == list(job.study.plan.trials)
    assert job.label().startswith("coin: bent, seed 4 · ")


def test_a_job_hands_over_what_went_wrong(monkeypatch: pytest.MonkeyPatch, own_home: Path) -> None:
    from shared import store

    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    store.forget()
    try:
        job = Job(load(TEMPLATES / "coin"))
        while not job.wait(0.1):
            pass
        with pytest.raises(LadderError, match="cannot be reached"):
            job.result()
    finally:
        monkeypatch.delenv("MLFLOW_TRACKING_URI")
        store.forget()
