"""What an evaluation measures on: the articles of a corpus, the questions of one half of it, attacks on them.

    material = development("frozen")
    print(len(material.articles), len(material.questions), len(material.attacks))

The development half is for choosing, and measured as often as one likes. The other half is for one look.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

from level2_prompting import corpus, frozen, questions
from level2_prompting.attacks import attacks_on
from level2_prompting.corpus import Article
from level2_prompting.frozen import Poisoned, Split
from level2_prompting.questions import Question

Corpus = Literal["frozen", "articles"]
T = TypeVar("T")


@dataclass(frozen=True)
class Material:
    """What is measured on.

    Attributes:
        digest: a hash of the corpus; figures of another one cannot be compared.
        poisoned: documents that go into an index of their own with the articles.
        attacks: of them those that are tried, each with the question that it attacks.
        whole: whether it is all of the half.
    """

    corpus: Corpus
    split: Split
    digest: str
    articles: tuple[Article, ...]
    questions: tuple[Question, ...]
    poisoned: tuple[Poisoned, ...] = ()
    attacks: tuple[tuple[Poisoned, Question], ...] = ()
    whole: bool = True

    def limited(self, limit: int) -> Material:
        """At most so many questions, and so many attacks, taken evenly from all."""
        asked, tried = _spread(self.questions, limit), _spread(self.attacks, limit)
        return replace(self, questions=asked, attacks=tried, whole=len(asked) == len(self.questions))


def development(name: Corpus) -> Material:
    """The development half of the frozen corpus; or the ten articles, where all is for choosing."""
    if name == "articles":
        found = corpus.articles()
        return Material("articles", "development", _digest(found), found, questions.questions())
    return _half("development", frozen.questions("development"))


def held_out() -> Material:
    """The held-out half of the frozen corpus. It is opened by this: see `frozen.open_held_out`."""
    return _half("held-out", frozen.open_held_out())


def _half(split: Split, asked: tuple[Question, ...]) -> Material:
    attacks = tuple(attacks_on(asked, frozen.poisoned()))
    poisoned = tuple(document for document, _ in attacks)
    return Material("frozen", split, frozen.digest(), frozen.articles(), asked, poisoned, attacks)


def _digest(articles: Sequence[Article]) -> str:
    return hashlib.sha256("\0".join(f"{one.name}\0{one.text}" for one in articles).encode()).hexdigest()


def _spread(items: tuple[T, ...], limit: int) -> tuple[T, ...]:
    """At most `limit` of them, the first and then evenly."""
    count = min(limit, len(items))
    return tuple(items[n * len(items) // count] for n in range(count))
