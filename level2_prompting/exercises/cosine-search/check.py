"""Cases of `cosine-search`. The oracle is scipy in float64; at the end level 2's passages and questions."""

from __future__ import annotations

from collections.abc import Iterator
from math import comb
from pathlib import Path
from types import ModuleType

import numpy as np
from scipy.spatial.distance import cdist

from level1_api.score import normalise
from level2_prompting.corpus import articles
from level2_prompting.evaluate import relevant, retrieval_scores
from level2_prompting.questions import Question, questions
from level2_prompting.split import Chunk, split
from shared.errors import LadderError
from shared.study import Case, raised

VECTORS = Path(__file__).with_name("vectors") / "vectors.npz"  # by make_vectors.py beside it
K = 5


def cases(work: ModuleType, rng: np.random.Generator) -> Iterator[Case]:
    question, passages = np.array([1.0, 0.0]), np.array([[0.0, 9.0], [5.0, 5.0], [-2.0, 0.0], [0.1, 0.0]])
    yield Case(
        "four passages, long and short",
        call="cosines",
        args=(question, passages),
        expected=_cosines(question, passages),
        tolerance=1e-12,  # float64: the last digits
        mistakes={
            "dot-product": passages @ question,
            "one-length": passages @ question / (np.linalg.norm(passages) * np.linalg.norm(question)),
        },
    )
    with_zero = np.array([[-1.0, 1.0], [0.0, 0.0], [3.0, 4.0]])
    yield Case(
        "a passage of zeros, such as an empty text may give",
        call="cosines",
        args=(question, with_zero),
        expected=_cosines(question, with_zero),
        tolerance=1e-12,
        mistakes={"zero-vector": lambda got: bool(np.isnan(got).any())},
    )
    yield _best("the two best of five", np.array([0.1, 0.7, -0.4, 0.9, 0.3]), 2)
    # many, since numpy sorts a small part while it parts it
    yield _best("the 1,000 best of 5,000 scores drawn at random", rng.standard_normal(5000), 1000)
    scores = rng.standard_normal(3)
    yield Case(
        "nine of three",
        call="best",
        given=f"best({scores.round(2).tolist()}, k=9)",
        expected=np.argsort(-scores),
        run=lambda work: raised(lambda: work.best(scores.copy(), 9)),
        mistakes={"k-too-large": "ValueError"},
    )

    drawn = rng.standard_normal((1000, 384)) * rng.uniform(0.1, 10, (1000, 1))
    drawn[rng.integers(1000)] = 0
    asked = rng.standard_normal(384)
    exact = _cosines(asked, drawn)
    yield Case(
        "1,000 vectors drawn at random, of many lengths",
        call="search",
        args=(asked.astype(np.float32), drawn.astype(np.float32), 10),
        given="float32 vectors (1000, 384), k=10",
        expected=[(int(place), float(exact[place])) for place in np.argsort(-exact)[:10]],
        tolerance=1e-5,  # float32 has seven digits, and 384 products are added up
    )
    yield _real()


def _cosines(question: np.ndarray, passages: np.ndarray) -> np.ndarray:
    """(N,) by scipy, whose cosine with a vector of zeros is NaN."""
    return np.nan_to_num(1 - cdist(question[None], passages, "cosine")[0])


def _best(title: str, scores: np.ndarray, k: int) -> Case:
    order = np.array(sorted(range(len(scores)), key=lambda place: -scores[place]))
    return Case(
        title,
        call="best",
        args=(scores, k),
        expected=order[:k],
        mistakes={
            "ascending": order[::-1][:k],
            "reversed": order[:k][::-1],
            "unsorted": lambda got: set(got.tolist()) == set(order[:k].tolist()),
        },
    )


def _real() -> Case:
    chunks = [chunk for article in articles() for chunk in split(article.text, article.name)]
    asked = [question for question in questions() if question.answerable]
    kept = np.load(VECTORS)
    vectors = dict(zip(kept["texts"].tolist(), kept["vectors"], strict=True))
    try:
        passages = np.stack([vectors[chunk.text] for chunk in chunks])
        exact = retrieval_scores(lambda texts: np.stack([vectors[text] for text in texts])).hit_at_5
    except KeyError as error:
        raise LadderError(
            f"{VECTORS.name} has no vector of {error}.", f"python {VECTORS.with_name('make_vectors.py')}"
        ) from None

    def hits(work: ModuleType) -> float:
        found = [work.search(vectors[question.text], passages.copy(), K) for question in asked]
        return _share([[chunks[place] for place, _ in places] for places in found], asked)

    return Case(
        "the 40 questions of level 2 over its 96 passages: how many are answered among the first five",
        call="search",
        run=hits,
        given="the vectors of the encoder in the box, k=5",
        expected=exact,
        tolerance=1 / len(asked),  # float32 may swap two passages that are all but equally near
        measures=lambda got: {
            "hit_at_5": got,
            "chance": _chance(chunks, asked),
            "baseline": _share([_by_words(question, chunks) for question in asked], asked),
        },
    )


def _share(found: list[list[Chunk]], asked: list[Question]) -> float:
    """hit@5: the share of questions with a passage among those found that answers it."""
    return float(np.mean([any(relevant(q, c) for c in five) for q, five in zip(asked, found, strict=True)]))


def _chance(chunks: list[Chunk], asked: list[Question]) -> float:
    """What five passages drawn blindly reach: one minus the chance that all five are beside the point."""
    beside = [sum(not relevant(question, chunk) for chunk in chunks) for question in asked]
    return float(np.mean([1 - comb(count, K) / comb(len(chunks), K) for count in beside]))


def _by_words(question: Question, chunks: list[Chunk]) -> list[Chunk]:
    """The five passages that share most words with the question."""
    words = set(normalise(question.text).split())
    return sorted(chunks, key=lambda chunk: -len(words & set(normalise(chunk.text).split())))[:K]
