"""What to try before a network, and what a network then adds: the same folds for each, and one table.

development, test = split(load("digits"), seed=0)
scores = compare(development, candidates(development, seed=0), seed=0)
best(scores).name

Every number is cross-validated on the development rows; the test rows wait for `confirm`. Each candidate is a
pipeline with its own scaling inside, fitted on the training folds alone: scaled once before the folds, it has
seen what it is measured on.

Hastie, Tibshirani and Friedman, The Elements of Statistical Learning (ESL), 2nd edition, names each method.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.cluster import KMeans
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from level4_build.small_network import SmallNetwork
from level4_build.tabular import Table
from shared.stats import Interval, bootstrap_ratio

FOLDS = 5
NETWORK = "small network"


@dataclass(frozen=True)
class Candidate:
    """A way to tell the target.

    Attributes:
        make: builds it, untrained.
        words: what it can and cannot, for the reader.
    """

    name: str
    make: Callable[[], Any]
    words: str


@dataclass(frozen=True)
class Score:
    """What a candidate reaches on the development rows.

    Attributes:
        folds: (k,) its score on each fold, while the others train it.
        train: the mean score on the rows that it was trained on; far above the mean of `folds`, it has learnt
            them by heart.
        interval: of the mean of `folds`, by `fold_interval`.
        fit_s: the mean time of one training.
    """

    name: str
    words: str
    folds: tuple[float, ...]
    train: float
    interval: Interval
    fit_s: float

    @property
    def mean(self) -> float:
        return float(np.mean(self.folds))


class ClusterSays(BaseEstimator):
    """k-means, which never sees a target; then each cluster says what most of its rows are, or their mean.

    ESL 14.3.6. How far it gets tells how far the classes lie apart by themselves.
    """

    def __init__(self, clusters: int, classes: int, seed: int) -> None:
        self.clusters, self.classes, self.seed = clusters, classes, seed

    def fit(self, X: np.ndarray, y: np.ndarray) -> ClusterSays:  # noqa: N803 - as scikit-learn calls it
        """Find clusters of rows (n, d), then name each by its targets (n,)."""
        self.means_ = KMeans(self.clusters, n_init=4, random_state=self.seed)
        where = self.means_.fit_predict(X)  # (n,) the cluster of each row
        parts = [y[where == number] for number in range(self.clusters)]
        self.says_ = np.array([np.bincount(part).argmax() if self.classes else part.mean() for part in parts])
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:  # noqa: N803
        return self.says_[self.means_.predict(X)]


def candidates(table: Table, seed: int) -> list[Candidate]:
    """From knowing nothing to a network, the simplest first."""
    classes = len(table.classes)
    network = Candidate(
        NETWORK,
        lambda: make_pipeline(StandardScaler(), SmallNetwork(classes, seed=seed)),
        "bends the lines as the data ask: one hidden layer",
    )
    clusters = Candidate(
        "k-means",
        lambda: make_pipeline(StandardScaler(), ClusterSays(3 * max(classes, 2), classes, seed)),
        "groups rows without the target, then names the groups (ESL 14.3.6)",
    )
    if not classes:
        return [
            Candidate("the mean", DummyRegressor, "the floor: looks at nothing"),
            clusters,
            Candidate(
                "decision tree",
                lambda: DecisionTreeRegressor(max_depth=4, random_state=seed),
                "asks about one column at a time, four times (ESL 9.2)",
            ),
            Candidate(
                "linear regression",
                lambda: make_pipeline(StandardScaler(), LinearRegression()),
                "a weight for each column (ESL 3.2)",
            ),
            network,
        ]
    return [
        Candidate("largest class", DummyClassifier, "the floor: looks at nothing"),
        clusters,
        Candidate(
            "decision tree",
            lambda: DecisionTreeClassifier(random_state=seed),
            "asks about one column at a time, until sure (ESL 9.2)",
        ),
        Candidate(
            "linear regression",
            lambda: make_pipeline(StandardScaler(), RidgeClassifier(alpha=1.0)),
            "least squares on a 1 for the class and a -1 for the others, with a little ridge (ESL 4.2)",
        ),
        Candidate(
            "logistic regression",
            lambda: make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
            "a straight border between each two classes, with a little ridge (ESL 4.4)",
        ),
        network,
    ]


def folds(table: Table, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Row numbers to train on and to measure on, `FOLDS` times; each row is measured once."""
    kind = StratifiedKFold if table.classes else KFold
    return list(kind(FOLDS, shuffle=True, random_state=seed).split(table.X, table.y))


