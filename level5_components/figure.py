"""Both curves of a comparison as one figure, for MLflow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from level4_build.trainer import Fit

COLOURS = {"full precision": "#5b6270", "ternary": "#d55e00"}
WINDOW = 20  # the loss of a step depends on its batch: shown is the mean of so many


def curves(fits: Mapping[str, Fit]) -> Figure:
    """Loss while training on the left, IoU on validation scenes on the right."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    loss, iou = figure.subplots(1, 2)
    for arm, fit in fits.items():
        smooth = running_mean(fit.losses)
        loss.plot(range(1, len(smooth) + 1), smooth, label=arm, color=COLOURS.get(arm))
        history = fit.history
        iou.plot(
            [e.step for e in history], [e.macro_iou for e in history], marker="o", label=arm,
            color=COLOURS.get(arm),
        )  # fmt: skip
    loss.set(xlabel="step", ylabel="loss/train", title=f"Loss (mean of up to {WINDOW} steps)")
    iou.set(xlabel="step", ylabel="iou/val", title="IoU on validation scenes", ylim=(0, 1))
    for axes in (loss, iou):
        axes.grid(alpha=0.3)
        axes.legend()
    return figure


def running_mean(values: Sequence[float], window: int = WINDOW) -> np.ndarray:
    """For each value the mean of it and those before it, at most `window` together."""
    if not len(values):
        return np.empty(0)
    sums = np.concatenate([[0], np.cumsum(values)])
    ends = np.arange(1, len(values) + 1)
    begins = np.maximum(ends - window, 0)
    return (sums[ends] - sums[begins]) / (ends - begins)
