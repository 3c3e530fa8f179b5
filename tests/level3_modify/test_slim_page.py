"""The page of level 3, used as a person uses it, and its part of the tour."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from level3_modify.tour import NAMES, tour
from level3_modify.variants import VARIANTS, source
from shared import store
from shared.settings import CLONE

HOSTILE = "<img src=x onerror=alert(1)> **bold** [link](http://evil) $x$"


@pytest.fixture(scope="module", autouse=True)
def clear() -> Iterator[None]:
    yield
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture
def page() -> AppTest:
    return fine(AppTest.from_file(str(CLONE / "level3_modify" / "app.py"), default_timeout=120).run())


def fine(page: AppTest) -> AppTest:
    assert not page.exception, page.exception
    assert not page.error, page.error
    return page


def numbers(page: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in page.metric}


def test_every_change_is_chosen_at_first(page: AppTest) -> None:
    assert page.multiselect(key="names").value == [name for name in VARIANTS if name != "fp32"]


def test_measured_variants_fill_table_chart_words_cards_and_runs(page: AppTest) -> None:
    assert [code.value for code in page.code] == [source(v).strip() for v in VARIANTS.values()]
    page.multiselect(key="names").set_value(["bf16"])
    page.slider(key="rounds").set_value(3)
    next(b for b in page.button if b.label == "Measure").click()
    fine(page.run())
    table = page.dataframe[0].value
    assert list(table["variant"]) == ["fp32", "bf16"]
    assert table["MB"][1] == pytest.approx(45.5, abs=0.1) and table["32 texts, ms"].min() > 0
    assert table["hit@5 against fp32"][1].startswith("+0.000 (95 %")
    assert len(page.get("vega_lite_chart")) == 1
    links = [element.proto.url for element in page.get("link_button")]
    assert len(links) == 3, "the study's, and one on the card of each variant"
    runs = [store.prepare_store().get_run(link.rsplit("/", 1)[1]) for link in links]
    assert [run.info.run_name for run in runs] == ["slim", "fp32", "bf16"]
    assert runs[2].data.metrics["batch32_p50_ms"] == pytest.approx(table["32 texts, ms"][1])
    assert sum("bf16: 50% smaller" in m.value.replace("\\", "") for m in page.markdown) == 2
    page.button_group(key="y").set_value("Cosine")
    fine(page.run())
    assert [element.proto.url for element in page.get("link_button")] == links, "recorded once"
    page.slider(key="rounds").set_value(4)
    fine(page.run())
    assert "chosen before" in page.info[0].value


def test_a_question_is_asked_of_both_encoders(page: AppTest) -> None:
    page.selectbox(key="beside").set_value("bf16")
    fine(page.run())
    same = numbers(page)
    assert same["Passages in both"] == "5 of 5"
    assert float(same["Cosine of the question's two vectors"]) > 0.999
    page.selectbox(key="beside").set_value("layers-3-first")
    fine(page.run())
    other = numbers(page)
    assert float(other["Cosine of the question's two vectors"]) < 0.9
    assert other["Passages in both"] != "5 of 5"


def test_a_question_of_ones_own_is_shown_as_it_is(page: AppTest) -> None:
    page.selectbox(key="beside").set_value("bf16")
    page.selectbox(key="question").set_value("A question of my own")
    fine(page.run())
    assert not numbers(page), "nothing is asked yet"
    page.text_input(key="own").set_value(HOSTILE)
    fine(page.run())
    assert "Passages in both" in numbers(page)
    assert not any("<img" in element.value for element in page.markdown)


def test_two_sentences_are_compared_before_and_after(page: AppTest) -> None:
    page.selectbox(key="beside").set_value("bf16")
    page.button_group(key="kind").set_value("Two sentences")
    fine(page.run())
    page.text_input(key="one").set_value("The same words.")
    page.text_input(key="other").set_value("The same words.")
    fine(page.run())
    assert numbers(page) == {"Cosine by fp32": "1.000", "Cosine by bf16": "1.000"}


@pytest.mark.slow
def test_the_tour_measures_and_records_a_few_variants() -> None:
    said: list[str] = []
    outcome = tour(said.append)
    assert [line.partition(":")[0] for line in said] == ["fp32", *NAMES]
    assert "smaller" in outcome.result and "nDCG@10" in outcome.result
    assert outcome.run_id and outcome.url
    run = store.prepare_store().get_run(outcome.run_id)
    assert (run.info.run_name, run.info.status) == ("tour", "FINISHED")
