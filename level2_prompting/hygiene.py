"""Retrieved text is data: what nobody can see is taken out of it, and nothing in it can end its own tag.

    clean("pay\u200b \u202enow")       # "pay now", as it stands in the prompt
    fresh_mark(texts)                   # the end of a tag's name that none of the texts holds

None of this makes a model obey the right voice. It takes two means from whoever writes into a document:
orders that no reader of the page sees, and a forged end of the passage. A third, in `leaks.py`, is an address
to send something to.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Iterable

# Signs that show nothing though Unicode counts them as letters or accents (its Default_Ignorable_Code_Point,
# DerivedCoreProperties.txt): fillers, joiners, and variation selectors, in which whole texts can be hidden.
BLANK = (
    (0x034F, 0x034F), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x2065, 0x2065),
    (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0xE0000, 0xE0FFF),
)  # fmt: skip
# Signs that are seen though Unicode counts them as format controls: marks of Arabic, Syriac, Kaithi numbers.
SEEN = frozenset(map(chr, (*range(0x0600, 0x0606), 0x06DD, 0x070F, 0x0890, 0x0891, 0x08E2, 0x110BD, 0x110CD)))


def invisible(sign: str) -> bool:
    """Whether a character shows nothing and is no space: controls, direction marks, joiners, fillers."""
    category = unicodedata.category(sign)
    if category == "Cc":
        return not sign.isspace()
    if category in ("Cf", "Cs"):
        return sign not in SEEN
    return any(first <= ord(sign) <= last for first, last in BLANK)


def clean(text: str) -> str:
    """A text as a prompt may hold it: without what is invisible, every other space a plain one.

    A quote from it is found in the text itself by `prove.locate`, which looks past the same characters.
    """
    lines = re.sub(r"\r\n?|[\u2028\u2029]", "\n", text)
    return "".join(
        sign if not sign.isspace() or sign in "\n\t" else " " for sign in lines if not invisible(sign)
    )


def fresh_mark(texts: Iterable[str]) -> str:
    """A random end for a tag's name that stands in none of the texts: none of them can close such a tag."""
    everything = "\n".join(texts)
    while (mark := secrets.token_hex(8)) in everything:
        pass
    return mark
