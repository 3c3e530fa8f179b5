"""Citations in an answer that is still being written: what may be shown, and what is cited, piece by piece.

    reading = Citations(["S1", "S2"])
    for piece in stream:
        for event in reading.feed(piece):
            ...                                 # Text, to be shown at once, or a Citation
    reading.end()                               # what is left, and End

A marker may come in any number of pieces, so what could still become one is held back; nothing else is. The
form is that of `shared/grounding.py`, read with patience for what models make of it: `[S1, S2]` and
`[S1][S2]` for words that two sources hold, `【S1】` or a bare number for `[S1]`, curly quotation marks. What
stands in a fence of ``` or ~~~ is code and cites nothing. A quote never crosses the end of a line.
"""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from shared.grounding import Cited

LONGEST = 2000  # characters of a marker; what goes on for longer is text
SPACE = r"[^\S\n]*"
ID = r"[^\s\[\]【】:,;\"“”]{1,40}"
BODY = r'[^"\\\n]*(?:\\.[^"\\\n]*)*'
IN_MARKS = rf'"({BODY})"|“([^”\n]*)”'
ITEM = rf"({ID})(?:{SPACE}:{SPACE}(?:{IN_MARKS}))?"
NEXT = rf"{SPACE}[,;]{SPACE}"
MARKER = re.compile(rf"[\[【]{SPACE}{ITEM}(?:{NEXT}{ITEM})*{SPACE}[\]】]")
# The beginning of a marker that goes on in the next piece.
BEGUN = re.compile(
    rf"[\[【]{SPACE}(?:{ITEM}{NEXT})*"
    rf"(?:{ID}{SPACE}(?::{SPACE}(?:(?:{IN_MARKS}){SPACE}|\"{BODY}\\?|“[^”\n]*)?)?)?\Z"
)
OWN_WORDS = re.compile(rf"(?:{IN_MARKS})\s*\Z")
FENCE = re.compile(r" {0,3}(?:(`{3,})[^`\n]*|(~{3,})[^\n]*)\n?\Z")
FENCE_BEGUN = re.compile(r" {0,3}(?:`{0,2}|~{0,2}|`{3,}[^`\n]*|~{3,}[^\n]*)\Z")


@dataclass(frozen=True)
class Text:
    """Words of the answer that are surely no part of a marker."""

    text: str
    code: bool = False


@dataclass(frozen=True)
class Citation:
    """A source that the answer names.

    Attributes:
        source: its id, as the prompt spells it.
        quote: the words it is said to hold; empty where none are given.
        own: the quote is the claim itself, and has been given as Text before.
        known: whether the prompt has such a source.
    """

    source: str
    quote: str
    own: bool = False
    known: bool = True


@dataclass(frozen=True)
class End:
    """The answer is over. `unfinished` is a marker that it broke off in; it has been given as Text."""

    unfinished: str = ""


Event = Text | Citation | End


