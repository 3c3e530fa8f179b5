"""Another process that indexes: `python index_worker.py FOLDER [builds]`. Prints a line a build.

Build number n holds documents whose every passage says "build n". Without a number it goes on until killed.
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

from word_vectors import WordVectors

from level2_prompting.documents import Document
from level2_prompting.index import Index

TOPICS = ("tide", "harbour", "storm", "lantern", "bridge", "ferry")


def documents(build: int) -> list[Document]:
    """Six documents on six topics, each of eight passages."""
    return [Document(f"{topic}.md", _text(topic, build)) for topic in TOPICS]


def _text(topic: str, build: int) -> str:
    return "\n\n".join(f"# {topic} {n}\n\nThe {topic} of build {build}, part {n}." for n in range(8))


if __name__ == "__main__":
    index = Index(Path(sys.argv[1]), "local", WordVectors())
    wanted = range(1, int(sys.argv[2]) + 1) if len(sys.argv) > 2 else itertools.count(1)
    for number in wanted:
        index.build(documents(number))
        print(number, flush=True)
