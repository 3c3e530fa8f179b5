"""The survey in pictures, one question each. The page shows them, MLflow keeps them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from level4_build.survey import Survey
from level4_build.tabular import uneven

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from level4_build.learning_curves import Curve

OWN, OTHER, PLAIN = "#9aa3b2", "#0072b2", "#5b6270"
SHOWN = 12  # strange pictures


def figures(found: Survey) -> dict[str, Figure]:
    """Every picture by its name."""
    return {
        "first-look": first_look(found),
        "comparison": comparison(found),
        "learning-curves": learning_curves(found),
        "regularisation": regularisation(found),
        "slices": error_slices(found),
    }


def first_look(found: Survey) -> Figure:
    """The rows of each class, or the spread of the target; beside it the strangest pictures or the ranges."""
    figure = _figure(10, 4)
    balance, beside = figure.subplots(1, 2)
    if found.look.counts:
        balance.barh([*found.look.counts], [*found.look.counts.values()], color=OTHER)
        balance.invert_yaxis()
        balance.set(title="Rows of each class", xlabel="rows")
    else:
        balance.hist(found.table.y, bins=20, color=OTHER)
        balance.set(title=f"The target: {found.table.target}", ylabel="rows")
    if found.table.name == "digits":
        chosen = np.argsort(-found.strange, kind="stable")[:SHOWN]
        pictures = found.table.X[chosen].reshape(3, SHOWN // 3, 8, 8)
        beside.imshow(
            np.pad(pictures, ((0, 0), (0, 0), (1, 1), (1, 1))).swapaxes(1, 2).reshape(30, -1), "gray_r"
        )
        beside.set_axis_off()
        beside.set_title("The strangest, by isolation forest")
    else:
        names, low, _, high, _ = zip(*found.look.ranges, strict=True)
        widths = np.subtract(high, low)
        beside.barh(names, widths, color=OTHER)
        beside.set(title="How far each column ranges", xscale="log" if uneven(widths) else "linear")
        beside.tick_params(axis="y", labelsize=6 if len(names) > 15 else 9)
        beside.invert_yaxis()
    return figure


def comparison(found: Survey) -> Figure:
    """Each candidate's folds, its mean and the interval of this; what it reaches on its own rows as a bar."""
    figure = _figure(8, 3.6)
    axes = figure.subplots()
    for row, score in enumerate(found.scores):
        axes.plot([score.interval.low, score.interval.high], [row, row], color=OTHER, linewidth=3, alpha=0.6)
        axes.scatter(score.folds, [row] * len(score.folds), s=12, color=PLAIN, zorder=2)
        axes.plot(score.mean, row, "o", color=OTHER, zorder=3)
        axes.plot(score.train, row, "|", color="#d55e00", markersize=14)
    axes.plot([], [], "o-", color=OTHER, label="mean on other rows, 95 %")
    axes.plot([], [], ".", color=PLAIN, label="each fold")
    axes.plot([], [], "|", color="#d55e00", markersize=10, label="on its own rows")
    axes.set_yticks(range(len(found.scores)), [score.name for score in found.scores])
    axes.set(xlabel=found.table.metric, title=f"{found.table.name}: what each reaches")
    axes.grid(axis="x", alpha=0.3)
    figure.legend(fontsize=8, loc="outside lower center", ncols=3)
    return figure


def learning_curves(found: Survey) -> Figure:
    """One panel a model: both curves low and together is bias, apart is variance."""
    figure = _figure(3.1 * len(found.curves), 3.4)
    for axes, curve in zip(figure.subplots(1, len(found.curves), sharey=True), found.curves, strict=True):
        _two_curves(axes, curve, lowest(found.curves))
        axes.set(title=curve.name, xlabel="rows trained on")
        axes.label_outer()
    axes = figure.axes[0]
    axes.set_ylabel(found.table.metric)
    axes.legend(fontsize=8, loc="lower right")
    return figure


def regularisation(found: Survey) -> Figure:
    """The score over the strength of the penalty, and below it the weights that it shrinks."""
    figure = _figure(5 * len(found.paths), 5)
    for (above, below), path in zip(
        figure.subplots(2, len(found.paths), sharex=True, squeeze=False).T, found.paths, strict=True
    ):
        _two_curves(above, path, lowest(found.paths))
        above.set(title=path.name, ylabel=found.table.metric, xscale="log")
        above.legend(fontsize=8)
        below.plot(path.at, path.weights, linewidth=0.9, alpha=0.7)
        size = "mean size of a weight" if found.table.classes and len(found.table.classes) > 2 else "weight"
        below.set(xlabel="strength of the penalty", ylabel=size, xscale="log")
        below.grid(alpha=0.3)
    return figure


def error_slices(found: Survey) -> Figure:
    """The error of each part with its interval; the line is that of all rows."""
    parts = found.slices[1:]
    figure = _figure(8, 0.9 + 0.27 * len(parts))
    axes = figure.subplots()
    axes.axvline(found.slices[0].error, color=PLAIN, linewidth=1, linestyle="--", label="all rows")
    for row, part in enumerate(parts):
        axes.plot([part.interval.low, part.interval.high], [row, row], color=OTHER, linewidth=3, alpha=0.5)
        axes.plot(part.error, row, "o", color=OTHER, markersize=5)
    axes.set_yticks(
        range(len(parts)), [f"{part.by}: {part.name} ({part.rows})" for part in parts], fontsize=8
    )
    axes.invert_yaxis()
    what = "share told wrongly" if found.table.classes else "mean distance from the truth"
    axes.set(xlabel=what, xlim=(0, None), title=f"Errors of {found.best.name} (rows in brackets)")
    axes.grid(axis="x", alpha=0.3)
    axes.legend(fontsize=8)
    return figure


def png(figure: Figure) -> bytes:
    """A figure as the bytes of a file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    return buffer.getvalue()


def lowest(curves: Sequence[Curve]) -> float:
    """Where the axis of scores begins, the same for all: a little below the lowest mean, at most at -0.5."""
    return max(-0.5, min(float(curve.val.mean(axis=1).min()) for curve in curves) - 0.1)


def _two_curves(axes: Axes, curve: Curve, bottom: float) -> None:
    """The score on the rows trained on, and on others with the interval of its mean."""
    axes.plot(curve.at, curve.train.mean(axis=1), "o-", color=OWN, markersize=4, label="on its own rows")
    low, high = zip(*((interval.low, min(interval.high, 1.0)) for interval in curve.intervals()), strict=True)
    axes.fill_between(curve.at, low, high, color=OTHER, alpha=0.15, linewidth=0)
    axes.plot(curve.at, curve.val.mean(axis=1), "o-", color=OTHER, markersize=4, label="on other rows")
    axes.set_ylim(bottom, 1.03)
    axes.grid(alpha=0.3)


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")
