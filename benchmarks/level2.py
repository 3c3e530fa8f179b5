"""Level 2: how much an index adds to its encoder, how soon it answers, and what it misses.

    python -m benchmarks.level2            # 10,000 passages, some 50,000 texts: half an hour on two cores
    python -m benchmarks.level2 --quick    # 500 passages, a look in about three minutes

Compare ratios, not seconds: they hold when the machine's speed drifts. The result is an MLflow run.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import click
import numpy as np
from langchain_core.embeddings import Embeddings

from level2_prompting.corpus import articles
from level2_prompting.documents import Document
from level2_prompting.incremental import BATCH
from level2_prompting.index import Index
from level2_prompting.selfcheck import recall_of
from level2_prompting.split import Chunk, split
from level2_prompting.stages import Plan, search
from shared.clients import embeddings
from shared.encoder import Encoder
from shared.progress import progress
from shared.stats import bootstrap_ratio, percentile
from shared.tables import number, table

PARAGRAPHS = 25  # of a document
Row = tuple[str, float | None, str]


class Listens(Embeddings):
    """The embedding service, timed; every tenth batch goes to the bare encoder too, in the same moment."""

    def __init__(self) -> None:
        self.service, self.encoder = embeddings("local"), Encoder.load()
        self.forget()
        self.embed_documents(["Both are warm."] * BATCH)  # what follows starts with `forget`

    def forget(self) -> None:
        self.batches = self.texts = 0
        self.served_s = self.bare_s = self.served_beside_s = 0.0

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        began = time.perf_counter()
        vectors = self.service.embed_documents(texts)
        took = time.perf_counter() - began
        if self.batches % 10 == 0:
            self.bare_s += _seconds(partial(self.encoder.encode, texts))
            self.served_beside_s += took
        self.batches, self.texts, self.served_s = (
            self.batches + 1,
            self.texts + len(texts),
            self.served_s + took,
        )
        return vectors

    def embed_query(self, text: str) -> list[float]:
        return self.service.embed_query(text)


def documents(passages: int, rng: np.random.Generator) -> list[Document]:
    """Documents of so many passages, each a paragraph of sentences that are drawn word by word.

    The words are those of the ten articles, as often as they are there; no two sentences are alike.
    """
    counts = Counter(re.findall(r"[a-z]+", " ".join(article.text for article in articles()).lower()))
    words, often = list(counts), np.array(list(counts.values())) / counts.total()

    def sentence() -> str:
        drawn = rng.choice(words, size=rng.integers(9, 20), p=often)
        return " ".join(drawn).capitalize() + "."

    def paragraph(at: int) -> str:
        return f"## Part {at}\n\n" + " ".join(sentence() for _ in range(4))

    return [
        Document(
            f"{first}.md",
            f"# {sentence()}\n\n"
            + "\n\n".join(paragraph(at) for at in range(first, min(first + PARAGRAPHS, passages))),
        )
        for first in range(0, passages, PARAGRAPHS)
    ]


def ingest(index: Index, of: Sequence[Document], heard: Listens) -> list[Row]:
    """A build from nothing over the same texts embedded and nothing else; then a build with one change."""
    heard.forget()
    with progress("Indexing") as advance:
        began = time.perf_counter()
        manifest = index.build(of, advance)
        whole_s = time.perf_counter() - began - heard.bare_s
    texts, served_s = heard.texts, heard.served_s
    bare_s = served_s * heard.bare_s / heard.served_beside_s
    heard.forget()
    changed = [Document(of[0].name, of[0].text + "\n\nOne more paragraph.\n"), *of[1:]]
    with progress("Indexing again, one document changed") as advance:
        again_s = _seconds(partial(index.build, changed, advance))
    return [
        ("passages", manifest.chunks, ""),
        ("texts embedded: passages, the same under their headings, sentences", texts, ""),
        ("ingest", texts / whole_s, "texts/s"),
        ("ingest rate over the bare encoder's", bare_s / whole_s, "×"),
        ("ingest rate over the embedding service's", served_s / whole_s, "×"),
        ("a build after one change, over the first", again_s / whole_s, "×"),
        ("texts embedded for it", heard.texts, ""),
    ]


def queries(index: Index, questions: Sequence[str]) -> list[Row]:
    """How soon a search answers, its question embedded by the service; all from one warm process."""
    kinds: dict[str, Callable[[str], object]] = {
        "dense in context, as ask does": lambda question: search(index, question),
        "dense, by Chroma": lambda question: index.search(question, 4),
        "dense and BM25, fused": lambda question: search(index, question, Plan()),
        "the same, reranked by sentences": lambda question: search(index, question, Plan(rerank=True)),
    }
    rows: list[Row] = []
    for name, ask in kinds.items():
        ask(questions[0])
        took = [1000 * _seconds(partial(ask, question)) for question in questions]
        rows += [(f"query, {name}: p50", percentile(took, 50), "ms")]
        rows += [(f"query, {name}: p95", percentile(took, 95), "ms")]
    return rows


def recall(index: Index, questions: Sequence[str], rng: np.random.Generator) -> list[Row]:
    """What Chroma's approximate search finds of the ten nearest passages."""
    whole = index.snapshot()
    row = {chunk.id: at for at, chunk in enumerate(whole.chunks)}
    asked = index.encode(questions)
    asked /= np.linalg.norm(asked, axis=1, keepdims=True)
    each = [
        recall_of(
            [[row[p.chunk.id] for p in index.search(question, 10).passages]], vector[None], whole.vectors
        )
        for question, vector in zip(questions, asked, strict=True)
    ]
    within = bootstrap_ratio(each, np.ones(len(each)), rng, unit="questions")
    return [
        ("recall@10 of exact search", float(np.mean(each)), ""),
        ("the same, 95 % interval from", within.low, ""),
    ]


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _questions(chunks: Sequence[Chunk], count: int, rng: np.random.Generator) -> list[str]:
    """Questions that passages come near to: eight words in a row from one, the last two changed."""
    found = []
    for at in rng.choice(len(chunks), count):
        words = chunks[at].text.split()[4:]
        first = int(rng.integers(0, len(words) - 8))
        found.append(" ".join([*words[first : first + 6], "instead", "of", "that?"]))
    return found


@click.command()
@click.option("--quick", is_flag=True, help="Fewer passages and questions.")
@click.option("--json", "as_json", is_flag=True)
def main(quick: bool, as_json: bool) -> None:
    """Measure, print a table, record an MLflow run."""
    rng = np.random.default_rng(0)
    begin = time.time()
    of = documents(500 if quick else 10_000, rng)
    chunks = [chunk for document in of for chunk in split(document.text, document.name)]
    questions = _questions(chunks, 50 if quick else 200, rng)
    heard = Listens()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        index = Index(Path(folder), "local", heard)
        rows = ingest(index, of, heard)
        click.echo("queries …", err=True)
        rows += queries(index, questions)
        rows += recall(index, questions, rng)
    if not as_json:
        click.echo(
            table(["what", "figure", "unit"], [(w, number(v, 3), u) for w, v, u in rows], right=["figure"])
        )

    from shared.tracking import track

    with track("level2-prompting", "bench", {"quick": quick, "cpus": os.cpu_count()}) as run:
        run.metrics(wall_s=time.time() - begin)
        run.table(
            "bench.json",
            {"what": [r[0] for r in rows], "figure": [r[1] for r in rows], "unit": [r[2] for r in rows]},
        )
    if as_json:
        click.echo(json.dumps({"rows": rows, "url": run.url}, indent=1))
    elif run.url:
        click.echo(f"Run: {run.url}", err=True)


if __name__ == "__main__":
    main()
