"""Data made so that an honest score is known beforehand: each leak shows as a score that is too good."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

import numpy as np

from shared.study.case import Case

KNOWS_NOTHING = (
    0.2  # so far from 0.5 an honest score may be: four standard errors of a coin, tossed 100 times
)
Data = tuple[np.ndarray, np.ndarray, np.ndarray]  # X (n, d), y (n,), groups (n,)


def cases(work: ModuleType, rng: np.random.Generator) -> Iterator[Case]:
    fixed = np.random.default_rng(0)
    yield Case(
        "two classes that differ in five columns",
        call="score",
        args=_told_apart(fixed),
        given="score(X, y, groups): 200 rows, of whose 20 columns five tell the classes apart",
        expected="a score above 0.9, for there is something to know",
        holds=lambda got: 0.9 < got <= 1,
    )
    yield _by_coin("every row twice, under two names", _twins(fixed), "twins")
    yield _by_coin("four rows of each person, whose class is theirs", _persons(fixed), "persons-split")
    yield _by_coin("3,000 columns of noise", _columns(fixed, 3000), "chosen-before")
    yield _by_coin("persons measured by devices of their own", _devices(fixed), "scaled-before")
    yield _by_coin("all of it at once, drawn at random", _all_at_once(rng), "")


def _by_coin(title: str, data: Data, likely: str) -> Case:
    """A case in which nothing can be known of the test rows."""
    rows, columns = data[0].shape
    return Case(
        title,
        call="score",
        args=data,
        given=f"score(X, y, groups) of {rows} rows and {columns:,} columns, from which nothing can be known",
        expected=f"0.5, give or take {KNOWS_NOTHING}",
        holds=lambda got: abs(got - 0.5) <= KNOWS_NOTHING,
        mistakes={likely: lambda got: got > 0.5 + KNOWS_NOTHING} if likely else {},
    )


def _told_apart(rng: np.random.Generator) -> Data:
    x, y, groups = _columns(rng, 20, rows=200)
    x[:, 5:10] += 4 * y[:, None]
    return x, y, groups


def _columns(rng: np.random.Generator, columns: int, rows: int = 100) -> Data:
    """Noise, classes by coin, and each row a person of its own."""
    return rng.normal(size=(rows, columns)), rng.integers(2, size=rows), np.arange(rows)


def _twins(rng: np.random.Generator) -> Data:
    x, y, _ = _columns(rng, 20, rows=200)
    order = rng.permutation(400) % 200
    return x[order], y[order], np.arange(400)


def _persons(rng: np.random.Generator, columns: int = 20) -> Data:
    """A coin for each of 100 persons, and four rows of each that are much alike."""
    x, y, persons = _columns(rng, columns)
    groups = persons.repeat(4)
    return x[groups] + 0.3 * rng.normal(size=(400, columns)), y[groups], groups


def _devices(rng: np.random.Generator) -> Data:
    """A column gives the class away, and yet nothing can be known of a person who was not trained on.

    Each person's device has one column out of 19 in units of its own, a thousand times larger. Scaled by rows
    that do not know the device, that column drowns all others.
    """
    x, y, _ = _columns(rng, 20, rows=200)
    groups = np.arange(20).repeat(10)
    x[:, 0] = y + 0.1 * rng.normal(size=200)
    x[np.arange(200), 1 + groups % 19] *= 1000
    return x, y, groups


def _all_at_once(rng: np.random.Generator) -> Data:
    x, y, groups = _persons(rng, columns=500)
    order = rng.permutation(np.r_[0:400, 0:40])  # forty of them twice
    return x[order], y[order], groups[order]
