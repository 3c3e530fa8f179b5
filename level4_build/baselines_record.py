"""What is kept of a survey: a run with a child for each baseline, and all pictures."""

from __future__ import annotations

import json
from typing import Any

from level4_build import LEVEL
from level4_build.baselines import NETWORK
from level4_build.baselines_figure import figures
from level4_build.survey import Survey
from shared.tracking import Run, track


def record_baselines(found: Survey, **tags: str) -> Run:
    """Record a survey: a run with a child for each candidate; returns when everything is written.

    The tag `opened` says whether the test rows were: "test" for a run that looked at them.
    """
    table, metric, confirmed = found.table, found.table.metric, found.confirmed
    opened = "test" if confirmed else "development"
    told: dict[str, Any] = {"device": "cpu", "seed": found.seed, "opened": opened, **tags}
    params = {"data": table.name, "metric": metric, "seed": found.seed, "best": found.best.name}
    with track(LEVEL.slug, f"baselines {table.name}", params, {"engine": "scikit-learn", **told}) as run:
        run.dataset(f"{table.name}-development", table.digest(), table.source)
        for score in found.scores:
            engine = "torch" if score.name == NETWORK else "scikit-learn"
            with run.child(score.name, {**params, "model": score.words}, engine=engine, **told) as child:
                for number, value in enumerate(score.folds):
                    child.metrics({f"{metric}/fold": value}, step=number)
                interval = score.interval
                child.metrics({f"{metric}/val": score.mean, f"{metric}/train": score.train})
                child.metrics({"low": interval.low, "high": interval.high}, fit_s=score.fit_s)
        run.metrics({f"{metric}/val": found.best.mean, "network_adds": found.added.difference})
        if confirmed:
            run.metrics({f"{metric}/test": confirmed.score})
        run.table(
            "baselines.json",
            {
                "baseline": [s.name for s in found.scores],
                metric: [s.mean for s in found.scores],
                "low": [s.interval.low for s in found.scores],
                "high": [s.interval.high for s in found.scores],
            },
        )
        run.artifact("survey.json", json.dumps(found.as_dict(), indent=1))
        for name, figure in figures(found).items():
            run.figure(f"{name}.png", figure)
    return run
