"""A lab in MLflow: a run for the whole, a child for each version, and each child linked to its prompt's text.

It is called after the result has been shown, as `record.py` is.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from level2_prompting import LEVEL
from level2_prompting.judge import Judged
from level2_prompting.lab import Lab, Outcome
from level2_prompting.lab_items import digest
from level2_prompting.lab_report import Report, Variant
from level2_prompting.prompt_files import Prompt
from level2_prompting.prompt_registry import link, mirror
from shared.errors import LadderError
from shared.traces import complain
from shared.tracking import Run, track

if TYPE_CHECKING:
    from mlflow.entities.model_registry import PromptVersion


def record_lab(report: Report, judged: Judged | None = None, **tags: str) -> Run:
    """Record a lab; returns when everything is written. One that was stopped is marked KILLED."""
    lab = report.lab
    params = {
        "prompt": lab.name, "variants": ",".join(p.version for p in lab.prompts), "items": len(lab.items),
        "judge": judged.model if judged else None,
    }  # fmt: skip
    about = {"engine": _engine(lab), "endpoint": lab.endpoint, "split": "development", **tags}
    began = time.time() - lab.wall_s
    # What is raised inside marks the run; the caller says it in words of its own.
    with suppress(KeyboardInterrupt), track(LEVEL.slug, f"lab {lab.name}", params, about, began=began) as run:
        run.metrics(wall_s=lab.wall_s, answers=len(lab.outcomes))
        run.dataset(f"lab {lab.name}", digest=digest(lab.items), source=f"lab_data/{lab.name}.jsonl")
        run.artifact("report.json", json.dumps(report.as_dict(), indent=1, ensure_ascii=False))
        for found in report.differences:
            key = f"{found.score}/{found.version}-{found.against}"
            run.metrics({f"difference/{key}": found.paired.difference, f"p/{key}": found.paired.p})
        for prompt, variant in zip(lab.prompts, report.variants, strict=True):
            _child(run, report, prompt, variant, judged)
        if lab.stopped:
            raise KeyboardInterrupt(stopped(lab))
    return run


def stopped(lab: Lab) -> str:
    """What a person is told who stopped a lab."""
    return f"Stopped: {len(lab.outcomes)} of {lab.planned} answers had come, and are kept."


def _child(run: Run, report: Report, prompt: Prompt, variant: Variant, judged: Judged | None) -> None:
    lab, outcomes = report.lab, report.lab.of(prompt.version)
    entry = _registered(prompt) if run.id else None  # else the store is away, which is said already
    params = {"prompt": prompt.name, "version": prompt.version, "prompt_uri": entry.uri if entry else None}
    about = {"engine": _engine(lab), "endpoint": lab.endpoint}
    began = time.time() - lab.wall_s
    with run.child(f"{prompt.name} {prompt.version}", params, began=began, **about) as child:
        for score, mean in variant.scores.items():
            low, high = mean.interval.low, mean.interval.high
            child.metrics({score: mean.value, f"{score}_low": low, f"{score}_high": high})
        child.metrics(
            answered=variant.answered, failed=variant.failed, tokens_in=variant.tokens_in,
            tokens_out=variant.tokens_out, latency_p50_s=variant.latency_p50_s,
            latency_p95_s=variant.latency_p95_s, wall_s=lab.wall_s,
        )  # fmt: skip
        if judged and prompt.version in judged.means:
            child.metrics(judge=judged.means[prompt.version].value)
        if outcomes:
            child.table("items.json", _table(outcomes, judged))
        if entry and child.id:
            link(entry, child.id)


def _registered(prompt: Prompt) -> PromptVersion | None:
    try:
        return mirror(prompt)
    except LadderError as error:
        complain(f"{prompt.name} {prompt.version}", error)
        return None


def _table(outcomes: list[Outcome], judged: Judged | None) -> dict[str, list[Any]]:
    """A row an item: what was asked and expected, what came, and every score of it."""
    names = list(dict.fromkeys(name for outcome in outcomes for name in outcome.scores))
    columns: dict[str, list[Any]] = {
        "item": [o.item.id for o in outcomes],
        "inputs": [json.dumps(o.item.inputs, ensure_ascii=False) for o in outcomes],
        "expected": [json.dumps(o.item.expectations, ensure_ascii=False) for o in outcomes],
        "answer": [o.answer for o in outcomes],
        "error": [o.error for o in outcomes],
        **{name: [o.scores.get(name) for o in outcomes] for name in names},
        "tokens_in": [o.usage["input_tokens"] if o.usage else None for o in outcomes],
        "tokens_out": [o.usage["output_tokens"] if o.usage else None for o in outcomes],
        "seconds": [round(o.seconds, 3) for o in outcomes],
    }
    if judged:
        verdicts = [judged.verdicts.get((o.item.id, o.variant)) for o in outcomes]
        columns["judged_right"] = [v.right if v else None for v in verdicts]
        columns["judge_says"] = [v.rationale or v.error if v else "" for v in verdicts]
    return columns


def _engine(lab: Lab) -> str:
    """Who says to have answered; the name that was asked for, if nobody did."""
    return ", ".join(sorted({o.engine for o in lab.outcomes if o.engine})) or lab.model
