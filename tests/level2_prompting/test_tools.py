"""Tools over real HTTP: what a model asks for is run, shown, limited, and proven like a passage."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pdf_files import pdf, said
from tool_script import Script, calls, says, serving
from word_vectors import WordVectors

from level2_prompting.ask import Answer
from level2_prompting.calculator import calculate
from level2_prompting.documents import Document, document
from level2_prompting.index import Index
from level2_prompting.plan import CHOSEN
from level2_prompting.tools import MOST, Call, ask_with_tools
from shared.errors import LadderError
from shared.settings import settings

GATES = (
    "# Gates\n\nA tide gate weighs 42 tonnes. It holds\nback the sea.\n\n"
    "# Ferry\n\nThe ferry leaves at seven.\n"
)
Asked = tuple[Answer, tuple[Call, ...]]


@pytest.fixture
def index(tmp_path: Path) -> Index:
    made = Index(tmp_path / "index", "local", WordVectors())
    made.build([Document("gates.md", GATES)])
    return made


@pytest.fixture
def play(index: Index, own_home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Asked]:
    """Asks a question of the provider `openai`, which is this script."""

    def ask(script: Script, question: str = "What do two gates weigh?", k: int = 1, **how: Any) -> Asked:
        with serving(script) as url:
            monkeypatch.setenv("OPENAI_BASE_URL", url)
            monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
            monkeypatch.setattr("openai._base_client.MAX_RETRY_DELAY", 0)
            settings.cache_clear()
            return ask_with_tools(question, index, plan=replace(CHOSEN, k=k), provider="openai", **how)

    return ask


# The calculator --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("2 * (3 + 4) ** 2", 98), ("-2 ** 2", -4), ("2 ** -1", 0.5), ("7 / 2", 3.5), ("+.5 - 1e3", -999.5),
        (" 1_000 + 1 ", 1001), ("2 ** 3 ** 2", 512), ("--3", 3), ("4 ** 0.5", 2), ("10 ** 100", 10**100),
    ],
)  # fmt: skip
def test_what_it_works_out(expression: str, value: float) -> None:
    assert calculate(expression) == value


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("1 / 0", "division by zero"), ("0 ** -1", "division by zero"), ("0.0 ** -1", "division by zero"),
        ("10 ** 101", "too large"), ("9 ** 9 ** 9", "exponent"), ("1e308 * 10", "too large"),
        ("2 ** 1001", "exponent"), ("(-8) ** 0.5", "no real number"), ("1e999", "too large"),
        ("__import__('os')", "neither"), ("a", "neither"), ("1 if 2 else 3", "neither"), ("[1]", "neither"),
        ("True + 1", "neither"), ("'a' * 9", "neither"), ("1j", "neither"), ("7 // 2", "neither"),
        ("7 % 2", "neither"), ("1 < 2", "neither"), ("~1", "neither"), ("(1).real", "neither"),
        ("x := 1", "no expression"), ("1 +", "no expression"), ("", "no expression"),
        ("1; 2", "no expression"), ("(" * 99 + ")" * 99, "neither"), ("(" * 200, "no expression"),
        ("\0", "no expression"), ("1" * 201, "201 characters"),
        ("lambda: 1", "neither"), ("f'{1}'", "neither"), ("...", "neither"), ("None", "neither"),
    ],
)  # fmt: skip
def test_what_it_refuses(expression: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as error:
        calculate(expression)
    assert "\n" not in str(error.value) and str(error.value).endswith(".")


LEAVES = st.integers(0, 99).map(lambda n: (str(n), Fraction(n)))
SIGNS = {"+": operator.add, "-": operator.sub, "*": operator.mul}


def joined(pair: Any) -> tuple[str, Fraction]:
    (left, x), sign, (right, y) = pair
    return f"({left} {sign} {right})", SIGNS[sign](x, y)


@given(
    st.recursive(
        LEAVES, lambda inner: st.tuples(inner, st.sampled_from("+-*"), inner).map(joined), max_leaves=12
    )
)
def test_it_agrees_with_fractions(made: tuple[str, Fraction]) -> None:
    expression, value = made
    assert calculate(expression) == value


@given(st.text(max_size=40) | st.text(alphabet="0123456789.+-*/() ", max_size=60))
def test_whatever_is_typed_is_a_number_or_a_sentence(expression: str) -> None:
    try:
        value = calculate(expression)
    except ValueError as error:
        assert str(error).endswith(".")
    else:
        assert abs(value) <= 10**100
        allowed = (ast.Expression, ast.Constant, ast.BinOp, ast.UnaryOp, ast.operator, ast.unaryop)
        assert all(isinstance(node, allowed) for node in ast.walk(ast.parse(expression.strip(), mode="eval")))


# The loop --------------------------------------------------------------------------------------------


def test_a_search_and_a_calculation_are_shown_and_proven(play: Callable[..., Asked]) -> None:
    script = Script(
        calls(("search", {"query": "gate weighs tonnes"})),
        calls(("calculate", {"expression": "2 * 42"})),
        says(
            'A gate weighs 42 t. [S1: "weighs 42 tonnes. It holds back"]\nTwo weigh 84 t. [S2: "2 * 42 = 84"]'
        ),
    )
    shown: list[Call] = []
    answer, made = play(script, on_call=shown.append)
    assert [(c.name, c.arguments, c.ran) for c in made] == [
        ("search", {"query": "gate weighs tonnes"}, True), ("calculate", {"expression": "2 * 42"}, True),
    ]  # fmt: skip
    assert tuple(shown) == made
    assert "A tide gate weighs 42 tonnes." in made[0].result and 'id="S1"' in made[0].result
    assert "2 * 42 = 84" in made[1].result and 'id="S2"' in made[1].result
    assert [(c.source, c.quote) for c in answer.claims] == [
        ("gates.md", "weighs 42 tonnes. It holds\nback"), ("calculation 1", "2 * 42 = 84"),
    ]  # fmt: skip
    for claim in answer.claims:
        assert answer.texts[claim.source][claim.start : claim.end] == claim.quote
    assert not answer.dropped and answer.engine == "scripted"
    assert answer.usage == {"input_tokens": 30, "output_tokens": 15, "total_tokens": 45}
    assert [s.kind for s in answer.spans] == [
        "CHAT_MODEL", "TOOL", "CHAT_MODEL", "TOOL", "CHAT_MODEL", "PARSER",
    ]  # fmt: skip


def test_what_the_server_is_sent(play: Callable[..., Asked]) -> None:
    script = Script(calls(("calculate", {"expression": "6 * 7"})), says('It is 42. [S1: "6 * 7 = 42"]'))
    answer, _ = play(script, "What is six times seven?")
    first, second = script.seen
    assert {tool["function"]["name"] for tool in first["tools"]} == {"search", "calculate"}
    assert [m["role"] for m in second["messages"]] == ["system", "user", "assistant", "tool"]
    assert second["messages"][3]["tool_call_id"] == "call_0"
    assert "6 * 7 = 42" in second["messages"][3]["content"] and "six times seven" in answer.prompt
    assert "6 * 7 = 42" in answer.prompt and '"expression": "6 * 7"' in answer.prompt


def test_five_calls_are_all_that_are_run(play: Callable[..., Asked]) -> None:
    script = Script(calls(("calculate", {"expression": "1 + 1"})))  # for ever
    answer, made = play(script)
    assert len(made) == MOST and all(call.ran for call in made)
    assert [sent["tool_choice"] for sent in script.seen] == ["auto"] * MOST + ["none"]
    assert answer.abstained


def test_many_calls_at_once_are_cut_at_five(play: Callable[..., Asked]) -> None:
    script = Script(calls(*[("calculate", {"expression": f"{n} + 1"}) for n in range(8)]), says("So."))
    _, made = play(script)
    assert [call.ran for call in made] == [True] * 5 + [False] * 3
    assert "Not run" in made[7].result
    assert [m["role"] for m in script.seen[1]["messages"]].count("tool") == 8  # each call has its answer


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (("rm", {"path": "/"}), "no tool 'rm'"),
        (("calculate", {}), "needs the text 'expression'"),
        (("calculate", {"expression": 5}), "needs the text"),
        (("calculate", "{not json"), "needs the text"),
        (("calculate", {"expression": "1 / 0"}), "division by zero"),
        (("search", {"query": "  "}), "empty"),
        (("search", {"query": "x" * 3000}), "3,000"),
    ],
)
def test_a_call_put_wrongly_is_told_to_the_model(
    play: Callable[..., Asked], wanted: tuple[str, Any], words: str
) -> None:
    script = Script(calls(wanted), says('It is 2. [S1: "1 + 1 = 2"]'))
    answer, (call,) = play(script)
    assert not call.ran and words in call.result
    assert words in script.seen[1]["messages"][-1]["content"]
    assert [one.reason for one in answer.dropped] == ["There is no source S1."]


def test_a_passage_that_is_found_twice_keeps_its_id(play: Callable[..., Asked]) -> None:
    script = Script(
        calls(("search", {"query": "ferry leaves"}), ("search", {"query": "ferry seven"})),
        says('"The ferry leaves at seven." [S1]'),
    )
    answer, made = play(script)
    assert all('id="S1"' in call.result and 'id="S2"' not in call.result for call in made)
    assert len(answer.passages) == len(answer.claims) == 1


def test_what_is_found_in_a_pdf_names_its_page(index: Index, play: Callable[..., Asked]) -> None:
    pages = [said("A gate weighs 42 tonnes."), said("The ferry leaves at seven.")]
    index.build([document("report.pdf", pdf(pages))])
    script = Script(
        calls(("search", {"query": "ferry leaves"}), ("calculate", {"expression": "7 + 1"})),
        says('"The ferry leaves at seven." [S1] It is late. [S2: "7 + 1 = 8"]'),
    )
    answer, _ = play(script)
    assert [(claim.source, claim.page) for claim in answer.claims] == [
        ("report.pdf", 2), ("calculation 1", None),
    ]  # fmt: skip


def test_a_leak_is_withheld_here_too(play: Callable[..., Asked]) -> None:
    script = Script(
        calls(("search", {"query": "ferry"})), says('Seven: https://evil.example/ [S1: "at seven"]')
    )
    answer, _ = play(script)
    assert answer.withheld and not answer.claims


def test_the_reader_says_that_it_calls_no_tools(index: Index) -> None:
    with pytest.raises(LadderError, match="calls no tools") as error:
        ask_with_tools("What?", index, provider="local")
    assert "--provider" in error.value.fix


def test_a_server_that_refuses_tools_is_one_sentence(play: Callable[..., Asked]) -> None:
    with pytest.raises(LadderError, match="This model calls no tools"):
        play(Script(says("This model calls no tools"), status=400))
