"""The paired test, against counting by hand, scipy's bootstrap and every sign flip."""

from itertools import product
from math import comb

import numpy as np
import pytest
from scipy import stats as scipy_stats

from shared.stats import paired_test


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize(("up", "down", "same"), [(9, 1, 20), (24, 0, 24), (3, 3, 5), (0, 1, 0), (2, 7, 40)])
def test_zeros_and_ones_get_mcnemars_exact_test(up: int, down: int, same: int) -> None:
    first = [0] * up + [1] * down + [1] * same
    second = [1] * up + [0] * down + [1] * same
    found = paired_test(first, second, rng(), unit="items")
    n = up + down
    tail = sum(comb(n, k) for k in range(min(up, down) + 1)) / 2**n
    assert found.p == pytest.approx(min(1.0, 2 * tail))
    assert found.test == "McNemar, exact"
    assert (found.wins, found.losses) == (up, down)
    assert found.difference == pytest.approx((up - down) / (n + same))
    assert found.interval.unit == "items"


def test_other_numbers_get_every_sign_flip() -> None:
    first, second = np.array([3.0, 8, 2, 9, 4, 7]), np.array([5.0, 7, 6, 14, 4, 9])
    change = second - first
    flips = [abs(np.mean(change * signs)) for signs in product((-1, 1), repeat=6)]
    wanted = np.mean([flip >= abs(change.mean()) - 1e-12 for flip in flips])
    found = paired_test(first, second, rng())
    assert found.test == "sign-flip permutation" and found.p == pytest.approx(wanted)
    assert (found.wins, found.losses) == (4, 1)


def test_the_interval_is_scipys_bootstrap_of_the_differences() -> None:
    draw = rng(3)
    first = draw.normal(10, 3, 60)
    second = first + draw.normal(1, 2, 60)
    ours = paired_test(first, second, rng(), draws=20_000).interval
    theirs = scipy_stats.bootstrap(
        (second - first,), np.mean, n_resamples=20_000, method="percentile", rng=rng(1)
    ).confidence_interval
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.02)


def test_no_difference_is_no_evidence() -> None:
    found = paired_test([1.5, 2.5, 7], [1.5, 2.5, 7], rng())
    assert (found.p, found.difference, found.interval.low, found.interval.high) == (1, 0, 0, 0)


def test_when_nothing_differs_a_small_p_is_as_rare_as_it_says() -> None:
    """Of 300 comparisons of equals, about 5 % fall below 0.05: within three standard errors, 3.8 points."""
    draw = rng(1)
    found = [paired_test(*draw.normal(size=(2, 12)), draw, draws=10).p for _ in range(300)]
    assert np.mean(np.array(found) < 0.05) == pytest.approx(0.05, abs=0.038)


@pytest.mark.parametrize(("first", "second"), [([], []), ([1.0], [1.0, 2.0])])
def test_what_makes_no_pairs_is_refused(first: list[float], second: list[float]) -> None:
    with pytest.raises(ValueError, match="pairs"):
        paired_test(first, second, rng())
