"""Where a model is wrong: its errors by class, by a property of the rows, and among the strange ones.

One number over all rows hides a part on which a model fails. Every row is told by a model that was not
trained on it. Look for a slice whose interval lies apart from the whole; among twenty slices expect one such
by chance.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from sklearn.ensemble import IsolationForest

from level4_build.baselines import Candidate, folds
from level4_build.tabular import Table
from shared.stats import Interval, mean_interval

STRANGE = 0.05  # the share of rows that are called strange
FEWEST = 5  # rows that a slice needs


@dataclass(frozen=True)
class Slice:
    """A part of the rows.

    Attributes:
        by: what it was chosen by.
        name: which part.
        rows: how many.
        error: the share told wrongly, or the mean distance from the truth.
        interval: of this error.
    """

    by: str
    name: str
    rows: int
    error: float
    interval: Interval


def out_of_fold(table: Table, candidate: Candidate, seed: int) -> np.ndarray:
    """What the candidate says of each row when trained on the folds without it: (n,)."""
    found = np.empty(len(table.y), dtype=table.y.dtype if table.classes else float)
    for train, val in folds(table, seed):
        found[val] = candidate.make().fit(table.X[train], table.y[train]).predict(table.X[val])
    return found


def strangeness(table: Table, seed: int) -> np.ndarray:
    """How easily random cuts part each row from all others, higher is stranger: (n,).

    Isolation forest: Liu, Ting and Zhou, Isolation Forest (ICDM 2008). It sees no target; a strange row may
    be a mistake in the data, or the rare case that matters.
    """
    return -IsolationForest(random_state=seed).fit(table.X).score_samples(table.X)


def slices(table: Table, found: np.ndarray, strange: np.ndarray) -> list[Slice]:
    """The errors of all rows, and of each part of them.

    Args:
        found: (n,) from `out_of_fold`.
        strange: (n,) from `strangeness`.
    """
    errors = (found != table.y).astype(float) if table.classes else np.abs(found - table.y)  # (n,)
    return [
        Slice(by, name, int(chosen.sum()), float(errors[chosen].mean()), _interval(errors[chosen], table))
        for by, name, chosen in _parts(table, strange)
        if chosen.sum() >= FEWEST
    ]


def _parts(table: Table, strange: np.ndarray) -> Iterator[tuple[str, str, np.ndarray]]:
    """By what, which part, and a mask of its rows (n,)."""
    yield "all", "all", np.ones(len(table.y), bool)
    for number, name in enumerate(table.classes):
        yield "class", name, table.y == number
    column, words = table.slice_by
    thirds = np.digitize(column, np.quantile(column, [1 / 3, 2 / 3]))  # (n,) 0, 1 or 2
    for number, name in enumerate(("low", "middle", "high")):
        yield words, name, thirds == number
    limit = np.quantile(strange, 1 - STRANGE)
    yield "isolation forest", f"strangest {STRANGE:.0%}", strange > limit
    yield "isolation forest", "the others", strange <= limit


def _interval(errors: np.ndarray, table: Table) -> Interval:
    """Wilson's (1927) for a share, which is right for few rows and for none wrong; Student's for a mean."""
    if not table.classes:
        return mean_interval(errors, unit="rows")
    from scipy.stats import binomtest

    found = binomtest(int(errors.sum()), len(errors)).proportion_ci(method="wilson")
    return Interval(float(found.low), float(found.high), unit="rows")
