"""`ladder level2 …` as it is typed: results on stdout, the rest on stderr, the run recorded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from pdf_files import pdf, said

from level2_prompting import LEVEL
from level2_prompting.cli import EXAMPLE
from level2_prompting.engine import Engine
from level2_prompting.library import own
from shared import runs, store
from shared.cli import cli

pytestmark = pytest.mark.usefixtures("on_demand")

NOTES = "# Ferry\n\nThe ferry leaves at seven “sharp”\nfrom the old pier.\n"


def level2(*words: str) -> Result:
    """The command, in this process."""
    return CliRunner().invoke(cli, ["level2", *words])


@pytest.fixture(autouse=True)
def forget_own_index() -> Iterator[None]:
    yield
    (own().folder / "current.json").unlink(missing_ok=True)


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "ferry.md").write_text(NOTES, encoding="utf-8")
    return folder


def test_documents_are_indexed_recorded_and_asked(notes: Path) -> None:
    done = level2("index", str(notes))
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("Documents: 1, passages: 1") and "all-minilm-l6-v2" in done.stdout
    assert done.stderr.splitlines()[-1].startswith("Run: ")
    newest = runs.last_runs(LEVEL.number, 1)[0]
    assert newest["name"] == "ferry.md"

    asked = level2("ask", "When does the ferry leave?", "--json")
    answer = json.loads(asked.stdout)
    assert not answer["abstained"] and answer["engine"] == "reader" and answer["dropped"] == 0
    assert len(answer["claims"]) >= 1
    for claim in answer["claims"]:
        assert claim["source"] == "ferry.md"
        text = (notes / "ferry.md").read_text(encoding="utf-8")
        assert text[claim["start"] : claim["end"]] == claim["quote"]
    assert "traces" in answer["url"] and answer["trace_id"]


def test_stdout_holds_what_is_proven_with_its_source(notes: Path) -> None:
    assert level2("index", str(notes)).exit_code == 0
    done = level2("ask", "When", "does", "the", "ferry", "leave?")  # unquoted, as one types it
    assert done.exit_code == 0, done.output
    quote = '"The ferry leaves at seven “sharp” from the old pier."'
    assert done.stdout == f"{quote}\n    [S1] ferry.md, characters 9 to 61\n"
    assert "Unproven" not in done.output  # a draft is for a terminal
    assert "reader at this machine" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("Trace: ")


@pytest.mark.parametrize(
    ("said", "stdout"),
    [
        ("It sinks.", "The model answered, but nothing it said could be proven from the sources.\n"),
        (
            '"It sinks." [S1]\nIt leaves. [S1: "leaves at seven"]',
            'It leaves.\n    [S1] ferry.md, characters 19 to 34: "leaves at seven"\n',
        ),
    ],
)
def test_what_is_not_proven_never_stands_on_stdout(
    notes: Path, monkeypatch: pytest.MonkeyPatch, said: str, stdout: str
) -> None:
    assert level2("index", str(notes)).exit_code == 0
    model = GenericFakeChatModel(messages=iter([AIMessage(said)]))
    monkeypatch.setattr("level2_prompting.ask.engine", lambda *_: Engine(model, "local", "scripted"))
    done = level2("ask", "When does it leave?")
    assert done.exit_code == 0 and done.stdout == stdout
    assert "Dropped:" in done.stderr and "sinks" in done.stderr


def test_without_a_question_it_says_which_one_it_asks() -> None:
    done = level2("ask", "--json")
    assert not json.loads(done.stdout)["abstained"]
    assert f"No question given; asking: {EXAMPLE}\n" in done.stderr
    assert EXAMPLE in " ".join(level2("ask", "--help").stdout.split())


def test_the_articles_are_asked_if_nothing_was_indexed() -> None:
    done = level2("ask", "How many frogs live in a typical garden pond?", "--json")
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert answer["abstained"] and answer["claims"] == []


def test_answers_and_passages_of_a_pdf_name_the_page(notes: Path) -> None:
    pages = [said("The gate is shut at night."), said("The ferry leaves at seven.")]
    (notes / "report.pdf").write_bytes(pdf(pages))
    assert level2("index", str(notes / "report.pdf")).exit_code == 0
    done = level2("ask", "When does the ferry leave?")
    quote, place = done.stdout.splitlines()
    assert quote == '"The ferry leaves at seven."' and "report.pdf, page 2, characters " in place
    (claim,) = json.loads(level2("ask", "When does the ferry leave?", "--json").stdout)["claims"]
    assert claim["page"] == 2
    found = level2("search", "When does the ferry leave?")
    assert "[S1] report.pdf, page 1, characters 0 to " in found.stdout  # where the one passage begins


def test_hostile_files_are_said_and_the_rest_is_indexed(notes: Path) -> None:
    (notes / "bad.md").write_bytes(b"\xff\xfe\x00")
    (notes / "empty.txt").touch()
    done = level2("index", str(notes), str(notes / "nowhere"), "--json")
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert told["documents"] == ["ferry.md"] and len(told["skipped"]) == 3
    assert all(reason in done.stderr for reason in told["skipped"])
    assert "Traceback" not in done.output


def test_a_second_run_tells_what_was_kept_of_the_first(notes: Path) -> None:
    assert level2("index", str(notes)).exit_code == 0
    (notes / "gate.md").write_text("# Gate\n\nThe gate is shut at night.\n", encoding="utf-8")
    told = json.loads(level2("index", str(notes), "--json").stdout)
    recorded = store.prepare_store().get_run(told["run_id"]).data.metrics
    assert {name: recorded[name] for name in ("chunks", "kept", "embedded")} == {
        "chunks": 2, "kept": 1, "embedded": 1,
    }  # fmt: skip


def test_nothing_to_index_leaves_the_old_index(notes: Path, tmp_path: Path) -> None:
    assert level2("index", str(notes)).exit_code == 0
    before = own().manifest()
    done = level2("index", str(tmp_path / "nowhere.md"))
    assert done.exit_code == 1 and "Nothing of this can be indexed" in done.stderr
    assert own().manifest() == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("ask", ""), "The question is empty"),
        (("ask", "What?", "-k", "99"), "99"),
        (("ask", "x" * 3000), "3,000"),
    ],
)
def test_a_question_put_wrongly_is_a_usage_error(words: tuple[str, ...], said: str) -> None:
    done = level2(*words)
    assert done.exit_code == 2 and said in done.stderr
