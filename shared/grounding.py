"""How sources stand in a prompt, and how an answer cites them: plain text that every chat model can follow.

A prompt carries each source in a tag of its own. The tag's name ends in a mark that is new for each request,
so that no text inside a source can close it. The tag may name the headings that the source stands under:

    <source-3f9c id="S1" in="Harbours > Gates">
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
from typing import NamedTuple

ABSTAIN = "The sources do not answer this."

_SOURCE = re.compile(
    r"""<(source(?:-\w+)?) id=(?:"([^"\n]+)"|'([^'\n]+)')(?: in="([^"\n]*)")?>\n?(.*?)\n?</\1>""", re.DOTALL
)


@dataclass(frozen=True)
class Cited:
    """One claim of an answer: what it says, the id of its source, and the words it rests on."""

    text: str
    source: str
    quote: str


class Source(NamedTuple):
    """A source in a prompt: its id, its text, and the headings that it stands under, if any are named."""

    id: str
    text: str
    heading: str = ""


def sources_block(sources: Iterable[Source], mark: str = "") -> str:
    """Sources as they stand in a prompt. In a heading, what would end the tag is taken out."""
    tag = f"source-{mark}" if mark else "source"
    return "\n".join(f'<{tag} id="{one.id}"{_in(one.heading)}>\n{one.text}\n</{tag}>' for one in sources)


def sources_in(prompt: str) -> list[Source]:
    """The sources of a prompt, in order. Single quotes around an id will do."""
    found = _SOURCE.findall(prompt)
    return [Source(double or single, text, heading) for _, double, single, heading, text in found]


def _in(heading: str) -> str:
    flat = " ".join(heading.replace('"', "'").split())
    return f' in="{flat}"' if flat else ""


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
