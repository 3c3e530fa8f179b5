"""The conversation on the page of level 2: turns that refer to each other, knobs, panel, other engines."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from pdf_files import pdf, said
from streamlit.testing.v1 import AppTest
from tool_script import Script, calls, says, serving
from word_vectors import WordVectors

from level2_prompting import chat_job, panel
from level2_prompting.chat_job import Answering, How, Opening
from level2_prompting.documents import Document
from level2_prompting.index import Index
from level2_prompting.knobs import in_words
from level2_prompting.plan import CHOSEN, Plan
from level2_prompting.stages import search
from shared.errors import LadderError
from shared.settings import CLONE, settings

pytestmark = pytest.mark.usefixtures("on_demand")
TEN = "The ten articles"
QUESTION = "Does doubling a vector change its score?"
NOTES = "# Gate\n\nA tide gate weighs 42 tonnes.\n\n# Ferry\n\nThe ferry leaves at seven.\n"
HOSTILE = "<script>alert(1)</script> ![x](x.png) $x$ :red[y]"


@pytest.fixture(autouse=True)
def clear() -> Iterator[None]:
    yield
    st.cache_resource.clear()


@pytest.fixture
def page() -> AppTest:
    return opened()


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., AppTest]]:
    """Opens the page with the provider `openai`, which is this script."""
    with ExitStack() as stack:

        def begin(*answers: dict[str, Any]) -> AppTest:
            monkeypatch.setenv("OPENAI_BASE_URL", stack.enter_context(serving(Script(*answers))))
            monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
            settings.cache_clear()
            return fine(opened().button_group(key="level2 provider").set_value("openai").run())

        yield begin
    settings.cache_clear()


def opened() -> AppTest:
    return fine(AppTest.from_file(str(CLONE / "level2_prompting" / "app.py"), default_timeout=120).run())


def fine(page: AppTest) -> AppTest:
    assert not page.exception, page.exception
    return page


def ask(page: AppTest, question: str) -> AppTest:
    return fine(page.chat_input[0].set_value(question).run())


def turns(page: AppTest, over: str = TEN) -> list[Any]:
    return [one.job.result() for one in page.session_state["level2 conversations"][over].asked]


def captions(page: AppTest) -> str:
    return "\n".join(caption.value for caption in page.caption)


def labels(page: AppTest) -> list[str]:
    return [expander.label for expander in page.expander]


def upload(page: AppTest, name: str, data: bytes) -> AppTest:
    page.button_group(key="level2 documents").set_value("Upload").run()
    return fine(page.file_uploader(key="level2 upload").upload(name, data).run())


def button(page: AppTest, label: str) -> Any:
    return next(one for one in page.button if one.label == label)


def toggle(page: AppTest, name: str) -> Any:
    return page.toggle(key=f"level2 knob {name}")


# Turns -----------------------------------------------------------------------------------------------


def test_a_follow_up_stands_alone_until_a_new_conversation_begins(page: AppTest) -> None:
    ask(page, QUESTION)
    assert "Asked as" not in captions(page)
    ask(page, "And why?")
    assert "Asked as: And why? doubling vector change score" in captions(page)
    first, second = turns(page)
    assert first.session == second.session
    button(page, "New conversation").click()
    fine(page.run())
    assert not page.chat_message and any(one.label == QUESTION for one in page.button)
    ask(page, "And why?")
    (third,) = turns(page)
    assert third.put.alone.text == "And why?" and third.session != first.session


def test_other_documents_have_another_conversation_and_a_pdf_tells_the_page(page: AppTest) -> None:
    ask(page, QUESTION)
    upload(page, "gate.pdf", pdf([said("The ferry leaves at seven."), said("A tide gate weighs 42 tonnes.")]))
    assert not page.chat_message
    ask(page, "How much does a tide gate weigh?")
    assert any(label.startswith("S1 · gate\\.pdf, page 2 · characters") for label in labels(page))
    page.button_group(key="level2 documents").set_value(TEN)
    fine(page.run())
    assert [turn.put.asked for turn in turns(page)] == [QUESTION] and len(page.chat_message) == 2


@pytest.mark.slow
def test_thirty_questions_and_one_that_is_too_long(page: AppTest) -> None:
    for number in range(30):
        ask(page, f"What is a token, number {number}?")
    ask(page, "x" * 2001)
    assert "2,001" in page.error[-1].value
    assert len(page.chat_message) == 62
    ask(page, QUESTION)  # what went wrong counts for nothing
    assert turns_answered(page) == 31


def turns_answered(page: AppTest) -> int:
    return sum(one.job.answered for one in page.session_state["level2 conversations"][TEN].asked)


# Knobs -----------------------------------------------------------------------------------------------


def test_one_of_the_two_rankings_stays_on_and_weights_count_for_both(page: AppTest) -> None:
    assert toggle(page, "dense").disabled and not toggle(page, "bm25").disabled
    assert page.slider(key="level2 knob bm25_weight").disabled
    fine(toggle(page, "bm25").set_value(True).run())
    assert not toggle(page, "dense").disabled
    assert not page.slider(key="level2 knob bm25_weight").disabled
    fine(toggle(page, "dense").set_value(False).run())
    assert toggle(page, "bm25").disabled
    page.slider(key="level2 knob k").set_value(2)
    ask(page, QUESTION)
    (turn,) = turns(page)
    assert turn.answer.found.plan == replace(CHOSEN, dense=False, bm25=True, k=2)
    assert turn.answer.found.stages == ("bm25",) and len(turn.answer.passages) == 2
    assert "by words, with headings, k 2" in captions(page)
    button(page, "Back to the default").click()
    ask(page, QUESTION)
    assert turns(page)[-1].answer.found.plan == CHOSEN


def test_the_same_question_is_searched_again_without_a_model(page: AppTest) -> None:
    ask(page, QUESTION)
    again = "Try the same question with this search"
    assert button(page, again).disabled  # nothing has changed yet
    fine(toggle(page, "bm25").set_value(True).run())
    button(page, again).click()
    fine(page.run())
    (turn,) = turns(page)
    (asked,) = page.session_state["level2 conversations"][TEN].asked
    assert asked.again.plan == replace(CHOSEN, bm25=True) and turn.answer.found.plan == CHOSEN
    then, now = (frame.value for frame in page.dataframe[-2:])
    before, after = turn.answer.found.candidates, asked.again.candidates
    assert list(then["source"]) == [c.chunk.source for c in before[:10]]
    assert list(now["source"]) == [c.chunk.source for c in after[:10]]
    places = {candidate.chunk.id: place for place, candidate in enumerate(before, 1)}
    for place, (row, candidate) in enumerate(zip(now["moved"], after, strict=False), 1):
        old = places.get(candidate.chunk.id)
        assert row == ("new" if old is None else panel.moved(old, place))


def test_a_plan_in_words_tells_what_differs() -> None:
    assert in_words(CHOSEN) == "by meaning, with headings, k 4"
    plan = Plan(k=7, rerank=True, dense_weight=2.0, pool=100, distinct=1.0)
    assert in_words(plan) == "by meaning and words (2 to 1), reranked, k 7, pool 100, near-duplicates 1"


# Behind an answer ------------------------------------------------------------------------------------


def test_the_panel_is_filled_when_it_is_opened(page: AppTest) -> None:
    ask(page, QUESTION)
    assert not page.dataframe
    page.session_state["level2 behind 0"] = True
    fine(page.run())
    (turn,) = turns(page)
    shown = page.dataframe[0].value
    assert list(shown["in the prompt"][:4]) == ["S1", "S2", "S3", "S4"]
    assert list(shown["dense #"]) == list(range(1, len(shown) + 1))
    assert [round(score, 6) for score in shown["dense"][:4]] == [
        round(passage.similarity, 6) for passage in turn.answer.passages
    ]
    assert [code.value for code in page.code if QUESTION in code.value] == [turn.answer.prompt]
    assert turn.answer.raw in [code.value for code in page.code]
    assert "encode" in captions(page) and "ms" in captions(page)


def test_a_twin_names_the_passage_that_it_says_again(tmp_path: Path) -> None:
    index = Index(tmp_path, "local", WordVectors())
    index.build([Document("a.md", NOTES), Document("b.md", NOTES + "\n# End\n\nNothing else.\n")])
    found = search(index, "When does the ferry leave?", Plan(k=1, bm25=False), "local")
    rows = panel.candidates(found)
    assert rows[0]["in the prompt"] == "S1" and rows[1]["in the prompt"] == "twin of S1"
    others = [row["in the prompt"] for row in rows[2:] if row["in the prompt"]]
    assert others and all(name.startswith("twin of number ") for name in others)


@pytest.mark.parametrize(
    ("before", "now", "told"), [(None, 1, "new"), (3, 3, "="), (5, 2, "↑ 3"), (1, 2, "↓ 1")]
)
def test_how_far_a_passage_moved(before: int | None, now: int, told: str) -> None:
    assert panel.moved(before, now) == told


# Other engines ---------------------------------------------------------------------------------------


def test_what_cannot_be_proven_is_dropped_and_the_question_rewritten(play: Callable[..., AppTest]) -> None:
    claim = f'{HOSTILE} [S1: "not in any passage"]\nIt weighs much. [S1: "42 tonnes"]'
    page = play(says(claim), says("How heavy is a tide gate?"), says(claim))
    upload(page, "notes.md", NOTES.encode())
    ask(page, "How much does the gate weigh?")
    assert "1 claim dropped" in labels(page)
    assert any(shown.value == "It weighs much\\." for shown in page.markdown)
    for shown in page.markdown:
        assert "<script>" not in shown.value and "![x]" not in shown.value and "$x$" not in shown.value
    ask(page, "And that one?")
    assert "Asked as: How heavy is a tide gate?" in captions(page)


def test_tools_are_for_engines_that_call_them(page: AppTest, play: Callable[..., AppTest]) -> None:
    shut = page.toggle(key="level2 tools")
    assert shut.disabled and "calls no tools" in shut.help
    asks = calls(("calculate", {"expression": "2 * 42"}))
    page = play(asks, says('Two of them weigh 84. [S1: "2 * 42 = 84"]'))
    assert not page.toggle(key="level2 tools").disabled
    page.toggle(key="level2 tools").set_value(True)
    ask(page, "What do two gates of 42 t weigh?")
    assert any(label.startswith("Called calculate") for label in labels(page))
    assert any("2 * 42 = 84" in code.value for code in page.code)
    assert any(shown.value == "Two of them weigh 84\\." for shown in page.markdown)
    assert not any(one.label.startswith("Try the same") for one in page.button)  # the engine searched


# Jobs ------------------------------------------------------------------------------------------------


def test_a_turn_that_is_stopped_leaves_nothing_behind(tmp_path: Path) -> None:
    index, free = Index(tmp_path, "local", WordVectors()), threading.Event()
    index.build([Document("notes.md", NOTES)])

    def slowly(opening: Opening) -> Index:
        assert free.wait(60)
        return index

    opening = Opening(slowly)
    stopped, answered = (Answering("When does the ferry leave?", opening, How()) for _ in range(2))
    assert not stopped.look(0)
    stopped.stop()
    assert stopped.look(0)  # nobody has to wait for the end of the work
    free.set()
    assert stopped.wait(60) and not stopped.answered and len(stopped.history) == 0
    assert answered.look(60) and answered.answered and len(answered.history) == 1
    answered.stop()
    assert answered.answered  # too late
    assert answered.record() is answered.record()


def test_an_answer_that_nobody_waits_for_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_job, "UNSEEN_S", -1.0)
    index = Index(tmp_path, "local", WordVectors())
    index.build([Document("notes.md", NOTES)])
    job = Answering("When does the ferry leave?", Opening(lambda opening: index), How())
    assert job.wait(60) and job.stopped and job.put is None


def test_an_index_that_cannot_be_made_says_so_and_is_tried_again(page: AppTest) -> None:
    upload(page, "bad.txt", b"\xff\xfe")
    fine(page.run())
    assert "nothing to ask" in page.error[0].value and page.chat_input[0].disabled
    assert "left out" in page.warning[0].value
    page.file_uploader(key="level2 upload").upload("notes.md", NOTES.encode())
    fine(page.run())
    ask(page, "When does the ferry leave?")
    assert turns(page, "Upload")[0].answer.claims[0].quote == "The ferry leaves at seven."


def test_an_opening_tells_how_far_it_is() -> None:
    def make(opening: Opening) -> Index:
        opening.say("Reading a.pdf, file 1 of 2 …")
        opening.advance(0.5)
        raise LadderError("There is no index.", "Make one.")

    opening = Opening(make)
    assert opening.wait(60) and opening.failed
    assert (opening.label, opening.share) == ("Reading a.pdf, file 1 of 2 …", 0.5)
