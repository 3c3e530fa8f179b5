"""Intervals and the few statistics that several levels need.

Every function that draws takes its generator, so that a number can be had again from its seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Interval:
    """A range that holds the true value at the stated level, and what was drawn to find it."""

    low: float
    high: float
    level: float = 0.95
    unit: str = ""  # what was drawn again and again: "files", "words"


def bootstrap_ratio(
    num: ArrayLike,
    den: ArrayLike,
    rng: np.random.Generator,
    *,
    block: int = 1,
    draws: int = 2000,
    level: float = 0.95,
    unit: str = "",
) -> Interval:
    """The percentile bootstrap interval of sum(num) / sum(den).

    Units are drawn with replacement, each numerator with its own denominator. Neighbours that depend on
    each other (the words of one text) are drawn in blocks: the moving block bootstrap (Künsch 1989).

    Args:
        num, den: (n,) one pair a unit, for example errors and reference words of a file.
        rng: the generator that draws.
        block: how many neighbours are drawn together; 1 draws units alone.
        draws: how often the whole set is drawn.
        level: the share of draws inside the interval.
        unit: what one unit is, for the reader.

    Raises:
        ValueError: if the two differ in length, are empty, or `den` sums to 0.
    """
    top, bottom = np.asarray(num, float), np.asarray(den, float)
    n = len(top)
    if n == 0 or n != len(bottom) or bottom.sum() == 0:
        raise ValueError(
            f"need as many numerators as denominators, with a sum above 0: got {n}, {len(bottom)}"
        )
    block = min(max(block, 1), n)
    lengths = np.full(-(-n // block), block)
    lengths[-1] = n - lengths[:-1].sum()  # the last block is cut so that n units are drawn
    starts = rng.integers(0, n - block + 1, size=(draws, len(lengths)))

    def sums(values: np.ndarray) -> np.ndarray:  # (draws,)
        running = np.concatenate([[0], np.cumsum(values)])
        return (running[starts + lengths] - running[starts]).sum(axis=1)

    tops, bottoms = sums(top), sums(bottom)
    ratios = tops[bottoms > 0] / bottoms[bottoms > 0]  # a draw without any denominator has no ratio
    tail = (1 - level) / 2 * 100
    low, high = np.percentile(ratios, [tail, 100 - tail])
    return Interval(float(low), float(high), level, unit)


def share_interval(part: int, of: int, *, level: float = 0.95, unit: str = "") -> Interval:
    """The score interval of a share, part / of (Wilson 1927). It has a width where the share is 0 or 1 too.

    Args:
        part: how many of them have the property.
        of: how many there are; each is taken to be independent of the others.
        unit: what one of them is, for the reader.

    Raises:
        ValueError: there are none, or `part` is not in 0 … `of`.
    """
    from scipy.stats import binomtest

    if not 0 <= part <= of or of == 0:
        raise ValueError(f"need a part of one or more: got {part} of {of}")
    found = binomtest(part, of).proportion_ci(level, method="wilson")
    return Interval(float(found.low), float(found.high), level, unit)


def percentile(values: Sequence[float], q: float) -> float | None:
    """The q-th percentile (0 to 100), interpolated between neighbours; None where there are no values."""
    return float(np.percentile(np.asarray(values, float), q)) if len(values) else None


def mean_interval(values: ArrayLike, *, level: float = 0.95, unit: str = "") -> Interval:
    """Student's t interval of a mean (Student 1908): mean ± t · s / √n, with n - 1 degrees of freedom.

    For paired measurements, give it their differences.

    Args:
        values: (n,) independent measurements, n at least 2.

    Raises:
        ValueError: fewer than two values, which say nothing about their spread.
    """
    from scipy.stats import t

    found = np.asarray(values, float)
    if found.size < 2:
        raise ValueError(f"need two values or more: got {found.size}")
    half = float(t.ppf((1 + level) / 2, found.size - 1)) * float(found.std(ddof=1)) / found.size**0.5
    mean = float(found.mean())
    return Interval(mean - half, mean + half, level, unit)


@dataclass(frozen=True)
class Paired:
    """How the second of two paired measurements differs from the first.

    Attributes:
        difference: mean of second minus first.
        interval: of that difference, by the percentile bootstrap over pairs.
        p: how often a difference as large comes by chance if the two do not differ; two-sided.
        test: what gave `p`, in words.
        wins, losses: pairs in which the second is above the first, and below it.
    """

    difference: float
    interval: Interval
    p: float
    test: str
    wins: int
    losses: int


def paired_test(
    first: ArrayLike,
    second: ArrayLike,
    rng: np.random.Generator,
    *,
    draws: int = 2000,
    level: float = 0.95,
    unit: str = "",
) -> Paired:
    """Compare two measurements of the same units, such as the scores of two prompts on the same questions.

    Where all values are 0 or 1, p is McNemar's (1947), exact: of the pairs that differ, each falls to either
    side with probability 1/2. Else it is that of Fisher's sign-flip permutation test (1935) on the mean
    difference: exact for few pairs, by 9,999 random flips for many.

    Args:
        first, second: (n,) one pair a unit.
        rng: the generator that draws, for the interval and for the flips.
        draws: how often the pairs are drawn for the interval.

    Raises:
        ValueError: the two differ in length, or are empty.
    """
    from scipy.stats import binomtest, permutation_test

    a, b = np.asarray(first, float), np.asarray(second, float)
    if len(a) == 0 or len(a) != len(b):
        raise ValueError(f"need pairs, at least one: got {len(a)} and {len(b)} values")
    change = b - a
    wins, losses = int((change > 0).sum()), int((change < 0).sum())
    interval = bootstrap_ratio(change, np.ones(len(a)), rng, draws=draws, level=level, unit=unit)
    binary = bool(np.isin([a, b], (0, 1)).all())
    if wins + losses == 0:
        p = 1.0
    elif binary:
        p = float(binomtest(wins, wins + losses).pvalue)
    else:
        p = float(
            permutation_test(
                (a, b), _mean_change, permutation_type="samples", vectorized=True, n_resamples=9999, rng=rng
            ).pvalue
        )
    test = "McNemar, exact" if binary else "sign-flip permutation"
    return Paired(float(change.mean()), interval, p, test, wins, losses)


def _mean_change(a: np.ndarray, b: np.ndarray, axis: int) -> np.ndarray:
    return (b - a).mean(axis=axis)
