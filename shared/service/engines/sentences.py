"""Prose to sentences, each with its place. Headings, code and rules are not sentences; list items are.

[s.text for s in sentences("# Tides\n\n- The sea rises, e.g. in spring. It falls.")]
# ['The sea rises, e.g. in spring.', 'It falls.']
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

FENCE = re.compile(r"\s*(```|~~~)")
HEADING = re.compile(r"\s{0,3}#{1,6}(\s|$)")
RULE = re.compile(r"\s*([-=*_|:]\s*){3,}$")  # also what underlines a heading or heads a table
ITEM = re.compile(r"\s*(?:[-*+•]|\d{1,3}[.)]|>|\|)\s+")

# A full stop, perhaps inside a closing mark, and then what can begin a sentence.
END = re.compile(r"""[.!?…]["'”’)\]*_]*(?=\s+["'“‘(\[*_`]*[^\W_a-z])|[。！？]["”’」』）]*""")
SHORT = re.compile(
    r"[\s(\[“\"](?:e\.g|i\.e|cf|vs|etc|approx|ca|al|Dr|Mrs?|Ms|Prof|St|Fig|Eq|Sec|No|Vol|pp?|[A-Z])\.$"
)


class Sentence(NamedTuple):
    """A sentence and its place in the text that it is from. `text` is on one line, whatever the source's."""

    start: int
    end: int
    text: str


def sentences(text: str) -> list[Sentence]:
    """The sentences of plain text or Markdown, in order."""
    return [s for start, end in _blocks(text) for s in _split(text, start, end)]


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    """The paragraphs and list items, each as (start, end)."""
    fence, start, end, place = "", 0, 0, 0
    for line in text.splitlines(keepends=True):
        begin, place = place, place + len(line)
        mark = FENCE.match(line)
        if fence:
            fence = "" if mark and mark[1] == fence else fence
            continue
        if mark or not line.strip() or HEADING.match(line) or RULE.match(line):
            underlined = end > start and line.lstrip().startswith(("=", "--"))  # a heading's second line
            if end > start and not underlined:
                yield start, end
            start = end = place
            fence = mark[1] if mark else ""
            continue
        if item := ITEM.match(line):
            if end > start:
                yield start, end
            start = begin + item.end()
        elif end <= start:
            start = begin
        end = place
    if end > start:
        yield start, end


def _split(text: str, start: int, end: int) -> Iterator[Sentence]:
    """The sentences of one block."""
    begin = start
    for stop in END.finditer(text, start, end):
        tail = text[max(begin, stop.end() - 10) : stop.end()]
        if not SHORT.search(f" {tail}" if stop.end() - 10 <= begin else tail):
            yield from _sentence(text, begin, stop.end())
            begin = stop.end()
    yield from _sentence(text, begin, end)


def _sentence(text: str, start: int, end: int) -> Iterator[Sentence]:
    """The sentence without the blanks around it, if it holds a word."""
    raw = text[start:end]
    body = raw.strip()
    if re.search(r"\w", body):
        begin = start + len(raw) - len(raw.lstrip())
        yield Sentence(begin, begin + len(body), " ".join(body.split()))
