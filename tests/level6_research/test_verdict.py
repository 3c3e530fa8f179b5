"""The verdict: against scipy, against simulated studies whose truth is known, and word by word."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from level6_research.study import Plan
from level6_research.verdict import decide, judge, short
from shared.stats import Interval


def plan(n: int = 5, arms: int = 2, rope: float = 0.0, direction: str = "higher") -> Plan:
    names = {"base": {}, **{f"arm{i}": {"x": i} for i in range(1, arms)}}
    metric = {"name": "m", "direction": direction, "rope": rope}
    return Plan.model_validate(
        {"question": "q", "hypothesis": "h", "metric": metric, "arms": names, "seeds": list(range(n)),
         "config": {"x": 0}}
    )  # fmt: skip


def values(registered: Plan, **arms: list[float]) -> dict[tuple[str, int], float]:
    return {(arm, seed): row[seed] for arm, row in arms.items() for seed in registered.seeds}


def test_the_interval_is_scipys_of_the_paired_test() -> None:
    rng = np.random.default_rng(3)
    base, arm = rng.normal(5, 2, 8), rng.normal(6, 2, 8)
    registered = plan(8)
    (verdict,) = judge(registered, values(registered, base=list(base), arm1=list(arm)))
    theirs = stats.ttest_rel(arm, base).confidence_interval(0.95)
    assert (verdict.interval.low, verdict.interval.high) == pytest.approx(theirs, rel=1e-12)
    assert verdict.difference == pytest.approx(arm.mean() - base.mean())
    assert verdict.n == 8


def test_what_a_seed_does_to_both_cancels() -> None:
    """Seeds that differ by a hundred hide nothing of a difference of one."""
    registered = plan(5, rope=0.5)
    base = [0.0, 100.0, 200.0, 300.0, 400.0]
    noise = (0, 0.1, -0.1, 0.1, -0.1)
    arm = [b + 1 + e for b, e in zip(base, noise, strict=True)]
    found = values(registered, base=base, arm1=arm)
    assert judge(registered, found)[0].word == "better"


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (0.11, 0.3, "better"), (-0.3, -0.11, "worse"), (-0.1, 0.1, "equivalent"), (0.02, 0.09, "equivalent"),
        (0.05, 0.3, "not enough evidence"), (-0.3, 0.3, "not enough evidence"),
        (-0.3, -0.05, "not enough evidence"), (0.1, 0.3, "not enough evidence"),
    ],
)  # fmt: skip
def test_four_words(low: float, high: float, word: str) -> None:
    assert decide(Interval(low, high), 0.1, "higher") == word
    mirrored = {"better": "worse", "worse": "better"}.get(word, word)
    assert decide(Interval(low, high), 0.1, "lower") == mirrored


def test_no_verdict_before_the_registered_end() -> None:
    registered = plan(3)
    found = values(registered, base=[1, 2, 3], arm1=[11, 12, 13.5])
    assert judge(registered, found)[0].word == "better"
    del found["arm1", 2]
    assert judge(registered, found) == ()


def test_a_seed_that_does_nothing_is_no_evidence() -> None:
    registered = plan(5)
    (verdict,) = judge(registered, values(registered, base=[1.0] * 5, arm1=[2.0] * 5))
    assert verdict.word == "not enough evidence"
    assert "one measurement and not 5" in verdict.sentence


def test_a_sentence_holds_its_figures() -> None:
    registered = plan(3, rope=0.5)
    (verdict,) = judge(registered, values(registered, base=[1, 2, 3], arm1=[4, 5.1, 5.9]))
    low, high = verdict.interval.low, verdict.interval.high
    for figure in (f"{verdict.difference:+.3g}", f"{low:+.3g}", f"{high:+.3g}", "95 %", "3 seeds"):
        assert figure in verdict.sentence and figure in verdict.brief
    assert "±0.5" in verdict.sentence
    assert verdict.sentence.startswith("arm1 is better than base: ") and verdict.sentence.endswith(".")


def test_a_phrase_begins_with_the_word() -> None:
    registered = plan(3, rope=0.5)
    (verdict,) = judge(registered, values(registered, base=[1, 2, 3], arm1=[1.5, 2, 4]))
    assert verdict.brief == "undecided: arm1 +0.5 m (95 %: -0.742 to +1.74), 3 seeds"
    (verdict,) = judge(registered, values(registered, base=[1] * 3, arm1=[2] * 3))
    assert verdict.brief == "undecided: arm1, since all 3 seeds gave the same m"


def test_three_digits_and_never_an_exponent_for_what_is_large() -> None:
    assert [short(x) for x in (0.12345, 12.345, 999.0, 12345.6, None)] == [
        "0.123",
        "12.3",
        "999",
        "12346",
        "–",
    ]
    assert (short(0.00123456, sign=True), short(-1234.5, sign=True)) == ("+0.00123", "-1234")


def test_with_more_arms_each_interval_is_wider() -> None:
    """Bonferroni: three comparisons, each at 1 - 0.05 / 3; the width against scipy's quantile."""
    registered = plan(5, arms=4)
    row = [1.0, 2.0, 4.0, 3.0, 5.0]
    found = values(registered, base=row, arm1=row[::-1], arm2=row[::-1], arm3=row[::-1])
    verdicts = judge(registered, found)
    assert len(verdicts) == 3
    gaps = np.array(row[::-1]) - np.array(row)
    half = stats.t.ppf(1 - 0.05 / 6, 4) * gaps.std(ddof=1) / np.sqrt(5)
    assert verdicts[0].interval.high - verdicts[0].difference == pytest.approx(half)


