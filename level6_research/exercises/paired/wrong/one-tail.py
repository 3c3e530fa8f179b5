"""Is the arm better than the baseline, or were its seeds kind? The interval of a paired difference.

Each seed was run with both arms, so what the seed does to both cancels in their difference. Student's t
interval of the mean difference is mean ± t · s / √n with n - 1 degrees of freedom: s is the standard
deviation of the n differences, t the quantile that leaves half of what is outside the level at each end.

    paired({0: 10, 1: 20, 2: 30}, {0: 11, 1: 22, 2: 33})    (2.0, -0.484…, 4.484…)

The arm gained 1, 2 and 3, which could still be luck: 0 is inside. Check with: ladder check paired
"""

from collections.abc import Mapping
from math import sqrt
from statistics import fmean, stdev

from scipy.stats import t


def paired(
    baseline: Mapping[int, float], arm: Mapping[int, float], level: float = 0.95
) -> tuple[float, float, float]:
    """The mean of arm minus baseline, and the two ends of its interval.

    Args:
        baseline, arm: seed -> the metric. Both hold the same seeds, two or more, in any order.
        level: how often, of many such studies, the interval is to hold the true difference.
    """
    differences = [arm[seed] - baseline[seed] for seed in baseline]
    mean, n = fmean(differences), len(differences)
    # n - 1, as in stdev: the deviations are taken from a mean that the same n values gave
    half = t.ppf(level, n - 1) * stdev(differences) / sqrt(n)
    return mean, mean - half, mean + half


if __name__ == "__main__":
    iou = {0: 0.71, 1: 0.64, 2: 0.69, 3: 0.75, 4: 0.67}  # seeds differ by far more than the arms do
    changed = {4: 0.69, 3: 0.76, 2: 0.70, 1: 0.67, 0: 0.73}
    mean, low, high = paired(iou, changed)
    print(f"{mean:+.3f}, 95 % interval {low:+.3f} to {high:+.3f}")