class Citations:
    """Reads one answer.

    Args:
        sources: the ids that the prompt gave its sources.
    """

    def __init__(self, sources: Collection[str]) -> None:
        self._known = frozenset(sources)
        self._newlines = io.IncrementalNewlineDecoder(None, translate=True)  # \r\n and \r become \n
        self._held = ""
        self._new_line = True
        self._line = ""  # of this line, what stands behind its last citation
        self._quote: str | None = None  # the own words of that citation, for a marker right behind it
        self._fence = ""  # what opened the code that we are in

    def feed(self, piece: str) -> list[Event]:
        """The events that are certain once this piece has come."""
        self._held += self._newlines.decode(piece)
        return list(self._read(final=False))

    def end(self) -> list[Event]:
        """What was held back, and the End."""
        self._held += self._newlines.decode("", final=True)
        begun = self._held if self._begun() else ""
        return [*self._read(final=True), End(begun)]

    def _read(self, final: bool) -> Iterator[Event]:
        while self._held:
            if self._new_line:
                if not final and FENCE_BEGUN.match(self._held):
                    return
                self._new_line = False
                if self._is_fence(self._first_line()):
                    yield self._take(len(self._first_line()), code=True)
                    continue
            if self._fence:
                yield self._take(len(self._first_line()), code=True)
            elif self._held[0] not in "[【":
                stop = re.search(r"[\[【]|(?<=\n)", self._held)
                yield self._take(stop.start() if stop else len(self._held))
            elif (marker := MARKER.match(self._held[:LONGEST])) and (cited := self._citations(marker[0])):
                self._held = self._held[marker.end() :]
                yield from cited
            elif not final and self._begun():
                return
            else:
                yield self._take(1)  # a bracket of another kind

    def _begun(self) -> bool:
        """Whether what is held could become a marker."""
        return len(self._held) < LONGEST and BEGUN.match(self._held) is not None

    def _first_line(self) -> str:
        """The first line that is held, with its end if that has come."""
        return self._held[: self._held.find("\n") + 1] or self._held

    def _is_fence(self, line: str) -> bool:
        """Whether a line opens code, or closes that which is open."""
        found = FENCE.match(line)
        ticks = (found[1] or found[2]) if found else ""
        if not ticks:
            return False
        if not self._fence:
            self._fence = ticks
            return True
        if ticks.startswith(self._fence) and line.strip() == ticks:
            self._fence = ""
            return True
        return False

    def _take(self, size: int, code: bool = False) -> Text:
        """Give the first characters that are held as text."""
        text, self._held = self._held[:size], self._held[size:]
        self._new_line = text.endswith("\n")
        self._line = "" if self._new_line else self._line + text
        if self._new_line:
            self._quote = None
        return Text(text, code)

    def _citations(self, marker: str) -> list[Event]:
        """What a marker cites; nothing if it is a bracket of another kind, such as [sic] or a[1]."""
        found = list(re.finditer(ITEM, marker[1:-1]))
        items = [(self._name(item[1]), _quote(item)) for item in found]
        own = None
        if all(quote is None for _, quote in items):
            if not all(self._name(item[1]) in self._known or re.match(r"[Ss]\d", item[1]) for item in found):
                return []
            own = self._own_words()
            if own is None and (_inside_quote(self._line) or _subscript(marker, self._line)):
                return []
        self._line, self._quote = "", own
        return [
            Citation(name, own or quote or "", own is not None, name in self._known) for name, quote in items
        ]

    def _name(self, item: str) -> str:
        """The prompt's own spelling of an id: S1 for s1 and for 1."""
        spellings = (item, item.upper(), f"S{item}")
        unknown = f"S{item}" if item.isdigit() else item
        return next((name for name in spellings if name in self._known), unknown)

    def _own_words(self) -> str | None:
        """The quote that ends where the marker begins."""
        if self._quote is not None and not self._line.strip(" \t,;"):
            return self._quote
        found = OWN_WORDS.search(self._line)
        return _quote(found, first=1) if found else None


def _quote(found: re.Match[str], first: int = 2) -> str | None:
    """What stands between quotation marks in a match of IN_MARKS; only straight ones know backslashes."""
    straight, curly = found[first], found[first + 1]
    return curly if straight is None else re.sub(r"\\(.)", r"\1", straight)


def _inside_quote(text: str) -> bool:
    """Whether a quotation mark stands open at the end: brackets in a quote belong to the quote."""
    straight = re.sub(r"\\.", "", text).count('"')
    return straight % 2 == 1 or text.rfind("“") > text.rfind("”")


def _subscript(marker: str, text: str) -> bool:
    """Whether it is a[1] rather than a citation."""
    return re.fullmatch(r"\[\d+\]", marker) is not None and re.search(r"\w\Z", text) is not None


@dataclass(frozen=True)
class Line:
    """A line of a whole answer: what it claims, and what it says beside that without a source."""

    cited: tuple[Cited, ...]
    unsourced: str = ""
    code: bool = False


def lines(answer: str, sources: Collection[str]) -> Iterator[Line]:
    """The lines of a whole answer. Code that stands together is one line; blank ones are left out."""
    reading = Citations(sources)
    cited: list[Cited] = []
    said = code = ""
    for event in (*reading.feed(answer), *reading.end(), Text("\n")):
        if code and not (isinstance(event, Text) and event.code):
            yield Line((), code.strip(), code=True)
            code = ""
        if isinstance(event, Citation):
            cited.append(Cited(event.quote if event.own else said.strip(), event.source, event.quote))
            said = ""
        elif isinstance(event, Text) and event.code:
            code += event.text
        elif isinstance(event, Text):
            said += event.text
            if said.endswith("\n"):
                rest = said.strip() if re.search(r"\w", said) else ""
                if cited or rest:
                    yield Line(tuple(cited), rest)
                cited, said = [], ""
