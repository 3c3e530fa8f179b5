"""All that one tries before a network, in its order: look, compare, read the curves, look at the errors.

found = survey("digits", seed=0)
print(found.added.words)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from level4_build.baselines import (
    Added,
    Candidate,
    Confirmed,
    Score,
    added,
    best,
    candidates,
    compare,
    confirm,
)
from level4_build.learning_curves import Curve, learning_curve, regularisation
from level4_build.slices import Slice, out_of_fold, slices, strangeness
from level4_build.tabular import Look, Table, load, look, split

CURVES_OF = ("decision tree", "linear regression", "logistic regression", "small network")


@dataclass(frozen=True)
class Survey:
    """What was found.

    Attributes:
        table: the development rows, on which everything was measured but `confirmed`.
        scores: of each candidate, the simplest first.
        curves, paths: over the number of rows, and over the strength of a penalty.
        slices: the errors of the best candidate.
        strange: (n,) how strange each row is.
        test_rows: how many are put aside.
        confirmed: the best candidate on these, if they were opened.
    """

    table: Table
    seed: int
    look: Look
    scores: list[Score]
    added: Added
    curves: list[Curve]
    paths: list[Curve]
    slices: list[Slice]
    strange: np.ndarray
    test_rows: int
    confirmed: Confirmed | None

    @property
    def best(self) -> Score:
        """Chosen by its mean over the folds of the development rows."""
        return best(self.scores)

    def as_dict(self) -> dict[str, Any]:
        """All numbers, for JSON."""
        told = self.confirmed
        return {
            "data": self.table.name, "metric": self.table.metric, "seed": self.seed, "best": self.best.name,
            "rows": {"development": self.look.rows, "test": self.test_rows}, "notes": self.look.notes,
            "baselines": [
                {"name": s.name, "mean": s.mean, "low": s.interval.low, "high": s.interval.high,
                 "train": s.train, "fit_s": s.fit_s}
                for s in self.scores
            ],
            "network_adds": {
                "over": self.added.over, "difference": self.added.difference,
                "low": self.added.interval.low, "high": self.added.interval.high,
            },
            "curves": {
                c.name: {
                    "rows": c.at.tolist(), "train": c.train.mean(1).tolist(), "val": c.val.mean(1).tolist(),
                }
                for c in self.curves
            },
            "slices": [
                {"by": s.by, "name": s.name, "rows": s.rows, "error": s.error,
                 "low": s.interval.low, "high": s.interval.high}
                for s in self.slices
            ],
            "test": told and {
                "name": told.name, "score": told.score, "low": told.interval.low, "high": told.interval.high,
                "rows": told.rows,
            },
        }  # fmt: skip


def survey(
    name: str,
    seed: int,
    open_test: bool = False,
    on_progress: Callable[[float, str], None] = lambda share, words: None,
) -> Survey:
    """Look at a data set, measure every candidate on its development rows, and read what they say.

    Args:
        name: of the data set, see `tabular.NAMES`.
        seed: decides the parts, the folds and every model.
        open_test: also measure the best candidate on the test rows. Once, when nothing is left to choose.
        on_progress: called with the share that is done, 0 to 1, and what comes next.

    Raises:
        BadUsage: there is no data set of this name.
    """
    development, test = split(load(name), seed)
    tried = candidates(development, seed)
    on_progress(0.0, f"Comparing {len(tried)} candidates on {len(development.y)} rows")
    scores = compare(development, tried, seed, lambda share: on_progress(0.4 * share, ""))
    drawn = [candidate for candidate in tried if candidate.name in CURVES_OF]
    curves = []
    for number, candidate in enumerate(drawn):
        on_progress(0.4 + 0.4 * number / len(drawn), f"Learning curve of {candidate.name}")
        curves.append(learning_curve(development, candidate, seed))
    on_progress(0.8, "Regularisation path")
    paths = regularisation(development, seed)
    chosen = _named(tried, best(scores).name)
    on_progress(0.85, f"Errors of {chosen.name}, slice by slice")
    strange = strangeness(development, seed)
    parts = slices(development, out_of_fold(development, chosen, seed), strange)
    opened = None
    if open_test:
        on_progress(0.95, f"Opening the {len(test.y)} test rows for {chosen.name}")
        opened = confirm(development, test, chosen, np.random.default_rng(seed))
    on_progress(1.0, "")
    return Survey(
        development, seed, look(development), scores, added(scores), curves, paths, parts, strange,
        len(test.y), opened,
    )  # fmt: skip


def _named(tried: list[Candidate], name: str) -> Candidate:
    return next(candidate for candidate in tried if candidate.name == name)