def measured(table: Table, y: np.ndarray, found: np.ndarray) -> float:
    """The table's metric of what was found (n,) against the truth (n,)."""
    return float(accuracy_score(y, found) if table.classes else r2_score(y, found))


def compare(
    table: Table,
    tried: Sequence[Candidate],
    seed: int,
    on_progress: Callable[[float], None] = lambda share: None,
) -> list[Score]:
    """Every candidate on the same folds of the development rows."""
    parts = folds(table, seed)
    found = []
    for number, candidate in enumerate(tried):
        began = time.perf_counter()
        known, unseen = [], []
        for train, val in parts:
            model = candidate.make().fit(table.X[train], table.y[train])
            known.append(measured(table, table.y[train], model.predict(table.X[train])))
            unseen.append(measured(table, table.y[val], model.predict(table.X[val])))
        fit_s = (time.perf_counter() - began) / len(parts)
        whole = fold_interval(unseen)
        interval = Interval(whole.low, min(whole.high, 1.0), whole.level, whole.unit)  # no score is above 1
        found.append(
            Score(candidate.name, candidate.words, tuple(unseen), float(np.mean(known)), interval, fit_s)
        )
        on_progress((number + 1) / len(tried))
    return found


def fold_interval(values: Sequence[float], level: float = 0.95) -> Interval:
    """An interval of the mean over the folds of one cross-validation.

    Two folds share most of their training rows, so their scores rise and fall together and Student's interval
    is too narrow. Nadeau and Bengio, Inference for the Generalization Error (Machine Learning 52, 2003),
    section 3: the variance of the mean is taken as s² (1/k + test rows / training rows), here s² (1/k +
    1/(k - 1)).

    Args:
        values: (k,) a score, or a difference of two, of each fold; k at least 2.
    """
    from scipy.stats import t

    k = len(values)
    half = float(t.ppf((1 + level) / 2, k - 1) * np.std(values, ddof=1) * (1 / k + 1 / (k - 1)) ** 0.5)
    mean = float(np.mean(values))
    return Interval(mean - half, mean + half, level, "folds")


def best(scores: Sequence[Score], but: str = "") -> Score:
    """The highest mean, of all or of all `but` one; the first of equals, as the simplest stand first."""
    return max((score for score in scores if score.name != but), key=lambda score: score.mean)


@dataclass(frozen=True)
class Added:
    """What the network adds to the best of the others, fold by fold: its mean, and the interval of this."""

    over: str
    difference: float
    interval: Interval

    @property
    def words(self) -> str:
        """The finding as a sentence."""
        told = f"The network adds {self.difference:+.3f} to {self.over} ({self.interval.low:+.3f} to "
        told += f"{self.interval.high:+.3f})"
        if self.interval.low > 0:
            return told + ": it earns its keep."
        if self.interval.high < 0:
            return told + ": it is worse."
        return told + ": these rows cannot tell the two apart, so take the simpler one."


def added(scores: Sequence[Score]) -> Added:
    """The network against the best of the others, on the same folds."""
    network = next(score for score in scores if score.name == NETWORK)
    other = best(scores, but=NETWORK)
    differences = [ours - theirs for ours, theirs in zip(network.folds, other.folds, strict=True)]
    return Added(other.name, float(np.mean(differences)), fold_interval(differences))


@dataclass(frozen=True)
class Confirmed:
    """What one chosen candidate reaches on the test rows, which nothing was chosen by."""

    name: str
    score: float
    interval: Interval
    rows: int


def confirm(development: Table, test: Table, chosen: Candidate, rng: np.random.Generator) -> Confirmed:
    """Train the chosen candidate on all development rows and open the test rows.

    Once: a second look is a choice. The interval is the bootstrap over test rows.
    """
    found = chosen.make().fit(development.X, development.y).predict(test.X)  # (n,)
    if test.classes:
        wrong, total = (found != test.y).astype(float), np.ones(len(test.y))
    else:
        wrong, total = (found - test.y) ** 2, (test.y - test.y.mean()) ** 2
    error = bootstrap_ratio(wrong, total, rng, unit="rows")
    interval = Interval(1 - error.high, 1 - error.low, error.level, error.unit)
    return Confirmed(chosen.name, measured(test, test.y, found), interval, len(test.y))
