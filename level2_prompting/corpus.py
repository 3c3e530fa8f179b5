"""The small corpus of this level: ten short articles on working with AI, written for this project."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

FOLDER = Path(__file__).parent / "articles"


@dataclass(frozen=True)
class Article:
    """One document: its file's name, its title, its whole text, and where it is."""

    name: str
    title: str
    text: str
    path: Path


@lru_cache
def articles() -> tuple[Article, ...]:
    """The articles by name. Their first line is `# Title`."""
    return tuple(_read(path) for path in sorted(FOLDER.glob("*.md")))


def _read(path: Path) -> Article:
    text = path.read_text(encoding="utf-8")
    return Article(path.name, text.partition("\n")[0].removeprefix("# "), text, path)
