"""Small tables to try things on, and the first look that comes before any model.

table = load("digits")
development, test = split(table, seed=0)
look(development).notes  # "3 columns never change", …

They come with scikit-learn, so nothing is downloaded. The test rows are put aside before the first look: what
one has seen of them already steers what one tries.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np

from shared.errors import BadUsage

TEST_SHARE = 0.2
SCALES = 100.0  # columns whose ranges differ by more than this need scaling before most models


@dataclass(frozen=True)
class Table:
    """Rows of numbers and what is to be told from them.

    Attributes:
        X: (n, d) float64, a row each.
        y: (n,) the number of a class, or a number.
        features: (d) names of the columns.
        classes: their names; empty where y is a number.
        target: what y is, in words.
        slice_by: the column by which errors are looked at, and its name in words.
        source: where it is from.
    """

    name: str
    X: np.ndarray
    y: np.ndarray
    features: tuple[str, ...]
    classes: tuple[str, ...]
    target: str
    slice_by: tuple[np.ndarray, str]
    source: str

    @property
    def metric(self) -> str:
        """What is better the higher it is: the share told rightly, or the share of variance explained."""
        return "accuracy" if self.classes else "r2"

    def rows(self, chosen: np.ndarray) -> Table:
        """A part of it, by row numbers."""
        column, words = self.slice_by
        return replace(self, X=self.X[chosen], y=self.y[chosen], slice_by=(column[chosen], words))

    def digest(self) -> str:
        """sha256 of all rows."""
        return hashlib.sha256(self.X.tobytes() + self.y.astype(float).tobytes()).hexdigest()


LOADERS = {  # the name, scikit-learn's loader, what is told, and the column to look at errors by
    "digits": ("load_digits", "the digit in a picture of 8 by 8", None, "ink"),
    "cancer": ("load_breast_cancer", "whether a tumour is malignant", "mean area", "mean area of the nuclei"),
    "wine": ("load_wine", "the grower of a wine", "color_intensity", "colour intensity"),
    "diabetes": ("load_diabetes", "how far diabetes went in a year", "bmi", "body mass index"),
}
NAMES = tuple(LOADERS)


def load(name: str) -> Table:
    """A data set by its name.

    Raises:
        BadUsage: there is none of this name.
    """
    from sklearn import datasets

    if name not in LOADERS:
        raise BadUsage(f"There is no data set {name!r}.", f"Choose one of {', '.join(NAMES)}.")
    loader, target, column, words = LOADERS[name]
    bunch = getattr(datasets, loader)()
    X, y = np.asarray(bunch.data, float), np.asarray(bunch.target)  # noqa: N806 - as everywhere
    features = tuple(map(str, bunch.feature_names))
    by = X.mean(axis=1) if column is None else X[:, features.index(column)]
    classes = tuple(map(str, getattr(bunch, "target_names", ())))
    return Table(name, X, y, features, classes, target, (by, words), f"sklearn.datasets.{loader}")


def split(table: Table, seed: int) -> tuple[Table, Table]:
    """Development rows and test rows, with the same share of every class in both."""
    from sklearn.model_selection import train_test_split

    rows = np.arange(len(table.y))
    kept, aside = train_test_split(
        rows, test_size=TEST_SHARE, random_state=seed, stratify=table.y if table.classes else None
    )
    return table.rows(kept), table.rows(aside)


def uneven(widths: np.ndarray) -> bool:
    """Whether columns range so differently, (d,), that most models see the widest alone."""
    there = widths[widths > 0]
    return len(there) > 0 and bool(there.max() > SCALES * there.min())


@dataclass(frozen=True)
class Look:
    """What one sees before any model.

    Attributes:
        counts: rows of each class; empty where y is a number.
        ranges: of each column its name, smallest, mean, largest and missing values.
        notes: what of it should make one stop and think, in sentences.
    """

    rows: int
    columns: int
    counts: dict[str, int]
    ranges: list[tuple[str, float, float, float, int]]
    notes: list[str]


def look(table: Table) -> Look:
    """Shape, balance, ranges, and what is suspicious: missing values, copies, columns that say nothing."""
    X, y = table.X, table.y  # noqa: N806
    missing = np.isnan(X).sum(axis=0)  # (d,)
    low, mean, high = np.nanmin(X, axis=0), np.nanmean(X, axis=0), np.nanmax(X, axis=0)
    width = high - low
    constant = int((width == 0).sum())
    copies = len(X) - len(np.unique(X, axis=0))
    counts = {name: int((y == number).sum()) for number, name in enumerate(table.classes)}
    notes = []
    if missing.any():
        notes.append(f"{int(missing.sum())} values are missing, in {int((missing > 0).sum())} columns.")
    if constant:
        notes.append(f"{constant} columns never change: they can tell nothing.")
    if copies:
        notes.append(f"{copies} rows are copies of others: a copy in both parts of a split leaks.")
    if uneven(width):
        notes.append(
            "The columns' ranges differ by more than 100 times: scale them, on the training rows alone."
        )
    if counts and max(counts.values()) > 1.5 * min(counts.values()):
        largest = max(counts.values()) / len(y)
        notes.append(f"The classes are not balanced: who always says the largest is right for {largest:.0%}.")
    columns = (table.features, low.tolist(), mean.tolist(), high.tolist(), missing.tolist())
    ranges = list(zip(*columns, strict=True))
    return Look(len(X), X.shape[1], counts, ranges, notes or ["Nothing missing, copied or constant."])
