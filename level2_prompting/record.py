"""What is kept in MLflow: an index that was made and an evaluation are runs, a question is a trace.

It is called after the result has been shown. A turn of a chat and the prompt lab are kept by `chat.py` and
`lab_record.py`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict

from level2_prompting import LEVEL
from level2_prompting.answers import Answers, is_right
from level2_prompting.ask import Answer
from level2_prompting.documents import Document, Skipped
from level2_prompting.evaluate import Arm, Retrieval
from level2_prompting.index import Manifest
from shared.traces import Trace
from shared.tracking import Run, trace, track


def record_index(
    manifest: Manifest, documents: Sequence[Document], skipped: Sequence[Skipped], wall_s: float, **tags: str
) -> Run:
    """Record a build of an index; returns when everything is written."""
    params = {"provider": manifest.provider, "model": manifest.model, "collection": manifest.collection}
    name = documents[0].name if len(documents) == 1 else f"index {len(documents)} documents"
    with track(LEVEL.slug, name, params, tags, began=time.time() - wall_s) as run:
        characters = sum(len(document.text) for document in documents)
        run.metrics(
            documents=len(documents), skipped=len(skipped), chunks=manifest.chunks, characters=characters,
            kept=manifest.kept, embedded=manifest.chunks - manifest.kept,
            chunks_per_s=manifest.chunks / wall_s, wall_s=wall_s,
        )  # fmt: skip
        run.dataset(name, digest=manifest.fingerprint, source=name, context="index")
        run.artifact("manifest.json", json.dumps(manifest.documents, indent=1, ensure_ascii=False))
        if skipped:
            run.artifact("skipped.txt", "\n".join(file.reason for file in skipped) + "\n")
    return run


def record_answer(answer: Answer, **tags: str) -> Trace | None:
    """Record one question as a trace of its stages; None if the store cannot be reached."""
    about = {"engine": answer.engine, "endpoint": answer.endpoint, "ladder.level": LEVEL.slug, **tags}
    told = {"question": answer.question}
    return trace(LEVEL.slug, "ask", answer.spans, inputs=told, outputs=answer.as_dict(), tags=about)


def record_evaluation(
    name: str, retrieval: Retrieval, found: Answers, manifest: Manifest, wall_s: float, **tags: str
) -> Run:
    """Record retrieval and answers on the development questions, with a table of all questions."""
    answers = [answer for _, answer in found.asked]
    about = {"engine": answers[0].engine, "endpoint": answers[0].endpoint, "split": "development", **tags}
    params = {"embedding_model": manifest.model, "k": len(answers[0].passages), "questions": len(answers)}
    with track(LEVEL.slug, name, params, about, began=time.time() - wall_s) as run:
        run.metrics(
            hit_at_1=retrieval.hit_at_1, hit_at_5=retrieval.hit_at_5, ndcg_at_10=retrieval.ndcg_at_10,
            abstention_precision=found.abstention_precision, abstention_recall=found.abstention_recall,
            right=found.right, declined_answerable=found.declined_answerable,
            beside_the_point=found.beside_the_point, quotes_proven=found.quotes_proven,
            dropped=sum(len(answer.dropped) for answer in answers), chunks=manifest.chunks, wall_s=wall_s,
        )  # fmt: skip
        run.dataset("development questions", digest=manifest.fingerprint, source="questions.json")
        run.table(
            "questions.json",
            {
                "question": [q.text for q, _ in found.asked],
                "wanted": [q.quote or "(no answer)" for q, _ in found.asked],
                "answer": [a.text for _, a in found.asked],
                "abstained": [a.abstained for _, a in found.asked],
                "right": [is_right(q, a) if q.answerable else a.abstained for q, a in found.asked],
                "dropped": [len(a.dropped) for _, a in found.asked],
                "wall_s": [round(a.wall_s, 3) for _, a in found.asked],
            },
        )
    return run


def record_ablation(
    corpus: str, digest: str, arms: Sequence[Arm], asked: int, seed: int, wall_s: float, **tags: str
) -> Run:
    """Record an ablation: a run with a child for each arm, the intervals of all in one table."""
    params = {"corpus": corpus, "questions": asked}
    about = {"engine": "stages", "split": "development", "seed": str(seed), **tags}
    with track(LEVEL.slug, f"ablate {corpus}", params, about, began=time.time() - wall_s) as run:
        for arm in arms:
            with run.child(arm.name, {**params, **asdict(arm.plan)}, began=None, **about) as child:
                child.metrics({name: figure.value for name, figure in arm.figures.items()})
                child.metrics(p50_ms=arm.p50_ms, p95_ms=arm.p95_ms)
            run.metrics({f"{arm.name}/{name}": figure.value for name, figure in arm.figures.items()})
        run.metrics(wall_s=wall_s)
        run.dataset(corpus, digest=digest, source=f"level2_prompting ({corpus})")
        run.artifact("ablation.json", json.dumps([arm.as_dict() for arm in arms], indent=1))
    return run
