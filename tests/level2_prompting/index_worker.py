"""Another process at the index, and what it may never see.

    python index_worker.py build FOLDER [BUILDS]        # prints a line a build; without a number until killed
    python index_worker.py work FOLDER SEED OPERATIONS  # builds and searches at random

Build number n holds documents whose every passage says "build n".
"""

from __future__ import annotations

import itertools
import random
import re
import sys
from pathlib import Path

from word_vectors import WordVectors

from level2_prompting.documents import Document
from level2_prompting.index import Index
from level2_prompting.plan import Plan
from level2_prompting.stages import search

TOPICS = ("tide", "harbour", "storm", "lantern", "bridge", "ferry")


def documents(build: int) -> list[Document]:
    """Six documents on six topics, each of eight passages."""
    return [Document(f"{topic}.md", _text(topic, build)) for topic in TOPICS]


def _text(topic: str, build: int) -> str:
    return "\n\n".join(f"# {topic} {n}\n\nThe {topic} of build {build}, part {n}." for n in range(8))


def changed(build: int) -> list[Document]:
    """The same documents, of which a new build changes some: the first always, the sixth every sixth time."""
    return [Document(f"{t}.md", _text(t, build - build % n)) for n, t in enumerate(TOPICS, 1)]


def work(index: Index, seed: int, operations: int) -> tuple[int, int]:
    """Build and search at random; fails at the first answer that is stale, or of two builds.

    Returns:
        how many builds and how many searches there were.
    """
    rng = random.Random(seed)
    builds = searches = 0
    for number in range(operations):
        if rng.random() < 0.2:
            index.build(changed(1000 * seed + number))
            builds += 1
        else:
            _look(index, rng)
            searches += 1
    return builds, searches


def _look(index: Index, rng: random.Random) -> None:
    """One search, judged by what the pointer said before and after it."""
    before = index.manifest()
    if rng.random() < 0.3:
        whole = index.snapshot()
        chunks, texts = list(whole.chunks), whole.texts
        assert len(chunks) == 48
    else:
        k, topic = rng.choice([1, 6, 48]), rng.choice(TOPICS)
        in_stages = rng.random() < 0.5
        plan = Plan(k=k, bm25=rng.random() < 0.5, context=True, distinct=1)
        found = search(index, topic, plan, "local") if in_stages else index.search(topic, k)
        chunks, texts = [passage.chunk for passage in found.passages], found.texts
        assert len(chunks) == k
    after = index.manifest()
    assert before and after
    assert all(texts[chunk.source][chunk.start : chunk.end] == chunk.text for chunk in chunks)
    held = {name: Document(name, text).digest for name, text in texts.items()}
    if before == after:
        assert held.items() <= before.documents.items(), "an answer is stale"
    seen = {int(n) for text in held_first(texts) for n in re.findall(r"build (\d+)", text)}
    assert len(seen) <= 1, "an answer is of two builds"
    for build in seen:
        expected = {d.name: d.digest for d in changed(build)}
        assert held.items() <= expected.items(), "an answer is of two builds"


def held_first(texts: dict[str, str]) -> list[str]:
    """The document that every build changes, if it is there: it tells which build this is."""
    return [texts[f"{TOPICS[0]}.md"]] if f"{TOPICS[0]}.md" in texts else []


if __name__ == "__main__":
    kind, folder, *rest = sys.argv[1:]
    here = Index(Path(folder), "local", WordVectors())
    if kind == "work":
        print(*work(here, *map(int, rest)))
    else:
        for number in range(1, int(rest[0]) + 1) if rest else itertools.count(1):
            here.build(documents(number))
            print(number, flush=True)
