"""The ablation as one picture, a forest plot: for each way to search a dot with the interval around it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from level2_prompting.evaluated import Told

if TYPE_CHECKING:
    from matplotlib.figure import Figure

JUDGED_BY = "ndcg_at_10"


def figure(told: Told) -> Figure:
    """The picture for MLflow and for the page: nDCG@10 of each arm, from what `Evaluation.as_dict` gives."""
    from matplotlib.figure import Figure

    arms = told["arms"]
    drawn = Figure(figsize=(8, 0.45 * len(arms) + 1.6), layout="constrained")
    axes = drawn.subplots()
    for place, arm in enumerate(arms):
        found = arm["figures"][JUDGED_BY]
        value, interval = found["value"], found["interval"]
        axes.plot([interval["low"], interval["high"]], [place, place], color=_colour(arm, told), linewidth=2)
        axes.plot(value, place, "o", color=_colour(arm, told))
        axes.annotate(
            f"{value:.3f}",
            (value, place),
            xytext=(0, 6),
            textcoords="offset points",
            ha="center",
            fontsize=8,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
        )
    first = arms[0]
    axes.axvline(first["figures"][JUDGED_BY]["value"], color="grey", linestyle="--", linewidth=1, zorder=0)
    names = [f"{arm['name']} (chosen)" if arm["name"] == told["chosen"] else arm["name"] for arm in arms]
    axes.set_yticks(range(len(arms)), names)
    axes.invert_yaxis()
    axes.margins(y=0.12)
    axes.set(
        xlabel=f"nDCG@10 with its 95 % interval, {told['answerable']} questions",
        title=f"What each stage is worth; the dashed line is {first['name']}",
    )
    axes.grid(axis="x", alpha=0.3)
    return drawn


def png(told: Told) -> bytes:
    """The same as the bytes of a file."""
    buffer = io.BytesIO()
    figure(told).savefig(buffer, format="png", dpi=150)
    return buffer.getvalue()


def _colour(arm: Told, told: Told) -> str:
    return "C1" if arm["name"] == told["chosen"] else "C0"
