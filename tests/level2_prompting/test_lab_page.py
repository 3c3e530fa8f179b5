"""The prompt lab's tab, used as a person uses it, against a real server that answers by rules."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import streamlit as st
from chat_script import ChatScript, Messages, Reply, speaking
from streamlit.testing.v1 import AppTest

from level2_prompting import lab_page, lab_view, prompt_files
from level2_prompting.lab_items import items
from level2_prompting.prompt_registry import promote
from shared import store
from shared.settings import settings

HOSTILE = "<img src=x onerror=alert(1)> **bold** :red[x] $x$ <script>alert(1)</script>"
ROUTE = {item.inputs["message"]: (number, item) for number, item in enumerate(items("route"))}


def obedient(messages: Messages) -> Reply:
    """Right with the second prompt, on lines of their own; with the first, every third in a code fence."""
    number, item = ROUTE[messages[-1]["content"]]
    fields = item.expectations["fields"]
    if messages[0]["content"].startswith("You sort messages"):
        return Reply(json.dumps(fields, indent=1))
    return Reply(json.dumps(fields) if number % 3 else f"```json\n{json.dumps(fields)}\n```")


def tab() -> None:
    """The page with this tab alone."""
    from level2_prompting import LEVEL, lab_page
    from shared import ui

    ui.page(LEVEL)
    lab_page.show()


@pytest.fixture(autouse=True)
def clear() -> Iterator[None]:
    yield
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture
def engine_at(fresh_settings: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    fresh_settings.setenv("LADDER_PROVIDER", "openai")
    fresh_settings.setenv("OPENAI_API_KEY", "sk-scripted")
    fresh_settings.setenv("LADDER_CHAT_MODEL", "scripted")
    return fresh_settings


def opened(script: ChatScript, patch: pytest.MonkeyPatch, name: str = "route") -> AppTest:
    """The tab with a script's server as its engine."""
    patch.setenv("OPENAI_BASE_URL", script.url)
    settings.cache_clear()
    page = fine(AppTest.from_function(tab, default_timeout=120).run())
    page.button_group(key="level2 lab prompt").set_value(name)
    return fine(page.run())


def fine(page: AppTest) -> AppTest:
    assert not page.exception, page.exception
    return page


def compare(page: AppTest, count: int) -> AppTest:
    """Press the button, and look again once all answers are there."""
    page.number_input(key="level2 lab items route").set_value(count)
    fine(page.run())
    page.button(key="level2 lab go").click()
    fine(page.run())
    return ended(page)


def ended(page: AppTest) -> AppTest:
    assert page.session_state["level2 lab job"].wait(60)
    return fine(page.run())


def until(there: Callable[[], bool]) -> None:
    """Wait, a minute at most."""
    for _ in range(6000):
        if there():
            return
        time.sleep(0.01)
    pytest.fail("it never came")


def markdown(page: AppTest) -> str:
    return "\n".join(element.value for element in (*page.markdown, *page.caption, *page.warning, *page.info))


def words(page: AppTest) -> str:
    """The same as a reader sees it: without the escapes that keep it from being Markdown."""
    return markdown(page).replace("\\", "")


def links(page: AppTest) -> list[str]:
    return [element.proto.url for element in page.get("link_button")]


def progress(page: AppTest) -> str:
    """What stands over the bar."""
    return page.get("progress")[0].proto.text


def test_the_reader_is_told_of_and_not_offered(fresh_settings: pytest.MonkeyPatch) -> None:
    page = fine(AppTest.from_function(tab, default_timeout=120).run())
    assert "the reader, follows no instructions" in page.info[0].value
    assert any(
        "LADDER_CHAT_FOLDERS=" in code.value and "OPENAI_BASE_URL=" in code.value for code in page.code
    )
    assert not [b for b in page.button if b.key == "level2 lab go"]
    shown = [code.value for code in page.code]
    for version in ("v1", "v2"):  # to read they are all the same
        assert any(
            code == lab_view.text("extract", version).rstrip("\n")
            or code == lab_view.text("extract", version)
            for code in shown
        )


