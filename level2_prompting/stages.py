"""A search in stages, each with ranks and scores that can be looked at.

    found = search(index, "What holds back the sea?", Plan(rerank=True))
    for candidate in found.candidates:
        print(candidate.chunk.source, candidate.places)

By meaning (dense) and by words (bm25), the two rankings fused, the first of them judged again sentence by
sentence (rerank), and of passages that say the same the best kept. A plan says which of these are done.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from level2_prompting.context import heading_paths, in_context
from level2_prompting.cross import CrossEncoder
from level2_prompting.fuse import best_first, reciprocal_rank_fusion
from level2_prompting.hygiene import clean
from level2_prompting.late import max_similarity
from level2_prompting.manifest import unit
from level2_prompting.plan import CHOSEN, Candidate, Place, Plan, Staged
from level2_prompting.prepared import Encode, Prepared
from shared.clients import endpoint
from shared.errors import BadUsage, LadderError
from shared.settings import settings

if TYPE_CHECKING:
    from level2_prompting.index import Index
    from level2_prompting.manifest import Manifest, Snapshot

LONGEST_QUESTION = 2000  # characters
TRIES = 5  # a search is begun anew if the index was replaced under it
KEPT = 3  # indexes whose prepared files stay in memory


def search(index: Index, question: str, plan: Plan = CHOSEN, provider: str | None = None) -> Staged:
    """The k passages that a plan finds in an index, all of one build.

    Args:
        provider: `local`, `openai`, or None for the setting LADDER_PROVIDER: who may see the question.

    Raises:
        BadUsage: the question is empty or too long.
        LadderError: there is no index, it was made with a provider that may not see the question, or the
            service that makes vectors failed.
    """
    question = one_line(question)
    for _ in range(TRIES):
        snapshot = index.snapshot()
        stays_where_it_should(snapshot.manifest, provider)
        encode = index.encoder(snapshot.manifest)
        prepared = _prepared(snapshot, encode, index.extra(snapshot.manifest))
        found = staged(snapshot, prepared, encode, question, plan)
        if index.manifest() == snapshot.manifest:
            return found
    raise LadderError(
        f"The index in {index.folder} was replaced {TRIES} times during one search.", "Try again."
    )


def staged(snapshot: Snapshot, prepared: Prepared, encode: Encode, question: str, plan: Plan) -> Staged:
    """The same search on passages in memory.

    Args:
        encode: the function that made the passages' vectors.
    """
    from level2_prompting.index import Passage

    chunks = snapshot.chunks
    times: dict[str, float] = {}
    stages: dict[str, dict[int, Place]] = {}  # of each stage the passages' numbers, best first

    with _timed(times, "encode"):
        asked = unit(encode([question]))[0]  # (D,)
    with _timed(times, "dense"):
        table = prepared.in_context(snapshot.vectors) if plan.context else snapshot.vectors
        cosines = table @ asked  # (C,)
        if plan.dense:
            stages["dense"] = _ranking(np.arange(len(chunks)), cosines, plan.pool)
    if plan.bm25:
        with _timed(times, "bm25"):
            scores = prepared.words(plan.context).scores(question)  # (C,)
            stages["bm25"] = _ranking(np.flatnonzero(scores), scores, plan.pool)
    if plan.dense and plan.bm25:
        with _timed(times, "fuse"):
            weights = (plan.dense_weight, plan.bm25_weight)
            fused = reciprocal_rank_fusion([list(ranking) for ranking in stages.values()], weights)
            stages["fused"] = _places(best_first(fused)[: plan.pool], fused)
    last = next(reversed(stages.values()))
    if plan.rerank or plan.cross_encoder:
        with _timed(times, "rerank"):
            again = _judged(snapshot, prepared, question, asked, cosines, list(last), plan)
            last = stages["reranked"] = _places(best_first(again), again)
    with _timed(times, "distinct"):
        twins = _twins(list(last), snapshot.vectors, plan.distinct)

    candidates = tuple(
        Candidate(
            chunks[n],
            {stage: ranking[n] for stage, ranking in stages.items() if n in ranking},
            chunks[twins[n]].id if n in twins else "",
        )
        for n in last
    )
    best = [n for n in last if n not in twins][: plan.k]
    sources = {name: snapshot.texts[name] for name in dict.fromkeys(chunks[n].source for n in best)}
    pages = {name: at for name, at in snapshot.manifest.pages.items() if name in sources}
    near = [n for n, chunk in enumerate(chunks) if chunk.source in sources]
    above = dict(zip(near, heading_paths([chunks[n] for n in near]), strict=True))
    passages = tuple(Passage(chunks[n], float(cosines[n]), above[n]) for n in best)
    return Staged(question, plan, passages, sources, pages, candidates, times)


def _judged(
    snapshot: Snapshot, prepared: Prepared, question: str, asked: np.ndarray, cosines: np.ndarray,
    pool: list[int], plan: Plan,
) -> dict[int, float]:  # fmt: skip
    """The scores by which the pool is ranked again: a cross-encoder's if the plan names one.

    Otherwise the mean of a passage's own cosine and that of its best sentence. That was chosen on the 40
    development questions over the ten articles, all passages judged: nDCG@10 is 0.86 so, 0.81 by the best
    sentence alone, 0.79 by the passage alone. Cutting the question into runs of four words, one part each,
    gives 0.77 alone and no more than 0.86 together, and has many more texts to embed.
    """
    if plan.cross_encoder:
        texts = in_context(snapshot.chunks) if plan.context else [chunk.text for chunk in snapshot.chunks]
        scores = CrossEncoder.load(plan.cross_encoder).scores(question, [texts[n] for n in pool])
        return dict(zip(pool, scores.tolist(), strict=True))
    kept = prepared.vectors
    place = np.full(len(cosines), -1)
    place[pool] = range(len(pool))  # each candidate's own, -1 elsewhere
    wanted = place[kept.owners] >= 0
    rows, owners = kept.sentences[wanted], place[kept.owners[wanted]]
    best = max_similarity(asked[None], kept.table[rows], owners, len(pool))  # (pool,)
    return {n: float((cosines[n] + score) / 2) for n, score in zip(pool, best, strict=True)}


def _twins(order: Sequence[int], vectors: np.ndarray, distinct: float) -> dict[int, int]:
    """Of passages in their order those that say what a kept one before them says, each with that one."""
    twins: dict[int, int] = {}
    if distinct == 1 or not order:
        return twins
    near = vectors[list(order)] @ vectors[list(order)].T  # (N, N)
    kept: list[int] = []
    for place, number in enumerate(order):
        same = next((other for other in kept if near[place, other] > distinct), None)
        if same is None:
            kept.append(place)
        else:
            twins[number] = order[same]
    return twins


def _ranking(numbers: np.ndarray, scores: np.ndarray, most: int) -> dict[int, Place]:
    """The best of these passages by score; of equal ones the first in the documents' order."""
    order = np.argsort(-scores[numbers], kind="stable")[:most]
    return _places(numbers[order].tolist(), scores)