STUDIES = 1000


def rate(word: str, n: int, effect: float, rope: float, arms: int = 2, seed: int = 0) -> float:
    """How often studies of n seeds whose true difference is `effect` end in a word, for one arm or more."""
    rng, registered = np.random.default_rng(seed), plan(n, arms, rope)
    hits = 0
    for _ in range(STUDIES):
        start = rng.normal(0, 5, n)  # what the seed does to all arms
        rows = {"base": start + rng.normal(0, 1, n)}
        rows |= {f"arm{i}": start + effect + rng.normal(0, 1, n) for i in range(1, arms)}
        verdicts = judge(registered, values(registered, **{k: list(v) for k, v in rows.items()}))
        hits += any(verdict.word == word for verdict in verdicts)
    return hits / STUDIES


# Three standard errors of a rate of 2.5 % or 5 % over 1,000 studies.
SIDE, BOTH = 3 * (0.025 * 0.975 / STUDIES) ** 0.5, 3 * (0.05 * 0.95 / STUDIES) ** 0.5


@pytest.mark.parametrize("n", [3, 5, 10])
def test_under_the_null_better_is_as_rare_as_promised(n: int) -> None:
    """A two-sided 95 % interval lies above 0 in 2.5 % of studies without an effect."""
    found = rate("better", n, effect=0, rope=0)
    assert 0.025 - SIDE <= found <= 0.025 + SIDE


def test_under_the_null_many_arms_are_no_lottery() -> None:
    assert rate("better", 5, effect=0, rope=0, arms=6) <= 0.05 + BOTH


def test_a_true_difference_at_the_edge_of_the_rope_is_not_called_better() -> None:
    assert rate("better", 5, effect=0.5, rope=0.5) <= 0.025 + SIDE


def test_large_effects_are_found_and_small_ones_told_to_be_unknown() -> None:
    """The power of the paired t test from scipy's noncentral t: the difference has sd √2."""
    n, effect = 10, 2.0
    power = float(stats.nct.sf(stats.t.ppf(0.975, n - 1), n - 1, effect / 2**0.5 * n**0.5))
    spread = 3 * (power * (1 - power) / STUDIES) ** 0.5
    assert rate("better", n, effect, rope=0) == pytest.approx(power, abs=spread)
    assert rate("not enough evidence", 5, effect=0.3, rope=0) > 0.9


def test_no_difference_with_many_seeds_is_equivalence() -> None:
    assert rate("equivalent", 40, effect=0, rope=1.0) > 0.95
