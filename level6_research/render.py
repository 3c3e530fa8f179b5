"""A report as a list of blocks, and the blocks as Markdown or as HTML. All text is escaped in both."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

STYLE = """
body { font: 16px/1.55 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
       color: #222; background: #fff; overflow-wrap: anywhere; }
table { border-collapse: collapse; margin: 1rem 0; display: block; overflow-x: auto; }
th, td { overflow-wrap: normal; border-bottom: 1px solid #ddd; padding: .3rem .8rem; text-align: left; }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
.verdict { border-left: 4px solid #b3541e; padding-left: 1rem; font-weight: 600; }
"""


@dataclass(frozen=True)
class Link:
    """Words that lead somewhere."""

    text: str
    url: str


Cell = str | Link


@dataclass(frozen=True)
class Block:
    """A piece of the report: a heading, a paragraph, a verdict, a list, a table or the figure."""

    kind: str
    text: str = ""
    items: Sequence[Cell] = ()
    rows: Sequence[Sequence[Cell]] = ()


def to_markdown(blocks: Sequence[Block]) -> str:
    """The blocks as Markdown; the figure is a file beside it."""

    def cell(value: Cell) -> str:
        return f"[{_md(value.text)}]({value.url})" if isinstance(value, Link) else _md(value)

    def row(cells: Sequence[Cell]) -> str:
        return "| " + " | ".join(cell(c) for c in cells) + " |"

    parts = []
    for block in blocks:
        if block.kind == "table":
            rule = "|" + " --- |" * len(block.items)
            parts.append("\n".join([row(block.items), rule, *(row(r) for r in block.rows)]))
        elif block.kind == "list":
            parts.append("\n".join(f"- {cell(item)}" for item in block.items))
        elif block.kind == "figure":
            parts.append(f"![{_md(block.text)}](figure.svg)")
        else:
            mark = {"title": "# ", "heading": "## ", "verdict": "> "}.get(block.kind, "")
            parts.append(mark + _md(block.text))
    return "\n\n".join(parts) + "\n"


def _md(text: str) -> str:
    """Text as it is: nothing in it becomes Markdown or HTML, and it stays on its line."""
    flat = " ".join(escape(text, quote=False).split())
    return "".join(f"\\{c}" if c in "\\`*_[]|#!$" else c for c in flat)


def gallery(panels: Mapping[str, str]) -> str:
    """The panels of a figure (title -> SVG) as HTML: side by side, and below each other on a phone."""
    images = (
        f'<img alt="{escape(title)}" style="flex: 1 1 280px; min-width: 0; max-width: 420px" '
        f'src="data:image/svg+xml;base64,{base64.b64encode(picture.encode()).decode()}">'
        for title, picture in panels.items()
    )
    return f'<div style="display: flex; flex-wrap: wrap">{"".join(images)}</div>'


def to_html(name: str, blocks: Sequence[Block], panels: Mapping[str, str]) -> str:
    """The blocks as one HTML file with nothing outside it; `panels` are the figure's, title -> SVG."""

    def cell(value: Cell) -> str:
        if isinstance(value, Link):
            return f'<a href="{escape(value.url)}">{escape(value.text)}</a>'
        return escape(value)

    def table(block: Block) -> str:
        head = "".join(f"<th>{cell(c)}</th>" for c in block.items)
        body = "".join("<tr>" + "".join(f"<td>{cell(c)}</td>" for c in row) + "</tr>\n" for row in block.rows)
        return f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table>"

    parts = []
    for block in blocks:
        if block.kind == "table":
            parts.append(table(block))
        elif block.kind == "list":
            parts.append("<ul>" + "".join(f"<li>{cell(item)}</li>\n" for item in block.items) + "</ul>")
        elif block.kind == "figure":
            parts.append(gallery(panels))
        else:
            tag = {"title": "h1", "heading": "h2", "verdict": 'p class="verdict"'}.get(block.kind, "p")
            parts.append(f"<{tag}>{escape(block.text)}</{tag.split()[0]}>")
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(name)}</title><style>{STYLE}</style></head>\n<body>\n{body}\n</body>\n</html>\n"
    )
