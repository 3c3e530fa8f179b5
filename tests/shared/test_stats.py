"""The intervals, against scipy's bootstrap and against every possible draw counted out."""

from itertools import product

import numpy as np
import pytest
from scipy import stats as scipy_stats

from shared.stats import bootstrap_ratio, mean_interval, percentile, share_interval


def test_agrees_with_scipy():
    rng = np.random.default_rng(5)
    den = rng.integers(20, 200, size=40)
    num = rng.binomial(den, 0.15)
    ours = bootstrap_ratio(num, den, np.random.default_rng(0), draws=20_000)
    theirs = scipy_stats.bootstrap(
        (num, den), lambda a, b, axis: a.sum(axis) / b.sum(axis), paired=True, vectorized=True,
        n_resamples=20_000, method="percentile", rng=np.random.default_rng(1),
    ).confidence_interval  # fmt: skip
    assert ours.low == pytest.approx(theirs.low, abs=0.002)
    assert ours.high == pytest.approx(theirs.high, abs=0.002)


def test_agrees_with_every_draw_counted_out():
    num, den = np.array([0, 3, 1, 9]), np.array([10, 12, 5, 20])
    every = [num[list(i)].sum() / den[list(i)].sum() for i in product(range(4), repeat=4)]
    low, high = np.percentile(every, [10, 90])
    ours = bootstrap_ratio(num, den, np.random.default_rng(0), draws=50_000, level=0.8)
    assert (ours.low, ours.high) == pytest.approx((low, high), abs=0.01)


def test_blocks_agree_with_every_block_draw_counted_out():
    """Six units in blocks of two: three of the five blocks, with replacement."""
    num, den = np.array([1, 1, 0, 0, 0, 2]), np.ones(6)
    blocks = [num[i : i + 2].sum() for i in range(5)]
    every = [sum(draw) / 6 for draw in product(blocks, repeat=3)]
    ours = bootstrap_ratio(num, den, np.random.default_rng(0), block=2, draws=50_000, level=0.8)
    assert (ours.low, ours.high) == pytest.approx(tuple(np.percentile(every, [10, 90])), abs=0.01)


def test_errors_in_bursts_make_the_interval_wider():
    """Twenty errors in a row say less about a text than twenty scattered ones."""
    burst = np.zeros(400)
    burst[100:120] = 1
    scattered = np.zeros(400)
    scattered[::20] = 1

    def width(num: np.ndarray) -> float:
        interval = bootstrap_ratio(num, np.ones(400), np.random.default_rng(0), block=20)
        return interval.high - interval.low

    assert width(burst) > 3 * width(scattered)


def test_same_seed_same_interval():
    num, den = [1, 0, 4, 2], [9, 9, 9, 9]
    first, again, other = (bootstrap_ratio(num, den, np.random.default_rng(s), draws=50) for s in (0, 0, 7))
    assert first == again
    assert first != other


def test_no_errors_gives_a_point_at_zero():
    interval = bootstrap_ratio([0, 0], [5, 7], np.random.default_rng(0), unit="files")
    assert (interval.low, interval.high, interval.unit) == (0, 0, "files")


@pytest.mark.parametrize(("num", "den"), [([], []), ([1], [1, 2]), ([1, 1], [0, 0])])
def test_refuses_what_has_no_ratio(num, den):
    with pytest.raises(ValueError, match="numerators"):
        bootstrap_ratio(num, den, np.random.default_rng(0))


def test_percentile():
    assert percentile([1, 2, 3, 4], 50) == 2.5
    assert percentile(list(range(101)), 95) == 95
    assert percentile([], 50) is None


def test_the_interval_of_a_mean_is_scipys():
    values = np.random.default_rng(2).normal(3, 2, 12)
    ours = mean_interval(values, level=0.9, unit="seeds")
    theirs = scipy_stats.t.interval(0.9, 11, loc=values.mean(), scale=scipy_stats.sem(values))
    assert (ours.low, ours.high) == pytest.approx(theirs, rel=1e-12)
    assert (ours.level, ours.unit) == (0.9, "seeds")


@pytest.mark.parametrize("n", [2, 5, 20])
def test_the_interval_of_a_mean_covers_what_it_says(n):
    """Of 2,000 intervals at 95 %, 95 % hold the truth: within three standard errors, 1.5 points."""
    draws = np.random.default_rng(n).normal(1.0, 3.0, size=(2000, n))
    held = [i.low <= 1.0 <= i.high for i in map(mean_interval, draws)]
    assert np.mean(held) == pytest.approx(0.95, abs=0.015)


def test_one_value_has_no_interval():
    with pytest.raises(ValueError, match="two values"):
        mean_interval([3.0])


@pytest.mark.parametrize(("part", "of"), [(0, 18), (3, 18), (18, 18), (52, 105), (1, 1)])
def test_the_interval_of_a_share_holds_the_shares_that_its_test_would_not_reject(part, of):
    """Its ends p are those from which part / of is z standard errors away: n (share - p)² = z² p (1 - p)."""
    found, z, share = share_interval(part, of), scipy_stats.norm.ppf(0.975), part / of
    low, high = sorted(np.roots([of + z * z, -2 * of * share - z * z, of * share * share]).real)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-12)
    assert 0 <= found.low <= share <= found.high <= 1 and found.high - found.low > 0


@pytest.mark.parametrize(("part", "of"), [(0, 0), (2, 1), (-1, 3)])
def test_what_is_no_share_has_no_interval(part, of):
    with pytest.raises(ValueError, match=f"got {part} of {of}"):
        share_interval(part, of)
