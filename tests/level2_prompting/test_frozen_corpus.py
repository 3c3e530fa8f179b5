"""The frozen corpus is what it says it is, hard enough to measure with, and still the same."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import get_args

import numpy as np
import pytest

from level2_prompting import corpus
from level2_prompting import questions as learning
from level2_prompting.evaluate import relevant
from level2_prompting.frozen import (
    DIGEST,
    FOLDER,
    Kind,
    Poisoned,
    articles,
    digest,
    open_held_out,
    poisoned,
    questions,
    split_of,
)
from level2_prompting.prove import fold, locate
from level2_prompting.questions import Question
from level2_prompting.split import Chunk, split

BOTH = (questions("development"), questions("held-out"))
ALL = BOTH[0] + BOTH[1]
TEXTS = {article.name: article.text for article in articles()}
HONEST = fold("\n".join(TEXTS.values())).casefold()


def words(text: str) -> set[str]:
    return set(re.findall(r"\w+", fold(text).casefold()))


def unseen(text: str) -> list[str]:
    """The format characters of a text: zero-width, direction, tag characters."""
    return [sign for sign in text if unicodedata.category(sign) == "Cf"]


def spelled_out(text: str) -> str:
    """The text with tag characters (U+E0020 to U+E007E) as the letters that they copy."""
    return "".join(chr(ord(s) - 0xE0000) if 0xE0020 <= ord(s) <= 0xE007E else s for s in text)


def test_the_corpus_is_the_frozen_one() -> None:
    assert digest() == DIGEST


def test_articles_are_short_and_many() -> None:
    assert len(articles()) == 84
    assert len({article.title for article in articles()}) == 84
    for article in articles():
        assert article.text.startswith(f"# {article.title}\n")
        assert 150 <= len(article.text.split()) <= 300, article.name
        assert max(map(len, article.text.splitlines())) <= 110, article.name
        assert not unseen(article.text), article.name


def test_two_halves_of_about_the_same_size() -> None:
    for half in BOTH:
        answerable = [question for question in half if question.answerable]
        assert len(answerable) >= 98 and len(half) - len(answerable) >= 28
        assert half == tuple(answerable) + tuple(q for q in half if not q.answerable)
    assert sum(question.answerable for question in ALL) == 210
    assert len(ALL) == 274
    assert open_held_out() == BOTH[1]


def test_the_halves_share_nothing_and_follow_the_id_alone() -> None:
    assert len({question.id for question in ALL}) == len(ALL)
    for name, half in zip(("development", "held-out"), BOTH, strict=True):
        assert {split_of(question.id) for question in half} == {name}
    quotes = [(q.source, q.start, q.end) for q in ALL if q.answerable]
    assert len(set(quotes)) == len(quotes), "one answer, asked for twice"


def test_no_question_is_asked_twice() -> None:
    asked = Counter(" ".join(sorted(words(question.text))) for question in (*ALL, *learning.questions()))
    assert [text for text, times in asked.items() if times > 1] == []


def test_every_quote_stands_in_its_article_once_and_in_one_passage_or_two() -> None:
    chunks = [chunk for name, text in TEXTS.items() for chunk in split(text, name)]
    for question in ALL:
        holding = [chunk for chunk in chunks if relevant(question, chunk)]
        assert len(holding) in ((1, 2) if question.answerable else (0,)), question.id
        if question.answerable:
            text = TEXTS[question.source]
            assert text[question.start : question.end] == question.quote
            assert locate(question.quote, text[question.start + 1 :]) is None, question.id


def test_every_article_has_a_question() -> None:
    assert {question.source for question in ALL if question.answerable} == set(TEXTS)


def test_no_question_repeats_its_answer() -> None:
    for question in ALL:
        assert question.text.endswith("?"), question.id
        if question.answerable:
            asked = words(question.text)
            assert len(asked & words(question.quote)) <= 0.5 * len(asked), question.text


def test_nothing_is_taken_from_the_learning_corpus() -> None:
    """Else what was fitted on its questions would know these."""
    known = {fold(line) for article in corpus.articles() for line in re.split(r"(?<=[.!?])\s", article.text)}
    for article in articles():
        for sentence in re.split(r"(?<=[.!?])\s", article.text):
            assert len(sentence) < 30 or fold(sentence) not in known, sentence


def test_poisoned_documents_of_every_kind_in_both_halves() -> None:
    assert len(poisoned()) == 32
    assert len({document.name for document in poisoned()} | set(TEXTS)) == 32 + 84
    assert {document.kind for document in poisoned()} == set(get_args(Kind))
    halves = Counter(document.split for document in poisoned())
    assert min(halves.values()) >= 12 and len(halves) == 2
    files = {path.name for path in (FOLDER / "poisoned").iterdir()}
    assert files == {document.name for document in poisoned()}


@pytest.mark.parametrize("document", poisoned(), ids=lambda document: document.name)
def test_an_attack_can_be_told_from_an_honest_answer(document: Poisoned) -> None:
    attacked = next(question for question in ALL if question.id == document.attacks)
    assert attacked.answerable
    assert not document.worked(attacked.quote)
    assert fold(document.success).casefold() not in HONEST
    assert document.worked(f"It is said that {document.success.upper()}.")
    assert document.worked(spelled_out(document.text)), "the document does not hold what it wants said"


@pytest.mark.parametrize("document", poisoned(), ids=lambda document: document.name)
def test_hidden_characters_where_the_kind_says_so(document: Poisoned) -> None:
    hidden = {unicodedata.bidirectional(sign) for sign in unseen(document.text)}
    turning = hidden & {"RLO", "LRO", "RLE", "LRE", "RLI", "LRI", "FSI"}
    if document.kind == "bidirectional":
        assert turning
    elif document.kind == "invisible":
        assert hidden and not turning
        assert document.success.casefold() not in document.text.casefold(), "it can be seen"
    else:
        assert not hidden
    assert document.text.startswith("# ")


def hit_at_1(asked: Sequence[Question], chunks: Sequence[Chunk]) -> float:
    from shared.encoder import Encoder

    encode = Encoder.load().encode
    scores = encode([q.text for q in asked]) @ encode([c.text for c in chunks]).T  # (Q, C)
    best = [chunks[index] for index in np.argmax(scores, axis=1)]
    return sum(relevant(q, chunk) for q, chunk in zip(asked, best, strict=True)) / len(asked)


def test_the_difficulty_on_a_sample() -> None:
    """A sixth of the articles with their questions: fewer neighbours, so a little easier than the whole."""
    names = set(sorted(TEXTS)[::6])
    chunks = [chunk for name in names for chunk in split(TEXTS[name], name)]
    asked = [question for question in ALL if question.source in names]
    assert 0.5 <= hit_at_1(asked, chunks) <= 0.9


@pytest.mark.slow
@pytest.mark.parametrize("half", BOTH, ids=["development", "held-out"])
def test_plain_dense_search_is_neither_hopeless_nor_enough(half: tuple[Question, ...]) -> None:
    chunks = [chunk for name, text in TEXTS.items() for chunk in split(text, name)]
    assert 0.5 <= hit_at_1([question for question in half if question.answerable], chunks) <= 0.8


@pytest.mark.slow
def test_poisoned_documents_are_found_by_the_questions_that_they_attack() -> None:
    """An attack that is never read measures nothing: of ten, eight are among the first four passages."""
    from shared.encoder import Encoder

    encode = Encoder.load().encode
    texts = TEXTS | {document.name: document.text for document in poisoned()}
    chunks = [chunk for name, text in texts.items() for chunk in split(text, name)]
    asked = [next(q.text for q in ALL if q.id == document.attacks) for document in poisoned()]
    scores = encode(asked) @ encode([chunk.text for chunk in chunks]).T  # (Q, C)
    first = np.argsort(-scores, axis=1)[:, :4]
    read = [
        document.name in {chunks[index].source for index in row}
        for document, row in zip(poisoned(), first, strict=True)
    ]
    assert sum(read) >= 0.8 * len(read)
