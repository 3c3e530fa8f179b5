"""What a search is to do, and what came of it: each passage with its place in every stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from level2_prompting.documents import page_at
from level2_prompting.split import Chunk
from shared.errors import BadUsage

if TYPE_CHECKING:
    from level2_prompting.index import Passage

STAGES = ("dense", "bm25", "fused", "reranked")


@dataclass(frozen=True)
class Plan:
    """What a search does. The page shows each of these as a knob.

    Attributes:
        k: how many passages are wanted.
        dense, bm25: whether to search by meaning, and by words. With both, the rankings are fused.
        rerank: whether to judge the pool again by its sentences.
        context: whether a passage is found with the headings above it.
        distinct: of two passages whose cosine is above it, only the better ranked stays; 1 keeps all.
        pool: how many candidates a stage hands to the next.
        dense_weight, bm25_weight: how much each ranking counts when they are fused.
        cross_encoder: a folder, or the name of one among the home's models: it reranks in place of sentences.
    """

    k: int = 4
    dense: bool = True
    bm25: bool = True
    rerank: bool = False
    context: bool = False
    distinct: float = 0.97
    pool: int = 50
    dense_weight: float = 1.0
    bm25_weight: float = 1.0
    cross_encoder: str = ""

    def __post_init__(self) -> None:
        if not (self.dense or self.bm25):
            raise BadUsage("With neither dense nor bm25 there is no search.", "Leave one of them on.")
        if not 1 <= self.k <= self.pool:
            raise BadUsage(
                f"{self.k} passages cannot come from a pool of {self.pool}.", "Choose 1 ≤ k ≤ pool."
            )
        if min(self.dense_weight, self.bm25_weight) < 0 or not 0 < self.distinct <= 1:
            raise BadUsage(
                f"A weight is below 0, or distinct is not in (0, 1]: {self}.", "Choose other numbers."
            )


# What the development half of the frozen corpus chose (`ladder level2 evaluate`): of what was tried nothing
# found more, and of what found as much nothing is simpler.
CHOSEN = Plan(bm25=False, context=True)


@dataclass(frozen=True)
class Place:
    """Where a stage puts a passage, from 1, and the score it does so by: larger is better."""

    rank: int
    score: float


@dataclass(frozen=True)
class Candidate:
    """A passage that a stage came up with.

    Attributes:
        places: its place in each stage that it took part in: "dense", "bm25", "fused", "reranked".
        twin: the id of a better ranked passage that says the same, for which it was left out.
    """

    chunk: Chunk
    places: Mapping[str, Place]
    twin: str = ""


@dataclass(frozen=True)
class Staged:
    """What a search in stages found, and how.

    Attributes:
        passages: the k best, each with the cosine of its vector and the question's, whatever ranked it.
        texts: the whole documents that they are from, by name.
        pages: where each page begins, for those of the documents that have pages.
        candidates: all that the last stage ranked, best first, near-duplicates included.
        times: seconds of each step, in order.
    """

    question: str
    plan: Plan
    passages: tuple[Passage, ...]
    texts: dict[str, str]
    pages: dict[str, list[int]]
    candidates: tuple[Candidate, ...]
    times: dict[str, float] = field(compare=False)

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages that ranked, in the order in which they did."""
        return tuple(stage for stage in STAGES if any(stage in c.places for c in self.candidates))

    def page(self, chunk: Chunk) -> int | None:
        """The number of the page on which a passage begins; None if its document has no pages."""
        return page_at(self.pages.get(chunk.source, ()), chunk.start)

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Columns and rows that show each candidate's rank and score in each stage."""
        columns = ["", *self.stages, "source", "passage"]
        rows = []
        for candidate in self.candidates:
            chunk = candidate.chunk
            number = next((n for n, p in enumerate(self.passages, 1) if p.chunk.id == chunk.id), None)
            mark = f"S{number}" if number else "twin" if candidate.twin else ""
            places = [candidate.places.get(stage) for stage in self.stages]
            cells = [f"{place.rank}. {place.score:.4f}" if place else "–" for place in places]
            rows.append([mark, *cells, chunk.source, " ".join(chunk.text.split())[:60]])
        return columns, rows

    def as_dict(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {
            "question": self.question, "plan": asdict(self.plan),
            "passages": [
                {**asdict(p.chunk), "page": self.page(p.chunk), "similarity": round(p.similarity, 4)}
                for p in self.passages
            ],
            "candidates": [
                {"id": c.chunk.id, "twin": c.twin, "places": {s: asdict(p) for s, p in c.places.items()}}
                for c in self.candidates
            ],
            "times": {step: round(seconds, 5) for step, seconds in self.times.items()},
        }  # fmt: skip
