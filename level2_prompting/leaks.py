"""The last look at an answer: does it hold what no passage that it cites can have told it?

    found = leaks(answer, rules, cited)
    if found:
        print(why_withheld(found))

An address that comes from nowhere is how a poisoned passage sends a reader away, or carries off what stands
in the prompt. Words of the prompt's own rules show that somebody has asked for them.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from level2_prompting.prove import fold

RUN = 8  # words in a row that are no accident
REST = r"[^\s<>\"'`\\\]\[(){}|]"  # what an address goes on with; a \ comes from a quote's own spelling
URL = re.compile(
    rf"\b(?:[a-z][a-z0-9+.-]{{1,20}}://|www\.|(?:mailto|javascript|data):){REST}+"
    rf"|\b(?:[a-z0-9-]{{1,63}}\.){{1,8}}[a-z]{{2,24}}/{REST}*",
    re.IGNORECASE,
)
EMAIL = re.compile(r"\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")


@dataclass(frozen=True)
class Leak:
    """What an answer holds and ought not to. `kind` says what it is, in words."""

    kind: str
    found: str


def leaks(answer: str, rules: str, cited: Collection[str]) -> tuple[Leak, ...]:
    """Addresses and words of the prompt in an answer, unless they stand in a passage that it cites.

    Args:
        answer: the model's own words.
        rules: the prompt but for its sources and the question.
        cited: the texts of the passages that proven claims quote.
    """
    said, told = fold(answer), fold("\n".join(cited))
    found = [
        Leak(kind, address)
        for kind, pattern in (("an address", URL), ("an e-mail address", EMAIL))
        for address in sorted(_all(pattern, said) - _all(pattern, told))
    ]
    known = set(_runs(rules)) - set(_runs(told))
    copied = next((run for run in _runs(said) if run in known), None)
    if copied:
        found.append(Leak("words of its own instructions", " ".join(copied)))
    return tuple(found)


def why_withheld(found: Collection[Leak]) -> str:
    """One sentence for whoever asked."""
    named = "; ".join(f"{leak.kind}, “{_short(leak.found)}”" for leak in found)
    return f"The answer was withheld, because it holds what no passage that it quotes holds: {named}."


def _all(pattern: re.Pattern[str], text: str) -> set[str]:
    """What a pattern finds, without the full stop of the sentence it stands in."""
    return {match.rstrip(".,;:!?*_").casefold() for match in pattern.findall(text)}


def _runs(text: str) -> list[tuple[str, ...]]:
    """All runs of RUN words, whatever stands between them."""
    words = re.findall(r"\w+", text.casefold())
    return [tuple(words[at : at + RUN]) for at in range(len(words) - RUN + 1)]


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:79]}…"
