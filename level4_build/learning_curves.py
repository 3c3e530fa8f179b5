"""What more rows would bring, and what more freedom: learning curves and regularisation paths.

A learning curve shows a model's score on the rows it was trained on and on others, for more and more rows.

- Both low and close together: bias. The model cannot say what the data ask; more rows will not help.
- Far apart: variance. It learns rows by heart; more rows help, or less freedom.
- Both high and close together: it fits, and more of anything brings little.

ESL 7.2 (bias and variance), 7.10 (cross-validation).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.linear_model import Lasso, LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from level4_build.baselines import Candidate, fold_interval, folds, measured
from level4_build.tabular import Table
from shared.stats import Interval

SIZES = (0.1, 0.2, 0.4, 0.7, 1.0)  # shares of the training rows of a fold
STRENGTHS = np.logspace(-3, 4, 8)  # of a penalty
LITTLE = 0.05  # below the highest score, 1
LASSO_ROUNDS = 10_000


@dataclass(frozen=True)
class Curve:
    """A score over something that is turned up.

    Attributes:
        name: of the model.
        at: (m,) how far: rows, or the strength of the penalty.
        train, val: (m, k) the score on the rows trained on and on others, of each fold.
        weights: (m, d) how strongly each column counts; empty where this is not asked.
    """

    name: str
    at: np.ndarray
    train: np.ndarray
    val: np.ndarray
    weights: np.ndarray

    def intervals(self) -> list[Interval]:
        """Of the mean score on other rows, at each point."""
        return [fold_interval(row) for row in self.val]

    @property
    def reading(self) -> str:
        """What the end of a learning curve says, as a sentence."""
        train, val = float(self.train[-1].mean()), float(self.val[-1].mean())
        ends = f"{self.name}: {train:.3f} on its own rows, {val:.3f} on others"
        gap, missing = train - val, 1 - val
        if missing < LITTLE:
            return f"{ends}; little is missing."
        if gap > 2 / 3 * missing:
            return f"{ends}; most of what is missing is the gap: variance. More rows help, or less freedom."
        if gap < 1 / 3 * missing:
            return f"{ends}; most is missing on its own rows too: bias, or noise. More rows help little."
        return f"{ends}; about half of what is missing is the gap: both bias (or noise) and variance."


def learning_curve(table: Table, candidate: Candidate, seed: int) -> Curve:
    """Train on the first tenth of each fold's rows, on the first fifth, and so on to all of them.

    The rows of a smaller size are all in the larger one, so that only what was added differs.
    """
    parts = folds(table, seed)
    rng = np.random.default_rng(seed)
    shuffled = [(rng.permutation(train), val) for train, val in parts]
    sizes = np.array([int(share * min(len(train) for train, _ in parts)) for share in SIZES])
    pairs = [
        [_both(table, candidate, train[:size], val) for train, val in shuffled] for size in sizes
    ]  # (m, k, 2)
    return _curve(candidate.name, sizes, pairs)


def regularisation(table: Table, seed: int) -> list[Curve]:
    """The same linear model with a stronger and stronger penalty on its weights.

    To the left it is free and may learn its rows by heart; to the right it is held until it says nothing.
    Ridge (ESL 3.4.1, the sum of squares) makes all weights small together; the lasso (3.4.2, the sum of
    sizes) drops them one by one. For classes it is logistic regression with ridge's penalty (ESL 4.4, 18.3).
    """
    if table.classes:
        return [_path(table, "logistic, ridge", lambda a: LogisticRegression(C=1 / a, max_iter=2000), seed)]
    rows = len(table.y)  # scikit-learn's lasso takes the mean over rows where its ridge takes the sum
    return [
        _path(table, "ridge", lambda a: Ridge(alpha=a), seed),
        _path(table, "lasso", lambda a: Lasso(alpha=a / rows, max_iter=LASSO_ROUNDS), seed),
    ]


def _path(table: Table, name: str, model: Callable[[float], Any], seed: int) -> Curve:
    """A linear model with each strength of its penalty: scores on the folds, weights on all rows."""
    pairs, weights = [], []
    for strength in STRENGTHS:
        held = Candidate(name, lambda a=strength: make_pipeline(StandardScaler(), model(a)), "")  # type: ignore[misc]
        pairs.append([_both(table, held, train, val) for train, val in folds(table, seed)])
        found = np.atleast_2d(held.make().fit(table.X, table.y)[-1].coef_)  # (1 or classes, d)
        weights.append(found[0] if len(found) == 1 else np.abs(found).mean(axis=0))
    return _curve(name, STRENGTHS, pairs, np.stack(weights))


def _both(table: Table, candidate: Candidate, train: np.ndarray, val: np.ndarray) -> tuple[float, float]:
    """The score on the rows trained on, and on others."""
    model = candidate.make().fit(table.X[train], table.y[train])
    known, unseen = (measured(table, table.y[rows], model.predict(table.X[rows])) for rows in (train, val))
    return known, unseen


def _curve(
    name: str,
    at: np.ndarray,
    pairs: Sequence[Sequence[tuple[float, float]]],
    weights: np.ndarray | None = None,
) -> Curve:
    both = np.array(pairs)  # (m, k, 2)
    return Curve(name, at, both[..., 0], both[..., 1], np.empty((len(at), 0)) if weights is None else weights)
