"""How the reader's weights and threshold were chosen: all of them tried on the development questions.

    python -m level2_prompting.fit_reader

For each question the reader gets the four passages that retrieval really brings. An answer is right if its
first quote is the sentence that answers, or if there is none and it says so. What was chosen is written by
hand into shared/service/engines/reader.py: of the constants that have at most one fewer right than the best,
those that decline the fewest questions that can be answered. All figures are on the questions that were
fitted on, so they look better than they would on new ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from level2_prompting.corpus import articles
from level2_prompting.prove import locate
from level2_prompting.questions import Question, questions
from level2_prompting.split import Chunk, split
from shared.encoder import Encoder
from shared.service.engines.reader import THRESHOLD, WEIGHTS, Evidence, Reader, choose
from shared.tables import table

K = 4
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
    first: int
    quoted: int
    abstained_rightly: int
    abstained_wrongly: int

    @property
    def right(self) -> int:
        return self.first + self.abstained_rightly


def cases() -> list[Case]:
    """All development questions with what the reader would see."""
    encoder = Encoder.load()
    reader = Reader(encoder)
    chunks = [chunk for article in articles() for chunk in split(article.text, article.name)]
    passages = encoder.encode([chunk.text for chunk in chunks])  # (C, 384)
    found = []
    for question in questions():
        nearest = np.argsort(-(passages @ encoder.encode([question.text])[0]), kind="stable")[:K]
        by_id = {f"S{number}": chunks[index] for number, index in enumerate(nearest, 1)}
        evidence = reader.evidence(question.text, [(name, chunk.text) for name, chunk in by_id.items()])
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


def score(found: list[Case], weights: Weights, threshold: float) -> Score:
    """What these constants reach on the cases."""
    first = quoted = rightly = wrongly = 0
    for case in found:
        chosen = [piece.text for piece in choose(case.evidence, weights, threshold)]
        first += bool(chosen) and chosen[0] in case.right
        quoted += not case.right.isdisjoint(chosen)
        rightly += not chosen and not case.question.answerable
        wrongly += not chosen and case.question.answerable
    return Score(weights, threshold, first, quoted, rightly, wrongly)


def grid() -> Iterator[tuple[Weights, float]]:
    """Weights in tenths that sum to 1, thresholds in steps of 0.02."""
    for meaning in range(11):
        for passage in range(11 - meaning):
            for threshold in np.arange(0.2, 0.71, 0.02):
                words = 10 - meaning - passage
                yield (meaning / 10, passage / 10, words / 10), round(float(threshold), 2)


def main() -> None:
    """Print the best constants, and what those in use reach."""
    found = cases()
    tried = [score(found, weights, threshold) for weights, threshold in grid()]
    most = max(s.right for s in tried)
    near = [s for s in tried if s.right >= most - 1]
    best = sorted(near, key=lambda s: (s.abstained_wrongly, -s.right, -s.quoted))[:8]
    answerable = sum(case.question.answerable for case in found)
    reachable = sum(bool(case.right) for case in found)
    print(
        f"{answerable} answerable questions, {reachable} with the answer among {K} passages; "
        f"{len(found) - answerable} unanswerable ones. At most {most} are right. Best first, in use last."
    )
    rows = [
        (s.weights, s.threshold, s.right, s.first, s.quoted, s.abstained_rightly, s.abstained_wrongly)
        for s in [*best, score(found, WEIGHTS, THRESHOLD)]
    ]
    heads = ("weights", "threshold", "right", "first", "quoted", "abstained rightly", "wrongly")
    print(table(heads, rows))


if __name__ == "__main__":
    main()
