"""What is kept of an export and of a measurement: a run, with a child for each variant that was measured."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from level4_build import LEVEL
from level4_build.export import Exported
from level4_build.inference import Measured
from level4_build.weights import Trained
from shared.tracking import Run, track


def record_export(
    exported: Exported, file: Path, trained: Trained, measured: Sequence[Measured] = (), **tags: str
) -> Run:
    """Record an exported file and what was measured of its kind; returns when everything is written."""
    told = {"device": "cpu", "seed": trained.config.seed, **tags}
    params = {"file": file.name, "model_run": trained.run_id, "model_steps": trained.steps}
    with track(
        LEVEL.slug, f"export {file.name}", params | exported.metadata, {"engine": "onnx", **told}
    ) as run:
        run.metrics(
            parity=max((each.difference for each in exported.parity), default=None),
            agreement=exported.agreement, file_mb=len(exported.data) / 1e6,
        )  # fmt: skip
        run.artifact(file.name, exported.data)
        for each in measured:
            own = {**told, "engine": each.variant.engine}
            with run.child(each.variant.name, params, began=None, **own) as child:
                _measured(child, each)
        if measured:
            rows = [each.as_dict() for each in measured]
            run.table("variants.json", {name: [row[name] for row in rows] for name in rows[0]})
            seconds = {each.variant.name: each.seconds for each in measured}
            run.artifact("seconds.json", json.dumps(seconds))
    return run


def _measured(run: Run, each: Measured) -> None:
    run.metrics(
        {"iou/val": each.macro_iou}, p50_ms=each.p50_ms, p95_ms=each.p95_ms, file_mb=each.file_mb,
        peak_rss_mb=each.peak_rss_mb, libraries_mb=each.libraries_mb,
    )  # fmt: skip
