"""The tab "Baselines" of level 4's page: a real survey, its table, its figures, its run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from level4_page import fine, links, page_of, press, until
from streamlit.testing.v1 import AppTest

from level4_build.job import Surveying
from shared import store


@pytest.fixture
def page(own_home: Path) -> Iterator[AppTest]:
    store.forget()
    yield fine(page_of("Baselines").run())
    store.forget()


def test_it_can_be_stopped_and_nothing_is_kept(page: AppTest) -> None:
    page.selectbox(key="level4 baselines data").set_value("wine")
    press(page, "Try them all")
    job: Surveying = page.session_state["level4 baselines job"]
    assert job.name == "wine"
    press(page, "Stop")
    until(page, lambda: job.wait(0))
    assert job.stopped and job.recording is None
    assert any("nothing is kept" in info.value for info in page.info) and not page.get("image")


@pytest.mark.slow
def test_a_survey_is_shown_with_what_the_network_adds_and_recorded(page: AppTest) -> None:
    job = Surveying("wine")
    page.session_state["level4 baselines job"] = job
    until(page, lambda: job.wait(0))
    table = page.dataframe[0].value
    found = job.result()
    assert list(table["baseline"]) == [score.name for score in found.scores]
    assert list(table["accuracy"]) == [f"{score.mean:.3f}" for score in found.scores]
    assert page.info[0].value == found.added.words
    assert len(page.get("image")) == 5, "comparison, first look, learning curves, regularisation, slices"
    recording = job.recording
    assert recording is not None
    until(page, lambda: recording.wait(0))
    run = store.prepare_store().get_run(links(page)[0].rsplit("/", 1)[1])
    assert run.data.params["data"] == "wine" and run.data.tags["opened"] == "development"
