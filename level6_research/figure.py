"""The study as one picture: the pairs, the interval against the region of equivalence, the curves.

figure = draw(record, curves(record))
figure.savefig("study.svg")

Where the place is narrow, `panels` gives the same picture in parts.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from level6_research.ledger import Curve, Record
from level6_research.verdict import differences

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#33638d", "#b3541e", "#3b8a4f", "#7d5ba6", "#8a7a2f", "#555555")
Curves = Mapping[str, Mapping[tuple[str, int], Curve]]
WIDTH, HEIGHT = 4.2, 3.6  # inches, of a panel
PANELS = 3  # curves that are drawn at most, so that the picture stays readable


def draw(record: Record, curves: Curves) -> Figure:
    """The figure of a study: one panel a question. Raises nothing: what is not there yet is not drawn."""
    from matplotlib.figure import Figure

    paints = _paints(record, curves).values()
    figure = Figure(figsize=(WIDTH * len(paints), HEIGHT), layout="constrained")
    for axes, paint in zip(figure.subplots(1, len(paints)), paints, strict=True):
        paint(axes)
    return figure


def panels(record: Record, curves: Curves) -> dict[str, Figure]:
    """The same panel by panel, each under what it shows."""
    from matplotlib.figure import Figure

    found = {}
    for title, paint in _paints(record, curves).items():
        found[title] = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
        paint(found[title].subplots())
    return found


def _paints(record: Record, curves: Curves) -> dict[str, Callable[[Axes], None]]:
    shown = sorted(curves)[:PANELS]
    return {
        "The seeds in pairs": partial(_pairs, record=record),
        "The interval of their difference": partial(_interval, record=record),
        **{f"Curves of {n}": partial(_curves, record=record, name=n, curves=curves[n]) for n in shown},
    }


def svg(figure: Figure) -> str:
    """The figure as SVG, the same text for the same figure."""
    import matplotlib

    with matplotlib.rc_context({"svg.hashsalt": "ladder", "svg.fonttype": "path"}):
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()


def _pairs(axes: Axes, record: Record) -> None:
    """Each seed a line from arm to arm: parallel lines are what pairing gains from."""
    plan = record.plan
    arms = [plan.baseline, *plan.challengers]
    for seed in plan.seeds:
        values = [record.values.get((arm, seed), np.nan) for arm in arms]
        axes.plot(range(len(arms)), values, color="#99999980", linewidth=1, zorder=1)
        axes.scatter(range(len(arms)), values, c=COLOURS[: len(arms)] * 1, s=28, zorder=2)
    axes.set_xticks(range(len(arms)), arms)
    axes.margins(x=0.2)
    axes.set_ylabel(plan.metric.name)
    axes.set_title("Each line is a seed", fontsize=10)


def _interval(axes: Axes, record: Record) -> None:
    """The differences, their interval, and the band in which a difference would not matter."""
    plan = record.plan
    axes.axvspan(-plan.metric.rope, plan.metric.rope, color="#3b8a4f30", label="region of equivalence")
    axes.axvline(0, color="#777777", linewidth=0.8)
    verdicts = {verdict.arm: verdict for verdict in record.verdicts}
    for row, arm in enumerate(plan.challengers):
        colour = COLOURS[(row + 1) % len(COLOURS)]
        found = differences(plan, record.values, arm)
        axes.scatter(found, np.full(len(found), row + 0.18), color=colour, s=16, alpha=0.5)
        if verdict := verdicts.get(arm):
            low, high = verdict.interval.low, verdict.interval.high
            axes.plot([low, high], [row, row], color=colour, linewidth=3, solid_capstyle="butt")
            axes.plot(verdict.difference, row, "o", color=colour, markersize=7)
    axes.set_yticks(range(len(plan.challengers)), plan.challengers)
    axes.set_ylim(-0.6, len(plan.challengers) - 0.2)
    better = "right" if plan.metric.direction == "higher" else "left"
    axes.set_xlabel(f"{plan.metric.name} minus {plan.baseline}'s (better: {better})")
    axes.set_title("Difference, interval, equivalence", fontsize=10)
    axes.legend(loc="lower right", fontsize=7, frameon=False)


def _curves(axes: Axes, record: Record, name: str, curves: Mapping[tuple[str, int], Curve]) -> None:
    arms = [record.plan.baseline, *record.plan.challengers]
    for (arm, _), points in sorted(curves.items()):
        steps, values = zip(*points, strict=True)
        axes.plot(steps, values, color=COLOURS[arms.index(arm) % len(COLOURS)], linewidth=1, alpha=0.7)
    for index, arm in enumerate(arms):
        axes.plot([], [], color=COLOURS[index % len(COLOURS)], label=arm)
    axes.set_xlabel("step")
    axes.set_ylabel(name)
    axes.set_title("On the way, each seed", fontsize=10)
    axes.legend(fontsize=7, frameon=False)
