"""The development questions: 40 that an article answers, and 15 that sound like it and are answered nowhere.

Everything that is chosen (weights, thresholds, the size of a passage) is chosen on these. What is chosen on
them cannot be judged by them: a later, larger corpus holds questions that nobody has looked at.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from level2_prompting.corpus import articles
from level2_prompting.prove import locate

FILE = Path(__file__).parent / "questions.json"


@dataclass(frozen=True)
class Question:
    """One question; where it can be answered, the words of the article that answer it.

    Attributes:
        source: the article's file name; empty if none answers.
        quote: exactly `article.text[start:end]`, line breaks included; empty if none answers.
    """

    id: str
    text: str
    source: str = ""
    quote: str = ""
    start: int = 0
    end: int = 0

    @property
    def answerable(self) -> bool:
        return bool(self.source)


@lru_cache
def questions() -> tuple[Question, ...]:
    """All development questions, those that can be answered first.

    Raises:
        ValueError: a quote is not in its article.
    """
    rows = json.loads(FILE.read_text(encoding="utf-8"))
    return tuple(_question(row) for row in rows)


def _question(row: dict[str, str]) -> Question:
    if not row.get("source"):
        return Question(row["id"], row["question"])
    text = next(article.text for article in articles() if article.name == row["source"])
    place = locate(row["quote"], text)
    if place is None:
        raise ValueError(f"{row['id']}: {row['quote']!r} is not in {row['source']}")
    start, end = place
    return Question(row["id"], row["question"], row["source"], text[start:end], start, end)