def test_who_is_offered(fresh_settings: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    for name in ("config.json", "model.safetensors"):
        (folder / name).touch()
    assert lab_page.engines() == []
    fresh_settings.setenv("LADDER_CHAT_FOLDERS", str(folder))
    fresh_settings.setenv("LADDER_CHAT_MODEL", "mine")
    settings.cache_clear()
    assert lab_page.engines() == [("local", "mine")]
    fresh_settings.setenv("OPENAI_API_KEY", "sk-x")
    settings.cache_clear()
    both = lab_page.engines()
    assert both[0] == ("local", "mine") and ("openai", "mine") not in both
    assert len(both) > 1 and {provider for provider, _ in both[1:]} == {"openai"}
    fresh_settings.setenv("LADDER_PROVIDER", "openai")
    fresh_settings.setenv("LADDER_CHAT_MODEL", "theirs")
    settings.cache_clear()
    assert lab_page.engines() == [("local", "mine"), ("openai", "theirs")]


def test_two_versions_are_compared_explained_and_recorded(engine_at: pytest.MonkeyPatch) -> None:
    with speaking(obedient) as script:
        page = opened(script, engine_at)
        page.number_input(key="level2 lab temperature").set_value(0.5)
        compare(page, 9)
        sent = len(script.requests)
        assert sent == 18 and {asked["temperature"] for asked in script.requests} == {0.5}
        means, answers = (frame.value for frame in page.dataframe)
        assert list(means["version"]) == ["v1", "v2"] and list(means["answered"]) == [9, 9]
        assert means["exact"][0].startswith("67% [") and means["exact"][1] == "100% [100%, 100%]"
        said = words(page)
        assert "exact, v2 against v1: +33 points of 100" in said
        assert "higher on 3 and lower on 0 of 9 items" in said
        assert "in 25 of 100 such comparisons: these items do not tell the two apart (p = 0.25" in said
        assert len(answers) == 9 and len(page.get("vega_lite_chart")) == 1
        assert answers["v1"][0] == "exact ✗ valid_json ✗" and answers["v2"][0] == "exact ✓ valid_json ✓"

        page.toggle(key="level2 lab differ").set_value(True)
        fine(page.run())
        assert list(page.dataframe[1].value["item"]) == ["route-01", "route-04", "route-07"]
        assert len(script.requests) == sent  # what is there is looked at, not asked again
    (url,) = links(page)
    parent = store.prepare_store().get_run(url.rsplit("/", 1)[1])
    assert parent.info.status == "FINISHED" and parent.data.tags["source"] == "page"
    assert parent.data.metrics["difference/exact/v2-v1"] == pytest.approx(3 / 9)
    fine(page.run())
    assert links(page) == [url]


def test_a_stop_keeps_what_has_come(engine_at: pytest.MonkeyPatch) -> None:
    hanging, go_on = threading.Event(), threading.Event()

    def rule(messages: Messages) -> Reply:
        if ROUTE[messages[-1]["content"]][0] >= 5:
            hanging.set()
            go_on.wait(60)
        return obedient(messages)

    with speaking(rule) as script:
        page = opened(script, engine_at)
        page.button(key="level2 lab go").click()
        fine(page.run())
        try:
            assert hanging.wait(60)
            until(lambda: page.session_state["level2 lab job"].share > 0)
            fine(page.run())
            assert page.button(key="level2 lab go").disabled and "of 24 answers" in progress(page)
            page.button(key="level2 lab stop").click()
            fine(page.run())
            assert page.button(key="level2 lab stop").disabled and "Stopping" in progress(page)
        finally:
            go_on.set()
        ended(page)
    job = page.session_state["level2 lab job"]
    came = len(job.result().lab.outcomes)
    assert 1 <= came < 24
    assert f"Stopped: {came} of 24 answers" in words(page)
    assert page.dataframe[0].value["answered"].sum() == came
    assert not page.button(key="level2 lab go").disabled
    parent = store.prepare_store().get_run(links(page)[0].rsplit("/", 1)[1])
    assert parent.info.status == "KILLED"


def test_items_that_fail_are_counted_and_named(engine_at: pytest.MonkeyPatch) -> None:
    def rule(messages: Messages) -> Reply:
        return (
            Reply("out of memory", status=500)
            if ROUTE[messages[-1]["content"]][0] == 1
            else obedient(messages)
        )

    with speaking(rule) as script:
        page = compare(opened(script, engine_at), 4)
    assert list(page.dataframe[0].value["failed"]) == [1, 1]
    assert "2 of 8 got no answer" in page.warning[0].value and "out of memory" in page.warning[0].value
    assert page.dataframe[1].value["v1"][1] == "no answer"


def test_an_engine_that_refuses_everything_is_one_sentence(engine_at: pytest.MonkeyPatch) -> None:
    with speaking(lambda messages: Reply("no", status=401)) as script:
        page = compare(opened(script, engine_at), 4)
        assert "refused the key" in page.error[0].value and not links(page)
        assert not page.button(key="level2 lab go").disabled  # to try again
    assert not page.dataframe


def test_what_a_model_says_is_text_and_nothing_else(engine_at: pytest.MonkeyPatch) -> None:
    with speaking(lambda messages: Reply(HOSTILE)) as script:
        page = compare(opened(script, engine_at), 2)
    assert HOSTILE in [code.value for code in page.code]  # as it is, in a box of code
    assert page.dataframe[1].value["v1 says"][0] == HOSTILE
    assert "<img" not in markdown(page) and "<script>" not in markdown(page)
    assert not page.get("html")


def test_what_an_error_says_is_text_too(engine_at: pytest.MonkeyPatch) -> None:
    with speaking(lambda messages: Reply(HOSTILE, status=500)) as script:
        page = compare(opened(script, engine_at), 2)
    said = markdown(page)
    assert "&lt;script&gt;" in said and "<img" not in said and "<script>" not in said
    assert r"\*\*bold\*\*" in said and not page.get("vega_lite_chart")


def test_another_choice_leaves_the_result_and_says_so(engine_at: pytest.MonkeyPatch) -> None:
    with speaking(obedient) as script:
        page = compare(opened(script, engine_at), 2)
        assert "chosen before" not in words(page)
        page.button_group(key="level2 lab prompt").set_value("extract")
        fine(page.run())
        assert "chosen before" in words(page) and len(page.dataframe) == 2
        page.multiselect(key="level2 lab variants extract").set_value([])
        fine(page.run())
        assert "Choose a version" in words(page) and len(page.dataframe) == 2
        assert not [b for b in page.button if b.key == "level2 lab go"]


def test_a_version_is_put_into_production(own_home: Path) -> None:
    store.forget()
    try:
        page = fine(AppTest.from_function(tab, default_timeout=120).run())
        page.button(key="level2 lab which").click()
        fine(page.run())
        assert "No version of extract is in production" in words(page)
        page.selectbox(key="level2 lab promote extract").set_value("v1")
        page.button(key="level2 lab publish").click()
        fine(page.run())
        assert not page.error, page.error[0].value
        assert "In production: v1, which the registry calls" in words(page)
        page.button(key="level2 lab which").click()
        fine(page.run())
        assert "In production: v1" in words(page)
        entry = store.prepare_store().get_prompt_version_by_alias("level2-extract", "production")
        assert entry.tags["file"] == "v1"
    finally:
        store.forget()


def test_the_version_in_production_is_compared_as_well(engine_at: pytest.MonkeyPatch, own_home: Path) -> None:
    store.forget()
    promote("route", "v1")
    try:
        with speaking(obedient) as script:
            page = opened(script, engine_at)
            page.multiselect(key="level2 lab variants route").set_value(["v2", "production"])
            compare(page, 2)
        assert list(page.dataframe[0].value["version"]) == ["v2", "production"]
        assert page.dataframe[1].value["production"][0] == "exact ✗ valid_json ✗"  # it is v1
        assert "production against v2: -50 points" in words(page)
        assert "In production: v1" in words(page)
    finally:
        store.forget()


def test_what_a_version_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    for version, rules in (("v2", "Be brief."), ("v10", "Be brief.\nBe right.")):
        (folder / f"{version}.md").write_text(f"{rules}\n\n---\n\n{{question}}\n", encoding="utf-8")
    monkeypatch.setattr(lab_view, "FOLDER", tmp_path)
    for function in (prompt_files.names, prompt_files.versions):
        monkeypatch.setattr(function, "__defaults__", (tmp_path,))
    assert lab_view.changes("mine", "v2") == ""
    lines = lab_view.changes("mine", "v10").splitlines()
    assert lines[:2] == ["--- v2.md", "+++ v10.md"]
    assert [line for line in lines[2:] if line[0] in "+-"] == ["+Be right."]


def test_the_page_shows_the_difference(fresh_settings: pytest.MonkeyPatch) -> None:
    page = fine(AppTest.from_function(tab, default_timeout=120).run())
    page.button_group(key="level2 lab how").set_value("What changed")
    fine(page.run())
    diffs = [code for code in page.code if code.language == "diff"]
    assert len(diffs) == 1 and diffs[0].value.startswith("--- v1.md")
