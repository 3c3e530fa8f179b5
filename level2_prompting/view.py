"""How a proof is shown: the words around a quote, with the quote marked; and a draft, before it is proven.

Everything is escaped: a document is somebody's words, never markup.
"""

from __future__ import annotations

from html import escape

AROUND = 500  # characters shown on each side of a quote
BOX = "margin:0;line-height:1.6;white-space:pre-wrap;overflow-wrap:anywhere"


def marked(text: str, start: int, end: int) -> str:
    """HTML of a document around `text[start:end]`, which is marked."""
    first = _word(text, start - AROUND)
    last = len(text) - _word(text[::-1], len(text) - end - AROUND)
    before = ("… " if first else "") + escape(text[first:start].lstrip() if first else text[:start])
    after = escape(text[end:last]) + (" …" if last < len(text) else "")
    return f'<p style="{BOX}">{before}<mark>{escape(text[start:end])}</mark>{after}</p>'


def draft(words: str) -> str:
    """HTML of what the model has said so far, which is not proven, and says so."""
    return f'<p style="{BOX};opacity:0.6"><em>Unproven so far:</em> {escape(words)}</p>'


def _word(text: str, at: int) -> int:
    """The first place from `at` on where a word begins; 0 before the beginning."""
    if at <= 0:
        return 0
    space = text.find(" ", at)
    return at if space < 0 or space > at + 40 else space + 1
