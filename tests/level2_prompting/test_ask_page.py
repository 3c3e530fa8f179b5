"""The page of level 2, used as a person uses it: every click runs the real script on the real service."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from level2_prompting import view
from shared.settings import CLONE

HOSTILE = "<img src=x onerror=alert(1)> **bold** :red[x] $x$ <script>alert(1)</script>"

pytestmark = pytest.mark.usefixtures("on_demand")


@pytest.fixture(autouse=True)
def clear() -> Iterator[None]:
    yield
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture
def page() -> AppTest:
    return fine(AppTest.from_file(str(CLONE / "level2_prompting" / "app.py"), default_timeout=120).run())


def fine(page: AppTest) -> AppTest:
    assert not page.exception, page.exception
    return page


def ask(page: AppTest, question: str) -> AppTest:
    return fine(page.chat_input[0].set_value(question).run())


def traced(page: AppTest, count: int) -> AppTest:
    """The page as soon as it has so many links to traces: MLflow takes seconds to wake."""
    deadline = time.monotonic() + 60
    while len(links(page)) < count and time.monotonic() < deadline:
        time.sleep(0.2)
        fine(page.run())
    return page


def html(page: AppTest) -> str:
    return "\n".join(element.proto.body for element in page.get("html"))


def links(page: AppTest) -> list[str]:
    return [element.proto.url for element in page.get("link_button")]


def test_an_example_is_answered_with_its_proof_and_recorded(page: AppTest) -> None:
    next(b for b in page.button if b.label.startswith("Does doubling")).click()
    fine(page.run())
    assert "<mark>" in html(page) and "Doubling a vector" in html(page)
    assert any(expander.label == "How the answer was found" for expander in page.expander)
    assert any("reader" in badge.value for badge in page.markdown)
    traced(page, 1)
    assert len(links(page)) == 1 and "traces" in links(page)[0]
    assert any(expander.label.startswith("S1 · ") for expander in page.expander)  # as the prompt calls it
    before = html(page)
    fine(page.run())
    assert html(page) == before and len(links(page)) == 1  # neither asked nor recorded again


def test_what_is_not_there_is_declined_kindly_and_the_chat_goes_on(page: AppTest) -> None:
    ask(page, "How many frogs live in a typical garden pond?")
    assert "do not answer this" in page.info[0].value and not html(page).count("<mark>")
    ask(page, "Why do language models fail to count the letters in a word?")
    traced(page, 2)
    assert len(page.chat_message) == 4 and len(links(page)) == 2


def test_ones_own_files_are_asked(page: AppTest) -> None:
    page.button_group(key="level2 documents").set_value("Upload")
    page.run()
    assert page.chat_input[0].disabled
    page.file_uploader(key="level2 upload").upload(
        "<b>ferry</b>.md", f"The ferry leaves at {HOSTILE} seven.".encode()
    )
    page.file_uploader(key="level2 upload").upload("bad.txt", b"\xff\xfe")
    fine(page.run())
    ask(page, "When does the ferry leave? " + HOSTILE)
    fine(page.run())
    assert "left out" in page.warning[0].value
    assert "<mark>" in html(page)
    assert "<img" not in html(page) and "<script>" not in html(page)
    assert "&lt;script&gt;" in html(page)
    for shown in page.markdown:
        assert "<script>" not in shown.value and "<img" not in shown.value


def test_an_empty_question_is_no_turn(page: AppTest) -> None:
    ask(page, "   ")
    assert not page.chat_message and not links(page)


def test_a_question_that_is_too_long_is_told_so(page: AppTest) -> None:
    assert not page.chat_input[0].max_chars  # the box would swallow it without a word
    ask(page, "x" * 3000)
    assert "3,000" in page.error[0].value and not links(page)
    assert len(page.chat_message[0].markdown[0].value) < 2100


def test_a_draft_says_that_it_is_one() -> None:
    assert "Unproven so far:</em> 1 &lt; 2" in view.draft("1 < 2")


def test_a_quote_is_marked_where_it_stands() -> None:
    text = "word " * 300 + "the <quote> here" + " word" * 300
    start = text.index("the <quote>")
    shown = view.marked(text, start, start + len("the <quote> here"))
    assert "<mark>the &lt;quote&gt; here</mark>" in shown
    assert shown.count("… ") == 1 and shown.count(" …") >= 1
    assert len(shown) < 3 * view.AROUND


@pytest.mark.parametrize("text", ["all", "a\nb <c> d", "x" * 5000])
def test_the_ends_of_a_document_are_not_cut(text: str) -> None:
    import html as standard
    import re

    shown = view.marked(text, 0, len(text))
    assert (
        standard.unescape(re.sub(r"</?(p|mark)\b[^>]*>", "", shown.replace("&lt;", "\0"))).replace("\0", "<")
        == text
    )
