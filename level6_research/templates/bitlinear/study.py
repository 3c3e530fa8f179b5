"""One trial: train level 4's network at a tiny size, with or without level 5's ternary layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from level4_build.trainer import Step, TrainConfig, fit, new_model
from level5_components.convert import convert_linears

EVERY = 10  # steps between two points of the curve

Report = Callable[[int, Mapping[str, float]], None]


def run(config: dict[str, Any], seed: int, report: Report) -> dict[str, float]:
    """Train one network and return its IoU.

    Both arms of a seed begin with the same weights and see the same scenes in the same order.
    """
    training = TrainConfig(
        steps=config["steps"],
        size=config["size"],
        batch=config["batch"],
        lr=config["lr"],
        train_count=config["scenes"],
        val_count=config["validation"],
        seed=seed,
        eval_every=config["steps"],
    )
    model = new_model(training)
    if config["linear"] == "ternary":
        model = convert_linears(model)

    def on_step(step: Step) -> None:
        if step.step % EVERY == 0:
            report(step.step, {"loss/train": step.loss})

    result = fit(training, model, on_step)
    return {"iou/val": result.macro_iou, "loss/val": result.history[-1].loss}
