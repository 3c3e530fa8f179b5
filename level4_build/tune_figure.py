"""A search in two pictures: what each trial reached, and which settings mattered."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from level4_build.tune import Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FULL, CUT, BEST = "#0072b2", "#9aa3b2", "#d55e00"


def history(study: Study) -> Figure:
    """The macro IoU of each trial and the best so far; beside it the importance, where it is known."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9 if study.importance else 6, 3.4), layout="constrained")
    if study.importance:
        axes, beside = figure.subplots(1, 2, width_ratios=[3, 2])
        beside.barh([*study.importance], [*study.importance.values()], color=FULL)
        beside.invert_yaxis()
        beside.set(title="What set the better trials apart", xlabel="share")
    else:
        axes = figure.subplots()
    for state, marker, colour in (("complete", "o", FULL), ("pruned", "x", CUT)):
        chosen = [each for each in study.trials if each.state == state]
        if chosen:
            axes.scatter(
                [t.number for t in chosen], [t.score for t in chosen], marker=marker, c=colour, label=state
            )
    lost = [each.number for each in study.trials if each.state == "diverged"]
    if lost:
        axes.scatter(lost, [0] * len(lost), marker="v", c=CUT, label="diverged")
    so_far, best = [], -math.inf
    for trial in study.trials:
        if trial.state == "complete":
            best = max(best, trial.score)
        so_far.append(best if math.isfinite(best) else math.nan)
    axes.step([t.number for t in study.trials], so_far, where="post", color=BEST, label="best so far")
    axes.set(title="Trials", xlabel="trial (1 has the defaults)", ylabel="macro IoU, validation")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    return figure
