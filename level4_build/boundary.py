"""What a perceptron has learnt, as a picture: its loss, and what it says of every place of the plane."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from level4_build.perceptron import MoonsFit, datasets, scores

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GRID = 48  # places along each side at which the network is asked
WINDOW = 20  # the loss of a batch depends on its points: shown beside it is the mean of so many
UPPER, LOWER = "#0072b2", "#d55e00"


def figure(fit: MoonsFit) -> Figure:
    """Points that were not trained on, over what the network says of each place; on the right, the loss."""
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(10, 4), layout="constrained")
    plane, curve = drawn.subplots(1, 2)
    _, (points, labels) = datasets(fit.config)
    x, y, said = surface(fit, points)
    plane.contourf(x, y, said, levels=np.linspace(-1, 1, 9), cmap="RdBu_r", alpha=0.5)
    plane.contour(x, y, said, levels=[0], colors="#333333", linewidths=1.5)
    for label, colour, name in ((-1, UPPER, "upper moon"), (1, LOWER, "lower moon")):
        chosen = points[labels == label]
        plane.scatter(chosen[:, 0], chosen[:, 1], s=14, color=colour, label=name)
    plane.set(title=f"Not trained on: {fit.accuracy:.1%} are on the right side", aspect="equal")
    plane.legend(loc="upper right", fontsize=8)
    steps = np.arange(1, len(fit.losses) + 1)
    curve.plot(steps, fit.losses, color="#9aa3b2", linewidth=0.8, label="each batch")
    if len(fit.losses) >= WINDOW:
        mean = np.convolve(fit.losses, np.ones(WINDOW) / WINDOW, "valid")
        curve.plot(steps[WINDOW - 1 :], mean, color=UPPER, label=f"mean of {WINDOW}")
    curve.set(xlabel="step", ylabel="loss/train", title="Loss", ylim=(0, None))
    curve.grid(alpha=0.3)
    curve.legend()
    return drawn


def png(fit: MoonsFit) -> bytes:
    """The same as the bytes of a file."""
    buffer = io.BytesIO()
    figure(fit).savefig(buffer, format="png", dpi=150)
    return buffer.getvalue()


def surface(fit: MoonsFit, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What the network says around these points (n, 2).

    Returns:
        Places along x (GRID,) and y (GRID,), and there the tanh of half the score, from -1 (surely the upper
        moon) to 1 (surely the lower): (GRID, GRID), a row for each y.
    """
    low, high = points.min(axis=0) - 0.3, points.max(axis=0) + 0.3
    x, y = (np.linspace(low[i], high[i], GRID) for i in range(2))
    places = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)  # (GRID², 2)
    return x, y, np.tanh(scores(fit.model, places) / 2).reshape(GRID, GRID)
