"""How the reader's weights and threshold were chosen: all of them tried on the development questions.

    python -m level2_prompting.fit_reader

For each question of the frozen corpus' development half, and of the ten articles, the reader gets the
passages that the chosen search really brings. Points count: one where the answer is quoted, one more where it
is quoted first, two where there is none and it says so, and a quarter off for each quote beside the point.
Of the constants within 3 % of the most points, those that decline the fewest questions with an answer are
written by hand into shared/service/engines/reader.py. All figures are on the questions that were fitted on,
so they look better than they would on new ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from level2_prompting import corpus, frozen, questions
from level2_prompting.claims import numbered
from level2_prompting.corpus import Article
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
    """What constants reach.

    Attributes:
        first: questions whose answer is quoted first; quoted: those where it is quoted at all.
        stray: quotes beside the point, for questions that have an answer.
    """

    weights: Weights
    threshold: float
    margin: float
    first: int
    quoted: int
    stray: int
    abstained_rightly: int
    abstained_wrongly: int

    @property
    def points(self) -> float:
        return self.first + self.quoted + 2 * self.abstained_rightly - self.stray / 4


def cases(corpus: Iterable[Article], asked: Iterable[Question], encoder: Encoder) -> list[Case]:
    """Questions over a corpus with what the reader would see."""
    reader = Reader(encoder)
    snapshot = in_memory(corpus, encoder.encode)
    prepared = Prepared(snapshot.chunks, encoder.encode)
    found = []
    for question in asked:
        passages = staged(snapshot, prepared, encoder.encode, question.text, CHOSEN).passages
        by_id = numbered(passages)
        sources = [Source(name, p.chunk.text, p.heading) for name, p in zip(by_id, passages, strict=True)]
        evidence = reader.evidence(question.text, sources)
        right = frozenset(e.text for e in evidence if answers(question, e, by_id[e.source]))
        found.append(Case(question, evidence, right))
    return found


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
    first = quoted = stray = rightly = wrongly = 0
    for case in found:
        chosen = [piece.text for piece in choose(case.evidence, weights, threshold, margin)]
        first += bool(chosen) and chosen[0] in case.right
        quoted += not case.right.isdisjoint(chosen)
        stray += sum(text not in case.right for text in chosen) if case.question.answerable else 0
        rightly += not chosen and not case.question.answerable
        wrongly += not chosen and case.question.answerable
    return Score(weights, threshold, margin, first, quoted, stray, rightly, wrongly)


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
    encoder = Encoder.load()
    found = cases(frozen.articles(), frozen.questions("development"), encoder)
    found += cases(corpus.articles(), questions.questions(), encoder)
    tried = [score(found, *constants) for constants in grid()]
    near = [s for s in tried if s.points >= 0.97 * max(s.points for s in tried)]
    best = sorted(near, key=lambda s: (s.abstained_wrongly, -s.points))[:8]
    answerable = sum(case.question.answerable for case in found)
    reachable = sum(bool(case.right) for case in found)
    print(
        f"{answerable} answerable questions, {reachable} with the answer among {CHOSEN.k} passages; "
        f"{len(found) - answerable} unanswerable ones. Best first, in use last."
    )
    rows = [
        (
            s.weights, s.threshold, s.margin, s.points, s.first, s.quoted, s.stray,
            s.abstained_rightly, s.abstained_wrongly,
        )
        for s in [*best, score(found, WEIGHTS, THRESHOLD, MARGIN)]
    ]  # fmt: skip
    heads = (
        "weights",
        "threshold",
        "margin",
        "points",
        "first",
        "quoted",
        "stray",
        "declined rightly",
        "wrongly",
    )
    print(table(heads, rows))


if __name__ == "__main__":
    main()
