"""The evaluation's tab, used as a person uses it, on a small corpus."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
import toy_corpus
from streamlit.testing.v1 import AppTest

from level2_prompting import frozen
from level2_prompting.confirm import look
from level2_prompting.evaluated import latest
from level2_prompting.evaluation_job import EvaluationJob
from shared import store

pytestmark = pytest.mark.usefixtures("on_demand")
JOB = "level2 evaluation job"


def tab() -> None:
    """The page with this tab alone."""
    from level2_prompting import LEVEL, evaluation_page
    from shared import ui

    ui.page(LEVEL)
    evaluation_page.show()


@pytest.fixture(scope="module", autouse=True)
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The frozen corpus is the toy."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frozen, "FOLDER", toy_corpus.write(tmp_path_factory.mktemp("toy")))
        toy_corpus.forget()
        yield
    toy_corpus.forget()


@pytest.fixture(autouse=True)
def clear(home: Path) -> Iterator[None]:
    yield
    for name in ("held_out", "evaluated"):
        (home / f"level2/{name}.json").unlink(missing_ok=True)
    st.cache_data.clear()
    st.cache_resource.clear()


def opened() -> AppTest:
    return fine(AppTest.from_function(tab, default_timeout=120).run())


def fine(page: AppTest) -> AppTest:
    assert not page.exception, page.exception
    return page


def links(page: AppTest) -> list[str]:
    return [element.proto.url for element in page.get("link_button")]


def words(page: AppTest) -> str:
    return "\n".join(
        element.value for kind in ("markdown", "caption", "info", "warning") for element in page.get(kind)
    )


def test_it_measures_in_the_background_and_shows_what_is_kept() -> None:
    page = opened()
    assert "not been measured yet" in page.info[0].value and not page.dataframe and not links(page)
    with toy_corpus.openings() as looked:
        page.button(key="level2 evaluation go").click()
        fine(page.run())
        job: EvaluationJob = page.session_state[JOB]
        assert job.wait(120)
        fine(page.run())
    assert looked == [], "the page never opens the held-out half"
    told = latest("frozen")
    assert told and links(page) == [told["url"]] and not page.info
    search, answers, attacks, kinds = (table.value for table in page.dataframe)
    assert len(search) == 8 and list(search["search"])[4] == "dense in context (chosen)"
    assert answers["metric"][0] == "right" and list(kinds["kind"]) == ["false answer"]
    right = told["answers"]["right"]
    low, high = right["interval"]["low"], right["interval"]["high"]
    assert answers["value"][0] == f"{right['value']:.3f} ({low:.2f} to {high:.2f})"
    assert attacks["counted"][0] == "1 of 1"
    assert len(page.get("image")) == 1 and "has not been opened on this machine" in words(page)

    fresh = opened()  # another visit: nothing is measured again
    assert JOB not in fresh.session_state and links(fresh) == [told["url"]] and len(fresh.dataframe) == 4


def test_a_job_that_is_stopped_leaves_the_figures_from_before() -> None:
    job = EvaluationJob("frozen")
    job.stop()
    assert job.wait(120) and not job.result()["whole"]
    assert latest("frozen") is None
    run = store.prepare_store().get_run(job.result()["run_id"])
    assert run.info.status == "KILLED"
    page = opened()
    page.session_state[JOB] = job
    fine(page.run())
    assert "Stopped" in page.info[0].value


def test_the_held_out_half_is_shown_with_its_date_and_number() -> None:
    look()
    page = opened()
    assert "look 1" in words(page) and len(page.dataframe) == 1
    assert "right" in list(page.dataframe[0].value["metric"])
    assert not page.warning
    look()
    page = opened()
    assert "look 2" in words(page) and "looked at before" in page.warning[0].value
