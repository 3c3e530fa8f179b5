"""What is kept of a perceptron on scalars: its curve, its picture and the graph of an expression."""

from __future__ import annotations

import hashlib

from level4_build import LEVEL
from level4_build.autograd import Value
from level4_build.boundary import figure
from level4_build.graph import svg
from level4_build.perceptron import MoonsFit, datasets
from shared.tracking import Run, track


def record_autograd(fit: MoonsFit, expression: Value, **tags: str) -> Run:
    """Record a perceptron's training and the graph of an expression; returns when everything is written."""
    config = fit.config
    told = {"engine": "autograd", "device": "cpu", "seed": config.seed, **tags}
    with track(LEVEL.slug, f"autograd {config.steps} steps", config.as_dict(), told) as run:
        for split, (points, labels) in zip(("train", "val"), datasets(config), strict=True):
            digest = hashlib.sha256(points.tobytes() + labels.tobytes()).hexdigest()
            source = f"level4_build.perceptron.datasets({config})"
            run.dataset(f"moons-{split}", digest, source, "training" if split == "train" else split)
        for step, loss in enumerate(fit.losses, start=1):
            run.metrics({"loss/train": loss}, step=step)
        run.metrics(
            {"accuracy/train": fit.train_accuracy, "accuracy/val": fit.accuracy, "graph_nodes": fit.nodes},
            wall_s=fit.wall_s,
        )
        run.figure("boundary.png", figure(fit))
        run.artifact("graph.svg", svg(expression))
    return run
