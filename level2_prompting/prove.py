"""Is a quote really there? Look its words up in the text and give their place, or say that they are not.

    start, end = locate("holds back the sea", text)
    text[start:end]                                    # the source's own spelling

Models change what nobody sees: a line break becomes a space, a curly quotation mark a straight one, an é an e
with an accent of its own. Such differences are folded away on both sides. Letters, digits and their case are
not: those words have to be the same.
"""

from __future__ import annotations

import unicodedata

# One sign for what looks alike and means the same in print.
ALIKE = str.maketrans("‘’‚‛“”„‟«»‐‑‒–—―−", '\'\'\'\'""""""-------')


def locate(quote: str, text: str) -> tuple[int, int] | None:
    """Start and end of the first place in `text` that reads like `quote`, or None."""
    wanted = fold(quote).strip(" ")
    folded, place = _fold(text)
    at = folded.find(wanted) if wanted else -1
    while at >= 0:
        end = at + len(wanted)
        # A sign such as ﬁ folds to two letters; a match may not begin or end between them.
        if _edge(place, at) and _edge(place, end):
            return place[at], place[end - 1] + 1
        at = folded.find(wanted, at + 1)
    return None


def fold(text: str) -> str:
    """The text with runs of whitespace as one space, compatible signs as one, and the invisible gone."""
    return _fold(text)[0]


def _fold(text: str) -> tuple[str, list[int]]:
    """The folded text, and for each of its characters the index in `text` that it comes from."""
    letters: list[str] = []
    place: list[int] = []
    for index, sign in enumerate(text):
        if sign.isspace():
            if not letters or letters[-1] != " ":
                letters.append(" ")
                place.append(index)
        elif unicodedata.category(sign) != "Cf":  # zero-width and direction marks, soft hyphens
            plain = unicodedata.normalize("NFKD", sign)
            plain = sign if " " in plain else plain  # ´ would become a space with an accent
            letters.extend(plain.translate(ALIKE))
            place.extend([index] * len(plain))
    return "".join(letters), place


def _edge(place: list[int], at: int) -> bool:
    """Whether a new character of the source begins at this folded one."""
    return at in (0, len(place)) or place[at] != place[at - 1]
