"""Cases of `retrieval-gate`: what any good ranking does, then questions about articles that were not shown.

The questions are development questions of the frozen corpus; the held-out half stays closed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import comb
from types import ModuleType

import numpy as np

from level1_api.score import normalise
from level2_prompting.evaluate import relevant
from level2_prompting.frozen import articles, questions
from level2_prompting.questions import Question
from level2_prompting.split import Chunk, split
from shared.study import Case

K = 5
SHOWN = 3  # every third article is the learner's to try things on
SEA = [
    "The king.",
    "Sea, moved by moons.",
    "A ferry leaves at noon.",
    "",
    "The keeper of the light is out of oil.",
]
MOON = [
    "Moon, moon, moon, moon, moon, moon, moon and moon.",
    "A moon can raise tides in any ocean.",
    "A ferry leaves at noon.",
    "Light comes from oil.",
    "Sand is small stone.",
]
OIL = [
    "The sum of the parts is the end of the matter.",
    "It is the end of the line for the king of the hill.",
    "Is the middle of the road the end of the tour?",
    "Oil lasts.",
    "The start of the week is the end of the rest.",
]


def cases(work: ModuleType, rng: np.random.Generator) -> Iterator[Case]:
    yield _first("one passage shares a word", "Why do sailors love ferry food?", SEA, 2, "ascending")
    yield _first("capitals and full stops", "Describe SEA.", SEA, 1, "signs-and-case")
    yield _first("one word again and again", "Does the moon raise ocean tides?", MOON, 1, "repeats")
    yield _first("one rare word, several common ones", "What is the use of the oil?", OIL, 3, "common-words")
    yield _hidden(rng)


def _first(title: str, question: str, passages: list[str], best: int, likely: str) -> Case:
    """All passages are to be listed, the best of them first; where another is, the mistake is a known one."""
    numbers = list(range(len(passages)))
    return Case(
        title,
        call="rank",
        args=(question, passages),
        expected=f"the numbers 0 to {numbers[-1]}, {best} first",
        holds=lambda got: sorted(got) == numbers and got[0] == best,
        mistakes={
            "gives-passages": lambda got: set(got) <= set(passages),
            "leaves-out": lambda got: len(got) < len(passages),
            likely: lambda got: got[0] != best,
        },
    )


def _hidden(rng: np.random.Generator) -> Case:
    hidden = [article for place, article in enumerate(articles()) if place % SHOWN]
    listed = [chunk for article in hidden for chunk in split(article.text, article.name)]
    chunks = [listed[place] for place in rng.permutation(len(listed))]  # the order tells nothing
    sources = {article.name for article in hidden}
    asked = [question for question in questions("development") if question.source in sources]
    texts = [chunk.text for chunk in chunks]
    baseline = _share([_by_words(question.text, texts) for question in asked], asked, chunks)

    def hits(work: ModuleType) -> float:
        return _share([work.rank(question.text, list(texts)) for question in asked], asked, chunks)

    return Case(
        f"{len(asked)} questions over {len(chunks)} passages: how many are answered among the first five",
        call="rank",
        run=hits,
        given="the passages of 56 articles that your file does not show, in an order drawn at random",
        expected=f"a hit@5 above {baseline:.3f}, which counting shared words reaches",
        holds=lambda got: got > baseline,
        measures=lambda got: {"hit_at_5": got, "chance": _chance(chunks, asked), "baseline": baseline},
    )


def _share(ranked: Sequence[Sequence[int]], asked: Sequence[Question], chunks: Sequence[Chunk]) -> float:
    """hit@5: the share of questions with a passage among the first five that answers it."""
    pairs = zip(ranked, asked, strict=True)
    return float(
        np.mean([any(relevant(question, chunks[n]) for n in found[:K]) for found, question in pairs])
    )


def _chance(chunks: Sequence[Chunk], asked: Sequence[Question]) -> float:
    """What five passages drawn blindly reach: one minus the chance that all five are beside the point."""
    beside = [sum(not relevant(question, chunk) for chunk in chunks) for question in asked]
    return float(np.mean([1 - comb(count, K) / comb(len(chunks), K) for count in beside]))


def _by_words(question: str, texts: Sequence[str]) -> list[int]:
    """The passages that share most words with the question first."""
    words = set(normalise(question).split())
    return sorted(range(len(texts)), key=lambda n: -len(words & set(normalise(texts[n]).split())))
