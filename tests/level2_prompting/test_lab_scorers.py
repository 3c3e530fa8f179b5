"""Scores of answers, the items they are given on, and the prompt files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from level2_prompting.lab import chosen
from level2_prompting.lab_items import Item, check_fit, digest, items
from level2_prompting.prompt_files import Prompt, names, parts, read, versions
from level2_prompting.prompt_registry import from_registry, to_registry
from level2_prompting.scorers import normalised, scores
from shared.errors import BadUsage, LadderError

PASSAGE = "The ferry leaves at 07:15.\nIn winter it leaves “sharp” at 09:40."
FACT = Item("a", {"passage": PASSAGE}, {"answer": "The ferry", "quote_from": "passage"})
SCHEMA = {"type": "object", "properties": {"label": {"enum": ["x", "y"]}}, "required": ["label"]}
LABEL = Item("b", {}, {"fields": {"label": "x"}}, SCHEMA)


@pytest.mark.parametrize(
    ("answer", "exact", "quote"),
    [
        ('The ferry\n"The ferry leaves at 07:15."', 1, 1),
        ('**ferry.**\n"In winter it leaves "sharp" at 09:40."', 1, 1),  # straight marks, no line break
        ("a FERRY\n“ferry  leaves”", 1, 1),
        ('It is the ferry.\n"The ferry leaves at 07:16."', 0, 0),
        ("ferry", 1, 0),  # right, and nothing quoted
        ('"ferry"', 1, 0),  # the answer is not its own proof
        ('ferry\n""', 1, 0),
        ("", 0, 0),
        ("  \n\n", 0, 0),
    ],
)
def test_a_fact_in_text(answer: str, exact: int, quote: int) -> None:
    assert scores(answer, FACT) == {
        "exact": exact, "quote_found": quote, "characters": len(answer.strip())
    }  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "exact", "valid"),
    [
        ('{"label": "x"}', 1, 1),
        (' {"label": "x", "more": [1]}\n', 1, 1),  # the schema does not forbid it
        ('{"label": "y"}', 0, 1),
        ('{"label": "z"}', 0, 0),
        ('{"label": ["x"]}', 0, 0),
        ('```json\n{"label": "x"}\n```', 0, 0),
        ("x", 0, 0),
        ("null", 0, 0),
        ("[]", 0, 0),
        ("", 0, 0),
        ("[" * 100_000, 0, 0),
    ],
)
def test_fields_in_json(answer: str, exact: int, valid: int) -> None:
    said = scores(answer, LABEL)
    assert (said["exact"], said["valid_json"]) == (exact, valid) and "quote_found" not in said


def test_null_is_json_where_the_schema_allows_it() -> None:
    assert scores("null", Item("c", {}, {}, {"type": "null"})) == {"valid_json": 1, "characters": 4}


@given(st.text())
def test_an_answer_that_is_the_expected_text_is_exact(text: str) -> None:
    assert normalised(f" {text}. ") == normalised(text)


@pytest.mark.parametrize(("name", "count"), [("extract", 48), ("route", 50)])
def test_a_perfect_answer_to_each_item_gets_full_marks(name: str, count: int) -> None:
    found = items(name)
    assert len(found) == count
    for item in found:
        if item.schema:
            said = scores(json.dumps(item.expectations["fields"]), item)
            assert said["exact"] == said["valid_json"] == 1, item
        else:
            quote = next(s for s in item.inputs["passage"].split(". ") if item.expectations["answer"] in s)
            said = scores(f'{item.expectations["answer"]}\n"{quote}"', item)
            assert said["exact"] == said["quote_found"] == 1, item


def test_labels_are_as_many_of_each() -> None:
    labels = [item.expectations["fields"]["label"] for item in items("route")]
    assert {labels.count(label) for label in labels} == {10} and len(set(labels[:5])) == 5


def test_the_digest_is_of_what_the_items_hold() -> None:
    found = items("route")
    assert digest(found) == digest(items("route")) != digest(found[:-1])


@pytest.mark.parametrize("name", names())
def test_every_version_fits_its_items(name: str) -> None:
    prompts = chosen(name)
    assert [prompt.version for prompt in prompts] == versions(name) and len(prompts) > 1
    check_fit(prompts, items(name))


def test_what_a_model_is_sent_is_the_file_filled_in() -> None:
    system, asked = read("route", "v2").template().invoke({"message": "Is {this} {{safe}}?"}).to_messages()
    assert '{"label": "billing"}' in system.content and "{{" not in system.content
    assert asked.content == "Is {this} {{safe}}?"  # a customer's braces are no variables


def lines(folder: Path, *rows: str) -> Path:
    (folder / "mine.jsonl").write_text("\n".join(rows), encoding="utf-8")
    return folder


ROW = '{"id": "a", "inputs": {"q": "?"}, "expectations": {}}'


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ((ROW, "{"), "line 2, is no item"),
        (('{"id": "a", "inputs": {}}',), "expectations"),
        (('{"id": "a", "inputs": {}, "expectations": {"quote_from": "q"}}',), "line 1, is no item"),
        ((ROW, "", ROW), "holds the id a twice"),
        (("",), "is empty"),
    ],
)
def test_what_is_no_item_is_told_with_its_line(tmp_path: Path, rows: tuple[str, ...], said: str) -> None:
    with pytest.raises(LadderError, match=said):
        items("mine", lines(tmp_path, *rows))


def test_items_and_schema_that_are_not_there_or_broken(tmp_path: Path) -> None:
    with pytest.raises(LadderError, match="no items to try the prompt mine on"):
        items("mine", tmp_path)
    lines(tmp_path, ROW)
    assert items("mine", tmp_path)[0].schema is None
    for broken in ("{", '{"type": "nonsense"}'):
        (tmp_path / "mine.schema.json").write_text(broken)
        with pytest.raises(LadderError, match="no JSON schema"):
            items("mine", tmp_path)


def test_versions_are_ordered_by_number_and_other_files_ignored(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    for name in ("v10.md", "v2.md", "vague.md", "notes.txt"):
        (tmp_path / "mine" / name).write_text("Rules.\n\n---\n\n{q}")
    assert names(tmp_path) == ["mine"] and versions("mine", tmp_path) == ["v2", "v10"]
    assert read("mine", "v10", tmp_path) == Prompt("mine", "v10", "Rules.", "{q}")
    with pytest.raises(BadUsage, match="no version 'v3'"):
        read("mine", "v3", tmp_path)
    with pytest.raises(BadUsage, match="no prompt"):
        read("../mine", "v2", tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Rules alone. {q}", "is no prompt"),
        ("\n---\n{q}", "is no prompt"),
        ("Rules.\n---\n{q", "brace"),
        ('Say {"label": 1}.\n---\n{q}', "brace"),
        ("Rules.\n---\n{q!r}", "brace"),
        ("Rules.\n---\n{}", "brace"),
    ],
)
def test_a_file_that_is_no_prompt_is_told(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "v1.md").write_text(text)
    with pytest.raises(LadderError, match=said):
        read("mine", "v1", tmp_path)


def test_a_prompt_that_wants_what_no_item_has_is_told_before_anything_is_sent() -> None:
    with pytest.raises(LadderError, match=r"mine v1 needs \{context\}, which a does not have"):
        check_fit([Prompt("mine", "v1", "Rules.", "{passage} {context}")], [FACT])


WORDS = st.text(st.characters(exclude_characters="{}", exclude_categories=["Cs"]))
PIECES = st.lists(st.sampled_from(["{x}", "{name}", "{{", "}}"]) | WORDS).map("".join)


@given(PIECES)
def test_a_prompt_comes_back_from_the_registry_as_it_went(text: str) -> None:
    """All but four braces around a name, which MLflow would read as a variable."""
    literals = "".join(literal for literal, _ in parts(text))
    sent = to_registry(text)
    if "{{" not in literals:
        assert parts_of(from_registry(sent)) == parts_of(text)


def parts_of(text: str) -> list[str]:
    """Literals and variables, with literals that touch joined."""
    joined = "".join(f"{literal}\0{name or ''}\0" if name else literal for literal, name in parts(text))
    return joined.split("\0")


def test_the_registrys_spelling_is_mlflows() -> None:
    assert to_registry('Say {{"a": 1}} of {x}{y}.') == 'Say {"a": 1} of {{x}}{{y}}.'
    assert from_registry('Say {"a": {{ x }}}') == 'Say {{"a": {x}}}'
