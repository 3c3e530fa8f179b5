"""How the reader's weights and threshold were chosen: all of them tried on the development questions.

    python -m level2_prompting.fit_reader

For each question of the frozen corpus' development half the reader gets the passages that the chosen search
really brings. Points count: one where the answer is quoted, one more where it is quoted first, two where
there is none and it says so. The constants with most points, and of those the ones that decline the fewest
questions that can be answered, are written by hand into shared/service/engines/reader.py. All figures are on
the questions that were fitted on, so they look better than they would on new ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from level2_prompting import frozen
from level2_prompting.claims import numbered
from level2_prompting.evaluate import in_memory
from level2_prompting.plan import CHOSEN
from level2_prompting.prepared import Prepared
from level2_prompting.prove import locate
from level2_prompting.questions import Question
from level2_prompting.split import Chunk
from level2_prompting.stages import staged
from shared.encoder import Encoder
from shared.grounding import Source
from shared.service.engines.reader import MARGIN, THRESHOLD, WEIGHTS, Evidence, Reader, choose
from shared.tables import table

Weights = tuple[float, float, float]


@dataclass(frozen=True)
class Case:
    """A question, the evidence that the reader has, and the sentences among it that answer."""

    question: Question
    evidence: list[Evidence]
    right: frozenset[str]


@dataclass(frozen=True)
class Score:
    """What constants reach. `first` counts right sentences quoted first, `quoted` those quoted at all."""

    weights: Weights
    threshold: float
    margin: float
    first: int
    quoted: int
    abstained_rightly: int
    abstained_wrongly: int

    @property
    def points(self) -> int:
        return self.first + self.quoted + 2 * self.abstained_rightly


def cases() -> list[Case]:
    """All development questions with what the reader would see."""
    encoder = Encoder.load()
    reader = Reader(encoder)
    corpus = in_memory(frozen.articles(), encoder.encode)
    prepared = Prepared(corpus.chunks, encoder.encode)
    cases = []
    for question in frozen.questions("development"):
        passages = staged(corpus, prepared, encoder.encode, question.text, CHOSEN).passages
        by_id = numbered(passages)
        sources = [Source(name, p.chunk.text, p.heading) for name, p in zip(by_id, passages, strict=True)]
        evidence = reader.evidence(question.text, sources)
        right = frozenset(e.text for e in evidence if answers(question, e, by_id[e.source]))
        cases.append(Case(question, evidence, right))
    return cases


def answers(question: Question, evidence: Evidence, chunk: Chunk) -> bool:
    """Whether a sentence overlaps by half (of the shorter) with the words that answer the question."""
    place = locate(evidence.text, chunk.text)
    if place is None or chunk.source != question.source:
        return False
    start, end = chunk.start + place[0], chunk.start + place[1]
    shared = min(end, question.end) - max(start, question.start)
    return 2 * shared >= min(end - start, question.end - question.start)


def score(found: list[Case], weights: Weights, threshold: float, margin: float) -> Score:
    """What these constants reach on the cases."""
    first = quoted = rightly = wrongly = 0
    for case in found:
        chosen = [piece.text for piece in choose(case.evidence, weights, threshold, margin)]
        first += bool(chosen) and chosen[0] in case.right
        quoted += not case.right.isdisjoint(chosen)
        rightly += not chosen and not case.question.answerable
        wrongly += not chosen and case.question.answerable
    return Score(weights, threshold, margin, first, quoted, rightly, wrongly)


def grid() -> Iterator[tuple[Weights, float, float]]:
    """Weights in tenths that sum to 1, thresholds in steps of 0.02, margins of 0.02, 0.05 and 0.1."""
    for meaning in range(11):
        for passage in range(11 - meaning):
            for threshold in np.arange(0.3, 0.61, 0.02):
                for margin in (0.02, 0.05, 0.1):
                    words = 10 - meaning - passage
                    weights = (meaning / 10, passage / 10, words / 10)
                    yield weights, round(float(threshold), 2), margin


def main() -> None:
    """Print the best constants, and what those in use reach."""
    found = cases()
    tried = [score(found, *constants) for constants in grid()]
    best = sorted(tried, key=lambda s: (-s.points, s.abstained_wrongly))[:8]
    answerable = sum(case.question.answerable for case in found)
    reachable = sum(bool(case.right) for case in found)
    print(
        f"{answerable} answerable questions, {reachable} with the answer among {CHOSEN.k} passages; "
        f"{len(found) - answerable} unanswerable ones. Best first, in use last."
    )
    rows = [
        (
            s.weights, s.threshold, s.margin, s.points, s.first, s.quoted, s.abstained_rightly,
            s.abstained_wrongly,
        )
        for s in [*best, score(found, WEIGHTS, THRESHOLD, MARGIN)]
    ]  # fmt: skip
    heads = ("weights", "threshold", "margin", "points", "first", "quoted", "abstained rightly", "wrongly")
    print(table(heads, rows))


if __name__ == "__main__":
    main()
