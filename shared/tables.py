"""Tables for the terminal: one way to draw them, plain when the output is not a terminal."""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import Any

LEAST = 70  # characters that the columns beside a link need


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: Iterable[str] = ()) -> str:
    """A table as text. `right` names the columns that hold numbers.

    Links are never cut: where the column `link` leaves too little for the others, the links stand below.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    width = max(shutil.get_terminal_size((120, 24)).columns if sys.stdout.isatty() else 160, 60)
    cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
    below = []
    at = list(columns).index("link") if "link" in columns else -1
    if at >= 0 and _is_crowded(columns, cells, at, width):
        below = [f"{row[0]}  {row[at]}" for row in cells if row[at]]
        columns, cells = [*columns[:at], *columns[at + 1 :]], [[*row[:at], *row[at + 1 :]] for row in cells]
    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        numeric, link = name in set(right), name == "link"
        drawn.add_column(
            name, justify="right" if numeric else "left", no_wrap=link or numeric, overflow="fold"
        )
    for row in cells:
        drawn.add_row(*map(Text, row))
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    console.print(drawn)
    told = console.file.getvalue().rstrip()  # type: ignore[attr-defined]
    return "\n".join([told, "", *below]) if below else told


def _is_crowded(columns: Sequence[str], cells: Sequence[Sequence[str]], at: int, width: int) -> bool:
    """Whether the column `at`, which is never folded, leaves the others less than they need to be read."""
    needed = [max(map(len, column)) + 3 for column in zip(columns, *cells, strict=True)]
    return sum(needed) > width and width - needed[at] < LEAST


def number(value: float | None, digits: int = 3) -> str:
    """A number for a table: at most so many digits after the point, a dash for None."""
    if value is None:
        return "–"
    return f"{value:,.{digits}f}".rstrip("0").rstrip(".") if digits else f"{value:,.0f}"


def models_table(models: list[dict[str, Any]]) -> str:
    """What `ladder models` prints, from `models_json()`."""
    rows = [
        (
            m["id"], m["kind"], "here" if m["present"] else STATE[m["where"]], number(m["size_mb"], 0),
            m["licence"], m["shutdown"] or "–", m["purpose"],
        )
        for m in models
    ]  # fmt: skip
    return table(["model", "kind", "state", "MB", "licence", "shutdown", "purpose"], rows, right=["MB"])


STATE = {"embedded": "missing", "pull": "to pull", "api": "needs a key", "folder": "missing"}
