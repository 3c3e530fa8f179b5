"""How well are the right passages found? Retrieval measured on the development questions.

    from shared.encoder import Encoder
    print(retrieval_scores(Encoder.load().encode).hit_at_5)

That search is exact: every question is compared with every passage in numpy. So the figures are those of the
encoder and the splitter alone, and two encoders can be compared by them (level 3 does).

    for arm in ablation(index.snapshot(), questions(), encode, np.random.default_rng(0)):
        print(arm.name, arm.figures["ndcg_at_10"], arm.against_first["ndcg_at_10"])

An ablation switches one stage after the other on, and measures what each is worth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean

import numpy as np

from level2_prompting.corpus import Article, articles
from level2_prompting.manifest import Manifest, Snapshot, unit
from level2_prompting.plan import Plan, Staged
from level2_prompting.prepared import Encode, Prepared
from level2_prompting.questions import Question, questions
from level2_prompting.split import Chunk, split
from level2_prompting.stages import staged
from shared.stats import Interval, bootstrap_ratio, percentile

ARMS: Mapping[str, Plan] = {
    "dense": Plan(bm25=False),
    "bm25": Plan(dense=False),
    "fused": Plan(),
    "reranked": Plan(rerank=True),
    "dense in context": Plan(bm25=False, context=True),
    "bm25 in context": Plan(dense=False, context=True),
    "fused in context": Plan(context=True),
    "reranked in context": Plan(rerank=True, context=True),
}


@dataclass(frozen=True)
class Retrieval:
    """What retrieval reaches on the answerable development questions.

    Attributes:
        ranks: for each question the rank of the first relevant passage, from 1; None if there is none.
        gains: for each question its nDCG@10.
    """

    ranks: tuple[int | None, ...]
    gains: tuple[float, ...]

    @property
    def hit_at_1(self) -> float:
        return self._hit(1)

    @property
    def hit_at_5(self) -> float:
        return self._hit(5)

    @property
    def ndcg_at_10(self) -> float:
        return fmean(self.gains)

    def _hit(self, k: int) -> float:
        """The share of questions with a relevant passage among the first k."""
        return fmean(rank is not None and rank <= k for rank in self.ranks)


def retrieval_scores(encode: Encode) -> Retrieval:
    """Rank all passages of the corpus for each answerable question, by cosine.

    Args:
        encode: N texts to an array (N, D); the vectors need not have unit length.
    """
    chunks = [chunk for article in articles() for chunk in split(article.text, article.name)]
    asked = [question for question in questions() if question.answerable]
    passages = _unit(encode([chunk.text for chunk in chunks]))  # (C, D)
    scores = _unit(encode([question.text for question in asked])) @ passages.T  # (Q, C)
    ranks: list[int | None] = []
    gains: list[float] = []
    for question, row in zip(asked, scores, strict=True):
        order = np.argsort(-row, kind="stable")
        hits = [relevant(question, chunks[index]) for index in order]
        ranks.append(hits.index(True) + 1 if True in hits else None)
        gains.append(ndcg(hits))
    return Retrieval(tuple(ranks), tuple(gains))


@dataclass(frozen=True)
class Figure:
    """A mean over questions, and the interval that drawing the questions anew gives."""

    value: float
    interval: Interval


@dataclass(frozen=True)
class Arm:
    """What one plan reaches.

    Attributes:
        figures: hit_at_1, hit_at_3, hit_at_5, mrr and ndcg_at_10. The reciprocal rank of a passage that is
            not in the plan's pool is 0.
        against_first: each figure less that of the first plan, question by question.
        p50_ms, p95_ms: how long one search takes, the question's own vector included.
        ranks: for each question the rank of the first relevant passage, from 1; None if none was found.
    """

    name: str
    plan: Plan
    figures: dict[str, Figure]
    against_first: dict[str, Figure]
    p50_ms: float
    p95_ms: float
    ranks: tuple[int | None, ...]

    def as_dict(self) -> dict[str, object]:
        """What a script reads."""
        return asdict(self)


def ablation(
    snapshot: Snapshot,
    asked: Iterable[Question],
    encode: Encode,
    rng: np.random.Generator,
    plans: Mapping[str, Plan] = ARMS,
    prepared: Prepared | None = None,
    on_progress: Callable[[float], None] = lambda share: None,
) -> list[Arm]:
    """Search by each plan for each question that can be answered, and count.

    Args:
        snapshot: the passages with their vectors; see `in_memory` for a corpus without an index.
        encode: the function that made those vectors.
        rng: draws the questions anew for the intervals.
        plans: by name; the others are compared with the first.
        prepared: what was prepared for these passages; by default it is computed first.

    Raises:
        ValueError: none of the questions can be answered.
    """
    chosen = [question for question in asked if question.answerable]
    if not chosen:
        raise ValueError("no question of these can be answered")
    prepared = prepared or Prepared(snapshot.chunks, encode)
    arms: list[Arm] = []
    first: dict[str, np.ndarray] = {}
    for name, plan in plans.items():
        staged(snapshot, prepared, encode, chosen[0].text, plan)  # what is read once is not measured
        rows, ranks, seconds = [], [], []
        for question in chosen:
            found = staged(snapshot, prepared, encode, question.text, plan)
            hits = _hits(question, found)
            ranks.append(first_rank(question, found))
            rows.append(_scores(hits, sum(relevant(question, chunk) for chunk in snapshot.chunks)))
            seconds.append(sum(found.times.values()))
            on_progress((len(arms) + len(rows) / len(chosen)) / len(plans))
        scores = {metric: np.array([row[metric] for row in rows]) for metric in rows[0]}  # each (Q,)
        first = first or scores
        figures = {metric: _figure(values, rng) for metric, values in scores.items()}
        against = {metric: _figure(values - first[metric], rng) for metric, values in scores.items()}
        p50, p95 = (1000 * (percentile(seconds, q) or 0) for q in (50, 95))
        arms.append(Arm(name, plan, figures, against, p50, p95, tuple(ranks)))
    return arms


def in_memory(corpus: Iterable[Article], encode: Encode) -> Snapshot:
    """A corpus as an index would hold it, exactly searched and kept nowhere."""
    texts = {article.name: article.text for article in corpus}
    chunks = tuple(chunk for name in sorted(texts) for chunk in split(texts[name], name))
    vectors = unit(encode([chunk.text for chunk in chunks]))  # (C, D)
    return Snapshot(Manifest("", "local", "", {}, len(chunks), ""), chunks, vectors, texts)


def first_rank(question: Question, found: Staged) -> int | None:
    """The rank of the first relevant passage, from 1; None if none was found. Near-duplicates have none."""
    hits = _hits(question, found)
    return hits.index(True) + 1 if True in hits else None


def _hits(question: Question, found: Staged) -> list[bool]:
    return [relevant(question, one.chunk) for one in found.candidates if not one.twin]


def _scores(hits: Sequence[bool], of: int) -> dict[str, float]:
    """The figures of one ranking; `of` passages are relevant in all."""
    rank = hits.index(True) + 1 if True in hits else None
    hit = {f"hit_at_{k}": float(rank is not None and rank <= k) for k in (1, 3, 5)}
    return {**hit, "mrr": 1 / rank if rank else 0.0, "ndcg_at_10": ndcg(hits, of=of)}


def _figure(values: np.ndarray, rng: np.random.Generator) -> Figure:
    return Figure(float(values.mean()), bootstrap_ratio(values, np.ones(len(values)), rng, unit="questions"))


def relevant(question: Question, chunk: Chunk) -> bool:
    """Whether a passage holds at least half of the words that answer the question."""
    shared = min(question.end, chunk.end) - max(question.start, chunk.start)
    return question.source == chunk.source and 2 * shared >= question.end - question.start > 0


def ndcg(hits: Sequence[bool], k: int = 10, of: int | None = None) -> float:
    """Normalised discounted cumulative gain of a ranking, each passage relevant or not.

    DCG@k is the sum of 1 / log2(rank + 1) over the relevant passages among the first k; it is divided by
    the DCG of the best possible order (Järvelin and Kekäläinen 2002). 0 where nothing is relevant.

    Args:
        of: how many passages are relevant in all; None if the ranking holds every one of them.
    """
    discount = 1 / np.log2(np.arange(2, k + 2))  # (k,) for the ranks 1 … k
    top = np.asarray(hits[:k], float)
    best = discount[: min(sum(hits) if of is None else of, k)].sum()
    return float((top * discount[: len(top)]).sum() / best) if best else 0.0


def _unit(vectors: np.ndarray) -> np.ndarray:
    """(N, D) with rows of length 1."""
    vectors = np.asarray(vectors, np.float64)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True).clip(1e-12)
