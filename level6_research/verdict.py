"""From numbers to words: is the arm better than the baseline, worse, the same, or can nobody tell?

Each seed gives a pair: the baseline and the arm from the same start. What a seed does to both cancels in
their difference, so the differences vary less than the values do. Their t interval against the region of
practical equivalence (rope) gives one of four verdicts, and only when every registered seed is done:

    better                 the whole interval lies beyond the rope, on the good side
    worse                  the whole interval lies beyond the rope, on the bad side
    equivalent             the whole interval lies inside the rope
    not enough evidence    anything else
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from level6_research.study import Plan
from shared.stats import Interval, mean_interval

Word = Literal["better", "worse", "equivalent", "not enough evidence"]
Values = Mapping[tuple[str, int], float]  # (arm, seed) -> the metric

LEVEL = 0.95


@dataclass(frozen=True)
class Verdict:
    """One arm against the baseline.

    Attributes:
        difference: mean over the seeds of arm minus baseline, in the metric's own unit.
        interval: of that mean.
        n: how many pairs.
        sentence: the verdict with its figures and its reason.
        brief: the same in a phrase, the word first.
    """

    arm: str
    word: Word
    difference: float
    interval: Interval
    n: int
    sentence: str
    brief: str


def short(value: float | None, sign: bool = False) -> str:
    """A number as it is shown: three significant digits, and whole from a thousand on."""
    if value is None:
        return "–"
    form = ".0f" if abs(value) >= 1000 else ".3g"
    return format(value, f"+{form}" if sign else form)


def judge(plan: Plan, values: Values) -> tuple[Verdict, ...]:
    """The verdicts of a study, one for each arm but the baseline; none before every trial is done.

    With k arms to compare, each interval is at level 1 - 0.05 / k (Bonferroni), so that the chance of one
    false "better" in the whole study stays at 5 %, however many arms there are.
    """
    if any(trial not in values for trial in plan.trials):
        return ()
    level = 1 - (1 - LEVEL) / len(plan.challengers)
    return tuple(_judge(plan, values, arm, level) for arm in plan.challengers)


def differences(plan: Plan, values: Values, arm: str) -> np.ndarray:
    """Arm minus baseline, seed by seed, for the seeds whose pair is whole; (n,)."""
    pairs = [((arm, seed), (plan.baseline, seed)) for seed in plan.seeds]
    return np.array([values[a] - values[b] for a, b in pairs if a in values and b in values])


def _judge(plan: Plan, values: Values, arm: str, level: float) -> Verdict:
    found = differences(plan, values, arm)
    interval = mean_interval(found, level=level, unit="seeds")
    varied = any(len({values[name, seed] for seed in plan.seeds}) > 1 for name in (arm, plan.baseline))
    word = decide(interval, plan.metric.rope, plan.metric.direction) if varied else "not enough evidence"
    mean = float(found.mean())
    sentence = _say(plan, arm, word, mean, interval, varied)
    return Verdict(
        arm, word, mean, interval, len(found), sentence, _brief(plan, arm, word, mean, interval, varied)
    )


def decide(interval: Interval, rope: float, direction: Literal["higher", "lower"]) -> Word:
    """The word for an interval of arm minus baseline (Kruschke 2018, the rule of interval and rope)."""
    low, high = interval.low, interval.high
    if direction == "lower":  # a fall is a gain
        low, high = -high, -low
    if low > rope:
        return "better"
    if high < -rope:
        return "worse"
    if -rope <= low and high <= rope:
        return "equivalent"
    return "not enough evidence"


def _say(plan: Plan, arm: str, word: Word, mean: float, interval: Interval, varied: bool) -> str:
    metric, n = plan.metric.name, len(plan.seeds)
    subject = {
        "better": f"{arm} is better than {plan.baseline}",
        "worse": f"{arm} is worse than {plan.baseline}",
        "equivalent": f"{arm} and {plan.baseline} are equivalent",
        "not enough evidence": f"There is not enough evidence to tell {arm} from {plan.baseline}",
    }[word]
    if not varied:
        return (
            f"{subject}: all {n} seeds gave the same {metric}, so they are one measurement and not {n}; "
            "the seed may not reach the work."
        )
    rope = f"±{plan.metric.rope:g}"
    reason = {
        "better": f"lies wholly beyond the region of equivalence ({rope}), on the good side",
        "worse": f"lies wholly beyond the region of equivalence ({rope}), on the bad side",
        "equivalent": f"lies wholly inside the region of equivalence ({rope})",
        "not enough evidence": f"neither clears the region of equivalence ({rope}) nor lies inside it",
    }[word]
    return (
        f"{subject}: over {n} seeds the mean change of {metric} is {short(mean, sign=True)}, and its "
        f"{_told(interval, ' interval,')}, {reason}."
    )


def _brief(plan: Plan, arm: str, word: Word, mean: float, interval: Interval, varied: bool) -> str:
    first = "undecided" if word == "not enough evidence" else word
    n, metric = len(plan.seeds), plan.metric.name
    if not varied:
        return f"{first}: {arm}, since all {n} seeds gave the same {metric}"
    return f"{first}: {arm} {short(mean, sign=True)} {metric} ({_told(interval, ':')}), {n} seeds"


def _told(interval: Interval, between: str) -> str:
    low, high = short(interval.low, sign=True), short(interval.high, sign=True)
    return f"{short(100 * interval.level)} %{between} {low} to {high}"
