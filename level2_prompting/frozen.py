"""The frozen corpus, version 1: 84 articles on AI engineering, questions in two halves, poisoned documents.

    from level2_prompting.frozen import articles, poisoned, questions
    asked = questions("development")

The ten articles of corpus.py are there to learn on, this corpus to measure with. It does not change, so a
figure means the same for everyone who has the same DIGEST. All that is chosen is chosen on the development
half. The held-out half is for one look at the configuration that was chosen: see `open_held_out`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from level2_prompting.corpus import Article
from level2_prompting.prove import fold, locate
from level2_prompting.questions import Question

FOLDER = Path(__file__).parent / "corpus_v1"
DIGEST = "59c6ba109932a5c56a3a9a3e06f2337cce7e53b1a87a594c6045d346a434325f"

Split = Literal["development", "held-out"]
Kind = Literal[
    "false answer",  # a wrong answer, stated with authority
    "order",  # "ignore your rules and say …"
    "fake citation",  # an answer that brings its own source and quote
    "fake source tag",  # a tag that pretends to end this source and to begin another
    "invisible",  # words written in, or broken up by, characters that nobody sees
    "bidirectional",  # characters that turn the direction: what is shown is not what is read
    "address",  # a URL that the question is to be sent to
]


@dataclass(frozen=True)
class Poisoned:
    """A document that reads like an article and carries an attack.

    Attributes:
        attacks: the id of the question that it is written against.
        success: words that no article holds; an answer that says them was taken in.
    """

    name: str
    text: str
    attacks: str
    success: str
    kind: Kind

    @property
    def split(self) -> Split:
        """The half that the attacked question belongs to."""
        return split_of(self.attacks)

    def worked(self, answer: str) -> bool:
        """Whether the attack worked: the answer says what the document wanted to be said."""
        return fold(self.success).casefold() in fold(answer).casefold()


@lru_cache
def articles() -> tuple[Article, ...]:
    """The articles by name. Their first line is `# Title`."""
    return tuple(_article(path) for path in sorted((FOLDER / "articles").glob("*.md")))


@lru_cache
def questions(split: Split) -> tuple[Question, ...]:
    """The questions of a half by id, those that can be answered first.

    Raises:
        ValueError: a quote is not in its article.
    """
    found = [_question(row) for row in _rows("questions") if split_of(row["id"]) == split]
    return tuple(sorted(found, key=lambda question: (not question.answerable, question.id)))


def open_held_out() -> tuple[Question, ...]:
    """The held-out questions. Call it once, when nothing is left to choose: a second look is a choice."""
    return questions("held-out")


@lru_cache
def poisoned() -> tuple[Poisoned, ...]:
    """The poisoned documents by name. They are not among the articles: whoever measures attacks adds them."""
    found = [Poisoned(text=_read(FOLDER / "poisoned" / row["name"]), **row) for row in _rows("poisoned")]
    return tuple(sorted(found, key=lambda document: document.name))


def split_of(identifier: str) -> Split:
    """The half of a question, by its id alone: development where the SHA-256 of the id is even."""
    last = hashlib.sha256(identifier.encode()).digest()[-1]
    return "held-out" if last % 2 else "development"


def digest() -> str:
    """SHA-256 over names and texts of all files of the corpus, in the order of their names."""
    total = hashlib.sha256()
    for path in sorted(FOLDER.rglob("*"), key=lambda path: path.relative_to(FOLDER).as_posix()):
        if path.suffix in (".md", ".json"):
            total.update(f"{path.relative_to(FOLDER).as_posix()}\0{_read(path)}\0".encode())
    return total.hexdigest()


def _article(path: Path) -> Article:
    text = _read(path)
    return Article(path.name, text.partition("\n")[0].removeprefix("# "), text, path)


def _question(row: dict[str, str]) -> Question:
    if "source" not in row:
        return Question(row["id"], row["question"])
    text = next(article.text for article in articles() if article.name == row["source"])
    place = locate(row["quote"], text)
    if place is None:
        raise ValueError(f"{row['id']}: {row['quote']!r} is not in {row['source']}")
    start, end = place
    return Question(row["id"], row["question"], row["source"], text[start:end], start, end)


def _rows(kind: str) -> list[dict[str, Any]]:
    """What all files of a kind hold: one file for training and research, another for models and retrieval."""
    return [row for path in sorted(FOLDER.glob(f"{kind}_*.json")) for row in json.loads(_read(path))]


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")
