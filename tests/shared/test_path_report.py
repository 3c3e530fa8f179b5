"""The report: what it says is what the progress and the store say, in Markdown and in HTML alike."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner

from shared import store
from shared.cli import cli
from shared.levels import levels
from shared.study.exercise import course, exercise
from shared.study.progress import now
from shared.study.record import references
from shared.study.report import markdown, page, write
from shared.study.workspace import Workspace, make
from shared.tracking import track


@pytest.fixture
def workspace(own_home: Path, tmp_path: Path) -> Workspace:
    made, _ = make(tmp_path / "ws")
    made.update()
    return made


class Reader(HTMLParser):
    """The cells of every row, every link, and every tag of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.links: dict[str, str] = {}
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._cell = False
        self._url: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self._cell = True
        if tag == "a":
            self._url = dict(attrs)["href"]

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._cell = False
        if tag == "a":
            self._url = None

    def handle_data(self, data: str) -> None:
        if self._cell:
            self.rows[-1][-1] += data
        if self._url:
            self.links[data] = self._url

    def row(self, first: str) -> list[list[str]]:
        return [row for row in self.rows if row[0] == first]


def read(workspace: Workspace) -> Reader:
    return Reader(page(markdown(workspace)))


def test_a_new_workspace_claims_nothing(workspace: Workspace) -> None:
    found = read(workspace)
    for one in course():
        ((name, _, *told),) = found.row(one.name)
        assert told == ["not begun", "–", "–", "–", "–"], name
    assert all(found.row(str(level.number))[0][-1] == "not yet" for level in levels())
    assert "0 of 6 levels climbed, 0 of" in markdown(workspace)
    assert found.links == {}


def test_help_is_told_as_it_was_taken(workspace: Workspace) -> None:
    with workspace.book.entry(exercise("retry")) as entry:
        entry.state, entry.passed, entry.attempts, entry.hints, entry.seen = "PASS", now(), 7, 3, True
    with workspace.book.entry(exercise("score")) as entry:
        entry.state, entry.passed, entry.attempts = "FAIL", "2026-01-02T03:04:05+00:00", 2
    with workspace.book.entry(exercise("formats")) as entry:
        entry.hints = 1
    found = read(workspace)
    assert found.row("retry")[0][2:] == ["passed", now()[:10], "7", "3", "yes"]
    assert found.row("score")[0][2:] == ["passed; now gives wrong results", "2026-01-02", "2", "0", "no"]
    assert found.row("formats")[0][2:] == ["not begun", "–", "0", "1", "no"]
    assert found.row("1")[0][2] == f"2 of {len(levels()[0].exercises)}"


def test_every_number_links_to_the_run_that_measured_it(workspace: Workspace) -> None:
    store.forget()
    one = exercise("cosine-search")
    theirs = references([one])[one.name]
    with track("level2-prompting", "exercise cosine-search", tags={"ladder.exercise": one.name}) as run:
        run.metrics(hit_at_5=0.9)
        url = run.url
    with track("level2-prompting", "evaluate frozen") as run:
        run.metrics(hit_at_5=0.95)
        own = run.url
    with workspace.book.entry(one) as entry:
        entry.state, entry.passed, entry.attempts = "PASS", now(), 1
        entry.metric, entry.value, entry.url = "hit_at_5", 0.9, url or ""
    for other in one.level.exercises:
        with workspace.book.entry(exercise(other)) as entry:
            entry.state, entry.passed = "PASS", now()
    found = read(workspace)
    measured = json.loads((one.folder / "reference.json").read_text())["metrics"]
    row = found.row(one.name)[1]
    assert row[1] == "hit_at_5" and row[4] == "0.9" and row[6] == "≥ 0.9"
    assert [float(row[i]) for i in (2, 3, 5)] == pytest.approx(
        [measured["chance"], measured["baseline"], measured["hit_at_5"]], abs=5e-4
    )
    assert found.links == {"0.9": url, row[5]: theirs["url"], "hit_at_5 0.95": own}
    kept = store.prepare_store().get_run(found.links["0.9"].rsplit("/", 1)[1])
    assert kept.data.metrics["hit_at_5"] == 0.9
    assert found.row("2")[0][-2:] == ["hit_at_5 0.95", "yes"]
    store.forget()


def test_text_by_hand_in_the_progress_file_does_nothing(workspace: Workspace) -> None:
    evil = "<script>alert(1)</script> | **b** [x](javascript:alert(1))"
    with workspace.book.entry(exercise("cosine-search")) as entry:
        entry.state, entry.passed, entry.value, entry.metric = "PASS", "<b>|", 0.5, "hit_at_5"
        entry.url = "javascript:alert(1)"
    with workspace.book.entry(exercise("quantise")) as entry:
        entry.state = evil
    found = read(workspace)
    assert found.links == {} and not {"script", "b", "img"} & {tag for tag, _ in found.tags}
    assert found.row("cosine-search")[0][3] == "<b>|", "shown as it is"
    with workspace.book.entry(exercise("cosine-search")) as entry:
        entry.url = 'http://127.0.0.1/#/x") <img src=x onerror=alert(1)> (y'
    found = read(workspace)
    assert "img" not in {tag for tag, _ in found.tags} and "onerror" not in str(found.tags[0])
    assert found.links["0.5"].startswith("http://127.0.0.1")


def test_both_files_are_written_and_say_the_same(workspace: Workspace, tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["report", "--out", str(tmp_path / "to show")])
    assert done.exit_code == 0, done.output
    md, html = (Path(line) for line in done.stdout.splitlines())
    assert (md.name, html.name, md.parent) == ("report.md", "report.html", tmp_path / "to show")
    assert html.read_text(encoding="utf-8") == page(md.read_text(encoding="utf-8"))
    assert [file.name for file in write(workspace)] == ["report.md", "report.html"]
    assert (workspace.folder / "report.md").is_file()


def test_the_page_needs_nothing_beside_it(workspace: Workspace) -> None:
    text = page(markdown(workspace))
    found = Reader(text)
    assert not any({"src", "srcset"} & attrs.keys() or tag in ("link", "script") for tag, attrs in found.tags)
    assert not re.search(r"url\(|@import", text)
    assert "prefers-color-scheme: dark" in text and 'name="viewport"' in text


def test_a_folder_that_cannot_be_written_gets_a_sentence(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = CliRunner().invoke(cli, ["report", "--out", str(tmp_path / "file" / "deep")])
    assert done.exit_code == 1 and "cannot be written" in done.stderr and "Traceback" not in done.output
    (tmp_path / "out" / "report.html").mkdir(parents=True)
    done = CliRunner().invoke(cli, ["report", "--out", str(tmp_path / "out")])
    assert done.exit_code == 1 and "cannot be written" in done.stderr
