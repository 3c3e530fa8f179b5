"""Cases of `chunking`. The reference tries every end of a passage in turn, without a pattern."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from types import ModuleType

import numpy as np

from shared.study import Case

Passages = list[tuple[str, int]]


def cases(work: ModuleType, rng: np.random.Generator) -> Iterator[Case]:
    yield Case(
        "a document that fits",
        call="split",
        args=("Mind the gap.", 40),
        expected=[("Mind the gap.", 0)],
        mistakes={"loses-rest": []},
    )
    yield _split("words, and a passage of exactly ten", "The sea is wide and deep", 10)
    yield _split("a sentence before a word", "Low tide. High tide. Low tide again.", 25)
    yield _split(
        "a paragraph before a sentence", "Low tide.\n\nAt noon. High tide at six, and low again.", 30
    )
    yield _split(
        "more whitespace than one needs", "\n  The moon  pulls.\n\n\n   So does the sun,  less.  ", 18
    )
    yield _split("the same words twice", "Ebb comes. Flood too. Ebb comes.", 10)
    yield _split("a word longer than a passage", "See electroencephalography there.", 12)
    for size in (20, 60):
        yield _split(f"a document drawn at random, size {size}", _document(rng), size)


def _split(title: str, text: str, size: int) -> Case:
    expected = _reference(text, size)
    shown = text if len(text) < 100 else f"{text[:60]}… ({len(text)} characters)"
    return Case(
        title,
        call="split",
        args=(text, size),
        given=f"split({shown!r}, {size})",
        expected=expected,
        mistakes={
            "loses-rest": expected[:-1],
            "strip-shifts": lambda got: _strays(got, text) and _strays(got, text) == _before(got, text),
            "finds-earlier": lambda got: got != expected and got == [(p, text.find(p)) for p, _ in expected],
            "overlaps": lambda got: any(a + len(p) > b for (p, a), (_, b) in pairwise(got)),
            "skips-a-letter": lambda got: len(_letters(got)) < len("".join(text.split())),
            "cuts-words": lambda got: _halves(got, text) > _halves(expected, text),
            "spaces-only": _by_spaces(text, size),
            "first-place": lambda got: len(got) > len(expected),
            "one-short": lambda got: max(len(p) for p, _ in got) < size == max(len(p) for p, _ in expected),
        },
    )


def _reference(text: str, size: int) -> Passages:
    """Every end within the size is tried, from the farthest, for one kind of place after the other."""
    kinds = (
        lambda end: text[end : end + 2] == "\n\n",
        lambda end: text[end].isspace() and text[end - 1] in ".!?",
        lambda end: text[end].isspace(),
    )
    found: Passages = []
    start = 0
    while rest := text[start:].lstrip():
        start = len(text) - len(rest)
        reach = range(start + size, start, -1)
        ends = [len(text)] if len(rest) <= size else [end for kind in kinds for end in reach if kind(end)]
        end = ends[0] if ends else start + size
        found.append((text[start:end].rstrip(), start))
        start = end
    return found


def _by_spaces(text: str, size: int) -> Passages:
    """What comes of it if any whitespace is as good as another."""
    plain = "".join("_" if sign in ".!?" else " " if sign.isspace() else sign for sign in text)
    return [(text[at : at + len(passage)], at) for passage, at in _reference(plain, size)]


def _strays(got: Passages, text: str) -> int:
    """How many passages do not stand at their offset."""
    return sum(not text.startswith(passage, at) for passage, at in got)


def _before(got: Passages, text: str) -> int:
    """How many stand right behind the whitespace that their offset points to."""
    return sum(text[at].isspace() and text[at:].lstrip().startswith(passage) for passage, at in got)


def _letters(got: Passages) -> str:
    return "".join("".join(passage.split()) for passage, _ in got)


def _halves(got: Passages, text: str) -> int:
    """How many passages end inside a word."""
    ends = [at + len(passage) for passage, at in got]
    return sum(end < len(text) and not text[end].isspace() for end in ends)


def _document(rng: np.random.Generator) -> str:
    """Sixty words of 1 to 30 letters, with sentences, paragraphs, and more whitespace than needed."""
    signs = ["", "", "", "", ".", ".", "!", ","]
    spaces = [" ", " ", " ", " ", "  ", "\n", "\n\n", "\n \n\n"]
    lengths = np.minimum(rng.geometric(0.2, 60), 30)
    words = ["".join(rng.choice(list("tides"), length)) for length in lengths]
    return "".join(f"{word}{rng.choice(signs)}{rng.choice(spaces)}" for word in words)
