"""Tables for the terminal: one way to draw them, plain when the output is not a terminal."""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import Any


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: Iterable[str] = ()) -> str:
    """A table as text. `right` names the columns that hold numbers. Links are never cut."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        numeric, link = name in set(right), name == "link"
        drawn.add_column(
            name, justify="right" if numeric else "left", no_wrap=link or numeric, overflow="fold"
        )
    for row in rows:
        drawn.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    width = shutil.get_terminal_size((120, 24)).columns if sys.stdout.isatty() else 160
    console = Console(file=io.StringIO(), width=max(width, 60), force_terminal=False)
    console.print(drawn)
    return console.file.getvalue().rstrip()  # type: ignore[attr-defined]


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
