"""How sources stand in a prompt, and how an answer cites them: plain text that every chat model can follow.

A prompt carries each source in a tag of its own. The tag's name ends in a mark that is new for each request,
so that no text inside a source can close it:

    <source-3f9c id="S1">
    A tide gate holds back the sea.
    </source-3f9c>

An answer is a line for each claim. Behind a claim stand its source and the exact words that it rests on. A
claim that is itself a quote stands in quotation marks, and needs the source's id alone:

    The gate keeps the sea out. [S1: "holds back the sea"]
    "A tide gate holds back the sea." [S1]

Inside a quote, a quotation mark is written \\" and a backslash \\\\. An answer that is not in the sources is
the sentence ABSTAIN alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

ABSTAIN = "The sources do not answer this."

_SOURCE = re.compile(r"""<(source(?:-\w+)?) id=(?:"([^"\n]+)"|'([^'\n]+)')>\n?(.*?)\n?</\1>""", re.DOTALL)


@dataclass(frozen=True)
class Cited:
    """One claim of an answer: what it says, the id of its source, and the words it rests on."""

    text: str
    source: str
    quote: str


def sources_block(sources: Iterable[tuple[str, str]], mark: str = "") -> str:
    """Sources, each an id and its text, as they stand in a prompt."""
    tag = f"source-{mark}" if mark else "source"
    return "\n".join(f'<{tag} id="{name}">\n{text}\n</{tag}>' for name, text in sources)


def sources_in(prompt: str) -> list[tuple[str, str]]:
    """The sources of a prompt, each an id and its text, in order. Single quotes around an id will do."""
    return [(double or single, text) for _, double, single, text in _SOURCE.findall(prompt)]


def without_sources(prompt: str) -> str:
    """What stands in a prompt beside its sources."""
    return _SOURCE.sub("", prompt)


def quoted(quote: str, source: str) -> str:
    """A claim that is itself a quote, as an answer spells it."""
    return f'"{_escape(quote)}" [{source}]'


def abstains(answer: str) -> bool:
    """Whether an answer says that the sources do not hold it."""
    return answer.strip().strip('"').casefold().startswith(ABSTAIN.casefold().rstrip("."))


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
