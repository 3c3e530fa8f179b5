"""A conversation: follow-up questions stand alone, and each turn is a trace of one session."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pexpect
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from tool_script import Script, calls, says, serving
from word_vectors import WordVectors

from level2_prompting.chat import Chat, converse, record_turn
from level2_prompting.documents import Document
from level2_prompting.engine import Engine
from level2_prompting.history import ADDED, History, by_rule, content_words, stand_alone
from level2_prompting.index import Index
from level2_prompting.library import own
from level2_prompting.plan import CHOSEN
from level2_prompting.stages import LONGEST_QUESTION
from shared import store
from shared.cli import cli
from shared.errors import BadUsage, LadderError
from shared.settings import settings

NOTES = "# Ferry\n\nThe ferry leaves at seven.\n\n# Gate\n\nA tide gate weighs 42 tonnes.\n"


def said(*answers: str) -> GenericFakeChatModel:
    """A model that follows instructions, and says these things in order."""
    return GenericFakeChatModel(messages=iter([AIMessage(answer) for answer in answers]))


def told(*questions: str) -> History:
    history = History()
    for question in questions:
        history.add(question, f"An answer to {question}")
    return history


READER = Engine(said(), "local", "reader")


# The rule --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("last", "question", "alone"),
    [
        ("What does BM25 reward?", "Why does it do that?", "Why does it do that? BM25 reward"),
        ("What does BM25 reward?", "And why?", "And why? BM25 reward"),
        ("What does BM25 reward?", "Which rare words does it reward?",
         "Which rare words does it reward? BM25"),  # a pronoun, and nothing twice
        ("What does BM25 reward?", "How are query vectors normalised?", "How are query vectors normalised?"),
        ("What does BM25 reward?", "What is a token?", "What is a token?"),  # short, and stands alone
        ("What does BM25 reward?", "And long passages?", "And long passages? BM25 reward"),
        ("What is it?", "Why?", "Why?"),  # nothing to add
        ("Is THE Gate heavy?", "Which one?", "Which one? Gate heavy"),
    ],
)  # fmt: skip
def test_the_rule_adds_what_the_last_question_was_about(last: str, question: str, alone: str) -> None:
    found = stand_alone(question, told("An older question about tides", last), READER)
    assert found.text == alone
    assert found.by == ("asked" if alone == question else "rule")


@given(st.text(max_size=200), st.text(max_size=200))
def test_the_rule_keeps_the_question_and_adds_little(question: str, last: str) -> None:
    found = by_rule(question, last)
    assert found.text.startswith(question)
    added = found.text[len(question) :].split()
    assert len(added) <= ADDED and set(added) <= set(content_words(last).values())


def test_a_rule_that_would_make_the_question_too_long_adds_nothing() -> None:
    question = "it " + "x" * (LONGEST_QUESTION - 3)
    assert by_rule(question, "What does BM25 reward?").text == question


# The engine ------------------------------------------------------------------------------------------


def test_an_engine_that_follows_instructions_writes_the_question() -> None:
    who = Engine(said(' "Why does BM25 reward rare words?"\n'), "openai", "scripted")
    found = stand_alone("Why does it do that?", told("What does BM25 reward?"), who)
    assert (found.text, found.by) == ("Why does BM25 reward rare words?", "engine")


@pytest.mark.parametrize("written", ["", "  \n", "One.\nTwo.", "x" * (LONGEST_QUESTION + 1)])
def test_what_is_no_single_question_is_not_taken(written: str) -> None:
    who = Engine(said(written), "openai", "scripted")
    found = stand_alone("Why does it do that?", told("What does BM25 reward?"), who)
    assert (found.text, found.by) == ("Why does it do that? BM25 reward", "rule")


def test_the_first_question_is_asked_as_it_is() -> None:
    who = Engine(said("never asked"), "openai", "scripted")
    assert stand_alone("Why  does it\ndo that?", History(), who).text == "Why does it do that?"
    with pytest.raises(BadUsage, match="empty"):
        stand_alone(" \u200b ", History(), who)


def test_the_engine_reads_the_last_exchanges_in_order_as_data(
    own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = History(turns=3)
    for number in range(5):
        history.add(f"question {number}", f"answer {number}\u202e")
    script = Script(says("Why?"))
    with serving(script) as url:
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
        settings.cache_clear()
        from level2_prompting.engine import engine

        stand_alone("Why is that?", history, engine("openai"))
    sent = script.seen[0]["messages"][1]["content"]
    assert [word for word in sent.split("\n") if word.startswith(("Question: q", "Answer"))] == [
        line for n in (2, 3, 4) for line in (f"Question: question {n}", f"Answer: answer {n}")
    ]
    assert sent.splitlines()[-1] == "Question: Why is that?"
    assert sent.startswith("<conversation-")


# The conversation ------------------------------------------------------------------------------------


@pytest.fixture
def index(tmp_path: Path) -> Index:
    made = Index(tmp_path / "index", "local", WordVectors())
    made.build([Document("notes.md", NOTES)])
    return made


def test_a_follow_up_is_answered_as_it_stands_alone(index: Index) -> None:
    model = said('"The ferry leaves at seven." [S1]', "When does the gate open?", '"A tide gate" [S9]')
    chat = Chat(index, plan=replace(CHOSEN, k=1), model=model)
    first, second = chat.turn("When does the ferry leave?"), chat.turn("And the gate?")
    assert (first.put.alone.by, second.put.alone.by) == ("asked", "engine")
    assert second.answer.question == "When does the gate open?" and second.answer.abstained
    assert [one.question for one in chat.history] == [
        "When does the ferry leave?",
        "When does the gate open?",
    ]
    assert next(one.answer for one in chat.history) == "The ferry leaves at seven."
    shown = second.as_dict()
    assert (shown["question"], shown["asked_as"]) == ("And the gate?", "When does the gate open?")
    assert first.session == second.session
    chat.new()
    assert len(chat.history) == 0 and chat.session != first.session


def test_what_was_withheld_does_not_come_back_in_the_history(index: Index) -> None:
    chat = Chat(index, plan=replace(CHOSEN, k=1), model=said('See https://evil.example/ [S1: "leaves"]'))
    assert chat.turn("When does the ferry leave?").answer.withheld
    assert [one.answer for one in chat.history] == ["(withheld)"]


def test_a_turn_that_fails_leaves_the_conversation_as_it_was(index: Index) -> None:
    chat = Chat(index, plan=replace(CHOSEN, k=1), model=said('"The ferry leaves at seven." [S1]'))
    chat.turn("When does the ferry leave?")
    with pytest.raises(BadUsage):
        chat.turn("x" * (LONGEST_QUESTION + 1))
    assert len(chat.history) == 1


def test_tools_are_refused_before_the_first_question(index: Index) -> None:
    with pytest.raises(LadderError, match="calls no tools"):
        Chat(index, tools=True, provider="local")


def test_what_is_typed_is_taken_line_by_line(index: Index) -> None:
    asked: list[str] = []
    messages: list[str] = []

    def answer(question: str) -> None:
        asked.append(question)
        if question == "stop":
            raise KeyboardInterrupt
        if question == "fail":
            raise LadderError("It failed.", "Mend it.")

    chat = Chat(index, model=said())
    before = chat.session
    lines = [" a \n", "\n", "/new\n", "/help me\n", "stop", "fail", "b", "/quit", "never"]
    assert not converse(chat, lines, answer, messages.append, patient=True)
    assert asked == ["a", "stop", "fail", "b"] and chat.session != before
    assert messages[0] == "A new conversation." and messages[1].startswith("There is no command /help:")
    assert messages[2].startswith("Stopped.") and "It failed." in messages[3] and len(messages) == 4
    assert converse(chat, ["a"], answer, messages.append, patient=True)
    with pytest.raises(KeyboardInterrupt):
        converse(chat, ["stop"], answer, messages.append, patient=False)


def test_the_turns_of_a_conversation_are_traces_of_one_session(index: Index) -> None:
    from mlflow.tracing.constant import TraceMetadataKey

    chat = Chat(
        index, plan=replace(CHOSEN, k=1), model=said('"The ferry leaves at seven." [S1]', "The gate?", "No.")
    )
    traces = [
        record_turn(chat.turn(question)) for question in ("When does the ferry leave?", "And the gate?")
    ]
    client = store.prepare_store()
    for number, one in enumerate(traces):
        assert one
        found = client.get_trace(one.id)
        assert found.info.trace_metadata[TraceMetadataKey.TRACE_SESSION] == chat.session
        assert [span.name for span in found.data.spans] == [
            "chat",
            "rewrite",
            "retrieve",
            "generate",
            "prove",
        ]
        asked = ["When does the ferry leave?", "And the gate?"][number]
        assert found.data.spans[0].inputs == {"question": asked}


# The command -----------------------------------------------------------------------------------------


@pytest.fixture
def notes(on_demand: Any, tmp_path: Path) -> Iterator[None]:
    """The index that commands ask."""
    own().build([Document("notes.md", NOTES)])
    yield
    (own().folder / "current.json").unlink()


def chat(typed: str | bytes, *words: str) -> Result:
    return CliRunner().invoke(cli, ["level2", "chat", *words], input=typed)


@pytest.mark.usefixtures("notes")
class TestCommand:
    def test_piped_questions_are_answered_one_a_line(self) -> None:
        done = chat("When does the ferry leave?\r\nWhy does it?\n\n/quit\nnever", "-k", "1")
        assert done.exit_code == 0, done.output
        assert '"The ferry leaves at seven."\n    [S1] notes.md, characters 9 to 35\n' in done.stdout
        assert "Asked as: Why does it? ferry leave\n" in done.stderr
        assert done.stderr.count("Trace: ") == 2 and "never" not in done.output

    def test_each_turn_is_a_line_of_json(self) -> None:
        done = chat(b"When does the ferry leave?\n\xff\xfe?\n", "--json")
        turns = [json.loads(line) for line in done.stdout.splitlines()]
        assert [turn["question"] for turn in turns] == ["When does the ferry leave?", "\ufffd\ufffd?"]
        assert turns[0]["session"] == turns[1]["session"] and turns[0]["put_by"] == "asked"
        assert turns[0]["claims"][0]["quote"] == "The ferry leaves at seven." and "traces" in turns[0]["url"]

    def test_a_question_that_fails_does_not_end_the_rest(self) -> None:
        done = chat(f"{'x' * 3000}\nWhen does the ferry leave?\n")
        assert done.exit_code == 1
        assert "3,000" in done.stderr and '"The ferry leaves at seven."' in done.stdout

    def test_the_reader_calls_no_tools(self) -> None:
        done = chat("When?\n", "--tools")
        assert done.exit_code == 1 and done.stderr.startswith("Error: The reader calls no tools")

    def test_each_call_of_a_tool_is_shown(self, monkeypatch: pytest.MonkeyPatch) -> None:
        script = Script(
            calls(("calculate", {"expression": "2 * 42"}), ("search", {"query": "ferry"})),
            says('Two weigh 84 t. [S1: "2 * 42 = 84"]'),
        )
        with serving(script) as url:
            monkeypatch.setenv("OPENAI_BASE_URL", url)
            monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
            settings.cache_clear()
            try:
                done = chat("What do two gates weigh?\n", "--tools", "--provider", "openai")
            finally:
                monkeypatch.undo()
                settings.cache_clear()
        assert done.exit_code == 0, done.output
        assert "Called calculate(2 * 42): " in done.stderr and "2 * 42 = 84" in done.stderr
        assert "Called search(ferry): " in done.stderr and "The ferry leaves at seven." in done.stderr
        proof = '[S1] calculation 1, characters 0 to 11: "2 * 42 = 84"'
        assert done.stdout == f"> What do two gates weigh?\nTwo weigh 84 t.\n    {proof}\n\n"

    @pytest.mark.slow
    def test_a_terminal_asks_and_ctrl_c_ends_one_question(self) -> None:
        handler = signal.signal(signal.SIGINT, signal.default_int_handler)  # not ignored by the child
        try:
            ladder = pexpect.spawn(
                sys.executable, ["-m", "shared.cli", "level2", "chat"], env=os.environ | {"TERM": "xterm"},
                encoding="utf-8", timeout=120, dimensions=(40, 120),
            )  # fmt: skip
            ladder.expect("Question: ")
            ladder.sendline("When does the ferry leave?")
            ladder.expect("leaves at seven")
            ladder.expect("Trace: ")
            ladder.expect("Question: ")
            ladder.sendline("Why does it?")
            ladder.expect("Asked as: Why does it[?] ferry leave")
            ladder.sendintr()
            ladder.expect("Stopped")
            ladder.expect("Question: ")
            ladder.sendintr()
            ladder.expect(pexpect.EOF)
            ladder.close()
            assert ladder.exitstatus == 0
        finally:
            signal.signal(signal.SIGINT, handler)