def _places(order: Sequence[int], scores: Mapping[int, float] | np.ndarray) -> dict[int, Place]:
    return {n: Place(rank, float(scores[n])) for rank, n in enumerate(order, 1)}


@contextmanager
def _timed(times: dict[str, float], step: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    times[step] = time.perf_counter() - began


def one_line(question: str) -> str:
    """A question as it is asked: one line, nothing invisible in it.

    Raises:
        BadUsage: it is empty or too long.
    """
    flat = " ".join(clean(question).split())
    if not flat:
        raise BadUsage("The question is empty.", 'Ask one: ladder level2 ask "What is a token?"')
    if len(flat) > LONGEST_QUESTION:
        raise BadUsage(
            f"The question has {len(flat):,} characters, more than {LONGEST_QUESTION:,}.",
            "Ask it in fewer words; long texts belong into the index.",
        )
    return flat


def stays_where_it_should(manifest: Manifest, provider: str | None) -> None:
    """A question goes to whoever made the index's vectors; only the provider may decide that."""
    if manifest.provider != "local" and (provider or settings().provider) == "local":
        raise LadderError(
            f"This index was made with {endpoint(manifest.provider)}, and a search in it sends the question "
            "there, but the provider is local.",
            f"Use --provider {manifest.provider}, or index again: ladder level2 index PATHS --provider local",
        )


_open: dict[str, Prepared] = {}  # by collection, whose name is never used twice
_lock = Lock()


def _prepared(snapshot: Snapshot, encode: Encode, folder: Path) -> Prepared:
    """What was prepared for a build, read once."""
    name = snapshot.manifest.collection
    with _lock:
        if name not in _open:
            while len(_open) >= KEPT:
                _open.pop(next(iter(_open)))
            _open[name] = Prepared(snapshot.chunks, encode, folder)
        return _open[name]
