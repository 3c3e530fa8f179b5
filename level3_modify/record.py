"""What is kept of each study: a run for the whole, and a child for every variant.

The only module of this level that records. It is called after the result has been shown.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from level3_modify import LEVEL, chart
from level3_modify.search import passages
from level3_modify.slim import Row, Study
from level3_modify.variants import find
from level3_modify.words import sentences
from shared.tracking import Run, track

# What the run of the whole study shows of each variant, as `bf16/size_mb`: enough to compare two studies.
HEADLINE = (
    "size_mb", "cosine_mean", "hit_at_5", "ndcg_at_10", "batch1_p50_ms", "batch32_p50_ms",
    "batch1_speed_ratio", "batch32_speed_ratio",
)  # fmt: skip
NOTE = "mlflow.note.content"  # the tag that the MLflow UI shows as a run's description


@dataclass(frozen=True)
class Recorded:
    """The run of a study, and the links to the runs of its variants by name."""

    run: Run
    urls: dict[str, str | None]


def record(study: Study, name: str = "slim", **tags: str) -> Recorded:
    """Record a study; returns when everything is written.

    Args:
        tags: more to find it by, for example `source="page"`.
    """
    plan = study.plan
    params = {
        "variants": ",".join(row.name for row in study.rows), "rounds": plan.rounds, "threads": study.threads,
        "passages": study.passages, "questions": study.questions, "machine": study.machine,
    }  # fmt: skip
    told = {"engine": "transformers", "device": "cpu", "seed": str(plan.seed), **tags}
    urls: dict[str, str | None] = {}
    lines = sentences(study)
    text = "\n".join(f"- {line}" for line in lines) + f"\n\nMeasured with {study.circumstances}.\n"
    with track(LEVEL.slug, name, params, told, began=study.began) as run:
        digest = hashlib.sha256("\0".join(p.text for p in passages()).encode()).hexdigest()
        run.dataset("level2-corpus", digest=digest, source="level2_prompting/articles")
        run.tag(**{NOTE: text})
        for row, line in zip(study.rows, lines, strict=True):
            run.metrics({f"{row.name}/{name}": row.metrics.get(name) for name in HEADLINE})
            with run.child(row.name, _params(row, study), began=None, **told) as child:
                child.metrics(row.metrics, wall_s=row.wall_s)
                child.tag(**{NOTE: line})
                urls[row.name] = child.url
        run.table("variants.json", columns(study))
        run.artifact("sentences.md", text)
        run.figure("slim.png", chart.figure(study.rows))
    return Recorded(run, urls)


def columns(study: Study) -> dict[str, list[object]]:
    """The table of a study by columns, None where nothing was measured."""
    names = list(dict.fromkeys(name for row in study.rows for name in row.metrics))
    found: dict[str, list[object]] = {"variant": [row.name for row in study.rows]}
    found |= {name: [row.metrics.get(name) for row in study.rows] for name in names}
    return {**found, "absent": [row.absent for row in study.rows]}


def _params(row: Row, study: Study) -> dict[str, object]:
    variant = find(row.name)
    return {
        "variant": row.name, "changes": variant.changes, "tensors": variant.tensors, "seam": variant.seam,
        "rounds": study.plan.rounds, "threads": study.threads, "int8_engine": study.engine,
        "absent": row.absent or None,
    }  # fmt: skip
