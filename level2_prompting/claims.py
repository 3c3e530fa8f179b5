"""What an answer claims, and what of it can be proven: every quote is looked up in the passage it names.

found = judge(raw, {"S1": chunk}, rules)
print(found.text, found.claims, found.dropped, found.withheld)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from level2_prompting.citations import lines
from level2_prompting.documents import page_at
from level2_prompting.index import Passage
from level2_prompting.leaks import Leak, leaks, why_withheld
from level2_prompting.prove import locate
from level2_prompting.split import Chunk
from shared.grounding import ABSTAIN, Cited, abstains

Pages = Mapping[str, Sequence[int]]
NO_PAGES: Pages = {}


@dataclass(frozen=True)
class Claim:
    """One claim and its proof: `quote` is exactly `text_of_source[start:end]`.

    `passage` is what the prompt calls the passage that holds it, such as S1; `page` is the page, from 1, on
    which the quote begins, if the source has pages.
    """

    text: str
    passage: str
    source: str
    quote: str
    start: int
    end: int
    page: int | None = None


@dataclass(frozen=True)
class Dropped:
    """A claim that is not part of the answer, and why not."""

    text: str
    quote: str
    reason: str


@dataclass(frozen=True)
class Verdict:
    """What is left of a model's words.

    Attributes:
        text: the proven claims, or one sentence that says why there is no answer.
        withheld: what the words held that no passage they cite holds. If there is any, nothing is shown.
    """

    text: str
    claims: tuple[Claim, ...]
    dropped: tuple[Dropped, ...]
    withheld: tuple[Leak, ...]


def judge(raw: str, sources: Mapping[str, Chunk], rules: str, pages: Pages = NO_PAGES) -> Verdict:
    """Prove what a model said, then look at what it ought not to hold.

    Args:
        raw: the model's own words.
        sources: the passages that it was given, by their ids in the prompt.
        rules: the prompt but for its sources and the question.
        pages: where each page begins, for the documents that have pages, by their names.
    """
    claims, dropped = proven(raw, sources, pages)
    found = leaks(raw, rules, [sources[claim.passage].text for claim in claims])
    if found:
        why = why_withheld(found)
        return Verdict(why, (), (Dropped("The whole answer.", "", why),), found)
    return Verdict("\n".join(c.text for c in claims) or _no_answer(raw), claims, dropped, ())


def proof(raw: str, passages: Sequence[Passage]) -> tuple[tuple[Claim, ...], tuple[Dropped, ...]]:
    """As `proven`, for passages that the prompt calls S1, S2, … in this order."""
    return proven(raw, numbered(passages))


def numbered(passages: Sequence[Passage]) -> dict[str, Chunk]:
    """The passages by the ids that the prompt gives them."""
    return {f"S{number}": passage.chunk for number, passage in enumerate(passages, 1)}


def proven(
    raw: str, sources: Mapping[str, Chunk], pages: Pages = NO_PAGES
) -> tuple[tuple[Claim, ...], tuple[Dropped, ...]]:
    """Look every quote of an answer up in the passage it names.

    Returns:
        the claims whose quotes are there, with places in the source document; and all else that was claimed.
    """
    claims: list[Claim] = []
    dropped: list[Dropped] = []
    if abstains(raw):
        return (), ()
    for line in lines(raw, sources):
        for one in line.cited:
            chunk = sources.get(one.source)
            place = locate(one.quote, chunk.text) if chunk else None
            if chunk is None:
                dropped.append(Dropped(one.text, one.quote, f"There is no source {one.source}."))
            elif place is None:
                dropped.append(Dropped(one.text, one.quote, _why(one, chunk)))
            else:
                start, end = place
                claims.append(_claim(one, chunk, start, end, pages.get(chunk.source, ())))
        if line.unsourced:
            reason = "It is code, which no quote proves." if line.code else "It names no source."
            dropped.append(Dropped(line.unsourced, "", reason))
    return tuple(claims), tuple(dropped)


def _claim(cited: Cited, chunk: Chunk, start: int, end: int, pages: Sequence[int]) -> Claim:
    """A claim with its place in the document: that in the passage, and where the passage begins."""
    text = " ".join((cited.text or cited.quote).split())
    quote = chunk.text[start:end]
    start, end = chunk.start + start, chunk.start + end
    return Claim(text, cited.source, chunk.source, quote, start, end, page_at(pages, start))


def _why(cited: Cited, chunk: Chunk) -> str:
    if cited.quote.strip():
        return f"These words are not in {chunk.source}."
    return f"It quotes no words of {chunk.source}."


def _no_answer(raw: str) -> str:
    if abstains(raw) or not raw.strip():
        return ABSTAIN
    return "The model answered, but nothing it said could be proven from the sources."
