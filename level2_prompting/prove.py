"""Is a quote really there? Look its words up in the text and give their place, or say that they are not.

    start, end = locate("holds back the sea", text)
    text[start:end]                                    # the source's own spelling

Models change what nobody sees: a line break becomes a space, a curly quotation mark a straight one, an é an e
with an accent of its own, two accents on one letter change places, and what is invisible is left out. Such
differences are folded away on both sides. Letters, digits and their case are not: those words have to be the
same, and a word without its accent is another word.
"""

from __future__ import annotations

import unicodedata
from itertools import groupby

from level2_prompting.hygiene import invisible

# One sign for what looks alike and means the same in print.
ALIKE = str.maketrans("‘’‚‛“”„‟«»‐‑‒–—―−", '\'\'\'\'""""""-------')


def locate(quote: str, text: str) -> tuple[int, int] | None:
    """Start and end of the first place in `text` that reads like `quote`, or None."""
    wanted = fold(quote).strip(" ")
    folded, place = _fold(text)
    at = folded.find(wanted) if wanted else -1
    while at >= 0:
        end = at + len(wanted)
        if _edge(folded, place, at) and _edge(folded, place, end):
            return min(place[at:end]), max(place[at:end]) + 1
        at = folded.find(wanted, at + 1)
    return None


def fold(text: str) -> str:
    """The text with runs of whitespace as one space, compatible signs as one, and the invisible gone."""
    return _fold(text)[0]


def _fold(text: str) -> tuple[str, list[int]]:
    """The folded text, and for each of its characters the index in `text` that it comes from."""
    signs: list[tuple[str, int]] = []
    for index, sign in enumerate(text):
        if sign.isspace():
            if not signs or signs[-1][0] != " ":
                signs.append((" ", index))
        elif not invisible(sign):
            plain = unicodedata.normalize("NFKD", sign)
            plain = sign if " " in plain else plain  # ´ would become a space with an accent
            signs.extend((letter, index) for letter in plain.translate(ALIKE) if not invisible(letter))
    ordered = _canonical(signs)
    return "".join(letter for letter, _ in ordered), [index for _, index in ordered]


def _canonical(signs: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Accents that follow each other, in Unicode's canonical order (UAX 15, section 1.3)."""
    ordered: list[tuple[str, int]] = []
    for _, run in groupby(signs, key=lambda one: _accent(one) > 0):
        ordered += sorted(run, key=_accent)  # stable: letters stay where they are
    return ordered


def _accent(sign: tuple[str, int]) -> int:
    """The canonical combining class; 0 for what is no accent."""
    return unicodedata.combining(sign[0])


def _edge(folded: str, place: list[int], at: int) -> bool:
    """Whether a quote may begin or end here: not inside a sign such as ﬁ, nor before an accent."""
    if at in (0, len(folded)):
        return True
    return place[at] != place[at - 1] and not unicodedata.combining(folded[at])
