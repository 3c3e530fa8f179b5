"""Cases of `paired`. The oracle is scipy's paired t test; at the end, studies whose truth is known."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

import numpy as np
from scipy.stats import norm, t, ttest_rel

from shared.study import Case

Arm = dict[int, float]
Ends = tuple[float, float, float]

# scipy and the learner add up in another order: only the last digits may differ.
LAST_DIGITS = 1e-9

STUDIES, SEEDS, GAIN = 4000, 4, 0.3
# A share of 0.95 over 4000 studies varies by 0.0034 (one standard deviation); this is 4.4 of those.
COVERAGE_BAND = 0.015


def cases(work: ModuleType, rng: np.random.Generator) -> Iterator[Case]:
    baseline, arm = {0: 10.0, 1: 20.0, 2: 30.0}, {0: 11.0, 1: 22.0, 2: 33.0}
    yield _case("three seeds, and gains of 1, 2 and 3", baseline, arm)
    yield _case("the same values, their seeds in another order", baseline, {2: 33.0, 0: 11.0, 1: 22.0})
    yield _case("an interval of 90 % is narrower", baseline, arm, 0.9)
    yield _case("an arm that loses", {5: 0.71, 6: 0.64, 7: 0.69}, {7: 0.64, 6: 0.62, 5: 0.63})
    yield _case("nine seeds drawn at random", *_study(rng, 9))

    studies = [_study(rng, SEEDS) for _ in range(STUDIES)]
    yield Case(
        f"of {STUDIES} studies with {SEEDS} seeds and a true difference of {GAIN}, how many hold it",
        call="paired",
        given=f"{STUDIES} studies, each of {SEEDS} seeds that do far more to both arms than the arm does",
        expected=0.95,
        tolerance=COVERAGE_BAND,
        run=lambda work: _coverage([work.paired(*study) for study in studies]),
        measures=lambda got: {"coverage": got, "baseline": _coverage([_hasty(*study) for study in studies])},
    )


def _case(title: str, baseline: Arm, arm: Arm, level: float = 0.95) -> Case:
    b = np.array(list(baseline.values()))
    a = np.array([arm[seed] for seed in baseline])
    found = ttest_rel(a, b)
    low, high = found.confidence_interval(level)
    n, share = len(b), (1 + level) / 2
    mean, error, quantile = (a - b).mean(), (a - b).std(ddof=1) / n**0.5, t.ppf(share, n - 1)
    return Case(
        title,
        call="paired",
        args=(baseline, arm, level),
        given=f"paired({baseline}, {arm}, {level})" if n == 3 else f"two arms over {n} seeds",
        expected=(float(mean), float(low), float(high)),
        tolerance=LAST_DIGITS,
        mistakes={
            "by-position": _by_position(list(baseline.values()), list(arm.values()), quantile),
            "unpaired": _ends(mean, quantile * ((a.var(ddof=1) + b.var(ddof=1)) / n) ** 0.5),
            "population": _ends(mean, quantile * (a - b).std() / n**0.5),
            "normal": _ends(mean, norm.ppf(share) * error),
            "one-tail": _ends(mean, t.ppf(level, n - 1) * error),
        },
    )


def _ends(mean: float, half: float) -> Ends:
    return float(mean), float(mean - half), float(mean + half)


def _by_position(baseline: list[float], arm: list[float], quantile: float) -> Ends:
    found = np.subtract(arm, baseline)
    return _ends(found.mean(), quantile * found.std(ddof=1) / len(found) ** 0.5)


def _study(rng: np.random.Generator, n: int) -> tuple[Arm, Arm]:
    """Baseline and arm over n seeds: a seed moves both by about 5, the arm alone by 0.3 and some noise."""
    luck = rng.normal(0, 5, n)
    baseline = dict(enumerate((luck + rng.normal(0, 0.5, n)).tolist()))
    arm = (luck + GAIN + rng.normal(0, 0.5, n)).tolist()
    return baseline, {int(seed): arm[seed] for seed in rng.permutation(n)}


def _coverage(intervals: list[Ends]) -> float:
    """The share of intervals that hold the true difference."""
    return float(np.mean([low <= GAIN <= high for _, low, high in intervals]))


def _hasty(baseline: Arm, arm: Arm) -> Ends:
    """What covers less than it says: the deviation over n, and 1.96 in place of Student's t."""
    found = np.array([arm[seed] - baseline[seed] for seed in baseline])
    return _ends(found.mean(), norm.ppf(0.975) * found.std() / len(found) ** 0.5)
