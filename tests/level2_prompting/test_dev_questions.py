"""The corpus and its questions are what the level says they are."""

from __future__ import annotations

from level2_prompting.corpus import articles
from level2_prompting.evaluate import relevant
from level2_prompting.questions import questions
from level2_prompting.split import split


def test_ten_short_articles_with_headings() -> None:
    assert len(articles()) == 10
    for article in articles():
        assert article.text == article.path.read_text(encoding="utf-8")
        assert article.text.startswith(f"# {article.title}\n")
        assert 350 <= len(article.text.split()) <= 600, article.name
        assert article.text.count("\n## ") >= 4


def test_forty_questions_with_the_words_that_answer_and_fifteen_without() -> None:
    answerable = [question for question in questions() if question.answerable]
    assert (len(answerable), len(questions())) == (40, 55)
    assert len({question.id for question in questions()}) == len({q.text for q in questions()}) == 55
    texts = {article.name: article.text for article in articles()}
    for question in answerable:
        assert texts[question.source][question.start : question.end] == question.quote
        assert question.text.endswith("?")


def test_every_answer_lies_in_one_passage_or_two() -> None:
    chunks = [chunk for article in articles() for chunk in split(article.text, article.name)]
    assert len(chunks) > 80
    for question in questions():
        holding = [chunk for chunk in chunks if relevant(question, chunk)]
        assert len(holding) in ((1, 2) if question.answerable else (0,)), question.id


def test_no_question_repeats_its_answer() -> None:
    """Else finding a passage would be matching words: most words of a question are not in its quote."""
    for question in questions():
        asked, told = (set(text.lower().strip("?.").split()) for text in (question.text, question.quote))
        assert len(asked & told) <= 0.5 * len(asked), question.text
