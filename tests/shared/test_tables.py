"""Tables for the terminal."""

from __future__ import annotations

import pytest

from shared.models import models_json
from shared.tables import models_table, number, table


@pytest.mark.parametrize(
    ("value", "digits", "shown"),
    [
        (None, 3, "–"), (0.0, 2, "0"), (0.5, 3, "0.5"), (1234.5, 1, "1,234.5"), (100.0, 0, "100"),
        (100.0, 2, "100"), (0.0004, 2, "0"), (-1.25, 2, "-1.25"), (1e6, 0, "1,000,000"),
    ],
)  # fmt: skip
def test_numbers(value: float | None, digits: int, shown: str) -> None:
    assert number(value, digits) == shown


def test_cells_stand_under_their_heads_and_numbers_to_the_right() -> None:
    drawn = table(["name", "n"], [("a", 1), ("bb", 1000)], right=["n"])
    head, _, first, second = [line.rstrip() for line in drawn.splitlines() if line.strip()]
    assert first.endswith("1") and len(first) == len(second), "ones stand under ones"
    assert head.index("name") == first.index("a") == second.index("bb")


def test_what_somebody_wrote_is_shown_as_it_is() -> None:
    drawn = table(["text"], [("[red]not markup[/red] :smile:",), (None,)])
    assert "[red]not markup[/red] :smile:" in drawn and "None" not in drawn


def test_a_link_is_never_cut() -> None:
    link = "http://127.0.0.1:5321/#/experiments/1/runs/" + "0123456789abcdef" * 2
    drawn = table(["result", "link"], [("many words " * 40, link)])
    assert link in drawn
    assert max(map(len, drawn.splitlines())) <= 160


def test_on_a_narrow_terminal_links_stand_below(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    link = "http://127.0.0.1:5321/#/experiments/1/runs/" + "0123456789abcdef" * 2
    drawn = table(
        ["run", "name", "result", "link"], [("b0a7", "score", "wer 0.19", link), ("c1", "x", "", "")]
    )
    rows, _, below = drawn.partition("\n\nb0a7")
    assert below.strip() == link and "link" not in rows
    assert "wer 0.19" in rows and "c1" in rows
    assert max(map(len, rows.splitlines())) <= 80


def test_every_model_of_the_catalogue_is_listed() -> None:
    drawn = models_table(models_json())
    for model in models_json():
        row = next(line for line in drawn.splitlines() if line.split()[:1] == [model["id"]])
        assert ("here" in row) == model["present"]
        assert str(model["shutdown"] or "–") in row
