"""Cases of `cite`. The places are known, because the documents are put together piece by piece."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import ModuleType

import numpy as np

from shared.study import Case

STRAIGHT = str.maketrans({"“": '"', "”": '"', "„": '"', "‘": "'", "’": "'"})
PAIRS = {"": [("", "")], '"': [("“", "”"), ("„", "“"), ('"', '"')], "'": [("‘", "’"), ("'", "'")]}
SPACES = [" ", " ", "  ", "\n", "\t", "\n    ", "\xa0", " \r\n"]


def cases(work: ModuleType, rng: np.random.Generator) -> Iterator[Case]:
    yield _folding("A “high”\n\n tide’s\tend")
    yield _locate("word for word", "The moon ", "pulls the sea", ".")
    yield _locate("other whitespace, before and inside", "The   moon\n\n ", "pulls  the\n sea", " up.")
    yield _locate("at the end, in quotation marks", "They call it ", "“slack\nwater”", "")
    first = "High tide is at six, high tide it was. "
    yield _locate("a passage from the middle", first, "high  tide", " again, and high tide.", len(first) - 1)
    yield _absent("words that are not there", "the sun")
    yield _absent("words in another case", "The Moon")
    yield _absent("a quote of spaces", "  \n")
    for _ in range(2):
        before, quoted, after = _drawn(rng)
        begin = int(rng.integers(len(before)))
        yield _locate("words, whitespace and marks drawn at random", before, quoted, after, begin)


def _folding(text: str) -> Case:
    runs = [run.start() for run in re.finditer(r"\s+|\S", text)]
    return Case(
        "whitespace and quotation marks folded, and each character's origin",
        call="fold",
        args=(text,),
        expected=(_folded(text), runs),
        mistakes={
            "spaces-only": lambda got: any(sign in got[0] for sign in "\n\t"),
            "lone-signs": lambda got: len(got[0]) == len(text),
        },
    )


def _locate(title: str, before: str, quoted: str, after: str, begin: int = 0) -> Case:
    """The document is the three pieces, and the passage all of it from `begin` on."""
    document, quote = before + quoted + after, _folded(quoted)
    start, end = len(before), len(before) + len(quoted)
    at = _folded(document[begin:]).find(quote)
    shown = repr(document) if len(document) < 100 else f"of {len(document)} characters, {document[:40]!r}…"
    return Case(
        title,
        call="locate",
        args=(quote, document, begin, len(document)),
        given=f"{quote!r} in document[{begin}:{len(document)}], the document {shown}",
        expected=(start, end),
        mistakes={
            "not-folded": lambda got: got is None,
            "passage-offsets": (start - begin, end - begin),
            "whole-document": lambda got: got[0] < begin,
            "last-excluded": (start, end - 1),
            "last-place": lambda got: got[0] >= end,
            "folded-offsets": (begin + at, begin + at + len(quote)),
            "length-of-quote": (start, start + len(quote)),
        },
    )


def _absent(title: str, quote: str) -> Case:
    document = "Tides.\n\nThat is how the moon\npulls the sea up."
    return Case(
        title,
        call="locate",
        args=(quote, document, 8, len(document)),
        expected=None,
        mistakes={
            "empty-quote": lambda got: not quote.strip() and got is not None,
            "ignores-case": lambda got: document[slice(*got)] == quote.lower(),
            "not-found": lambda got: got is not None,
        },
    )


def _folded(text: str) -> str:
    return re.sub(r"\s+", " ", text.translate(STRAIGHT))


def _drawn(rng: np.random.Generator) -> tuple[str, str, str]:
    """Forty words of a document: those before a quote, the quote, those after it."""
    words = []
    for number in range(40):
        pairs = PAIRS[rng.choice(list(PAIRS))]
        opening, closing = pairs[rng.integers(len(pairs))]
        words.append(f"{opening}word{number}{closing}")
    first, last = sorted(rng.choice(np.arange(2, 38), 2, replace=False).tolist())
    spaces = rng.choice(SPACES, 40).tolist()
    printed = [word + space for word, space in zip(words, spaces, strict=True)]
    quoted = "".join(printed[first:last]) + words[last]
    return "".join(printed[:first]), quoted, spaces[last] + "".join(printed[last + 1 :])
