"""What is kept in MLflow: an index that was made and an evaluation are runs, a question is a trace.

It is called after the result has been shown. A turn of a chat and the prompt lab are kept by `chat.py` and
`lab_record.py`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from level2_prompting import LEVEL
from level2_prompting.ask import Answer
from level2_prompting.documents import Document, Skipped
from level2_prompting.evaluation import Evaluation
from level2_prompting.evaluation_report import MEANING, single_figures
from level2_prompting.forest import figure
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


def record_evaluation(found: Evaluation, name: str = "", **tags: str) -> Run:
    """Record an evaluation: a run with a child for each arm, one for the answers and one for the attacks.

    One that was stopped is marked KILLED.

    Args:
        name: of the run, if not the evaluation's own.
    """
    told = found.as_dict()
    params = {
        "corpus": found.material.corpus, "questions": told["questions"], "embedding_model": found.model,
        **asdict(found.plan),
    }  # fmt: skip
    about = {
        "engine": found.engine, "endpoint": found.endpoint, "split": found.material.split,
        "seed": str(found.seed), **tags,
    }  # fmt: skip
    began = time.time() - found.wall_s
    # What is raised inside marks the run; the caller says it in words of its own.
    with (
        suppress(KeyboardInterrupt),
        track(LEVEL.slug, name or found.name, params, about, began=began) as run,
    ):
        run.metrics({name: one["value"] for name, one in single_figures(told).items()})
        run.metrics({f"seconds/{part}": took for part, took in found.seconds.items()}, wall_s=found.wall_s)
        run.dataset(
            f"{found.material.corpus} {found.material.split}",
            digest=found.material.digest, source=f"level2_prompting ({found.material.corpus})",
        )  # fmt: skip
        run.artifact("evaluation.json", json.dumps(told, indent=1, ensure_ascii=False))
        if found.arms:
            run.figure("ablation.png", figure(told))
        for arm in found.arms:
            with run.child(arm.name, {**params, **asdict(arm.plan)}, began=began, **about) as child:
                child.metrics(_figures(asdict(arm)["figures"]))
                child.metrics(p50_ms=arm.p50_ms, p95_ms=arm.p95_ms)
        if found.answers:
            with run.child("answers", params, began=began, **about) as child:
                child.metrics(_figures(told["answers"]))
                child.metrics(found.answers.costs())
                child.table("questions.json", _columns(found.answers.rows()))
        if found.attacks:
            with run.child("attacks", params, began=began, **about) as child:
                child.metrics(_figures(told["attacks"]))
                child.table("attacks.json", _columns(found.attacks.rows()))
        if found.stopped:
            raise KeyboardInterrupt("stopped before all parts were measured")
    return run


def _figures(counted: Mapping[str, Any]) -> dict[str, float | None]:
    """Each figure with the ends of its interval."""
    metrics: dict[str, float | None] = {}
    for name, found in counted.items():
        if name in MEANING and found["interval"]:
            metrics |= {name: found["value"]} | {
                f"{name}_{end}": found["interval"][end] for end in ("low", "high")
            }
    return metrics


def _columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in rows[0]}
