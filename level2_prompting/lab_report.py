"""What a lab says: the mean of each score with its interval, and whether two versions really differ.

    report = summed_up(found)
    print(report.table())

Means are over the items that were answered; what failed is counted beside them. Versions are compared with
the first one, pair by pair: the same item with the one prompt and with the other. A pair needs both answers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

import numpy as np

from level2_prompting.lab import Lab, Outcome
from shared.stats import Interval, Paired, bootstrap_ratio, paired_test, percentile
from shared.tables import number, table


@dataclass(frozen=True)
class Mean:
    """The mean of a score over `n` answers, with its 95 % interval: the bootstrap over items.

    Where every answer scores the same, the interval is that one value: what was never seen cannot be drawn.
    """

    value: float
    interval: Interval
    n: int


@dataclass(frozen=True)
class Variant:
    """One version: what it scored and what it took.

    Attributes:
        failed: items without an answer.
        tokens_in, tokens_out: of all its answers; None where the engine does not count.
        latency_p50_s, latency_p95_s: of its answers; None if there are none.
    """

    version: str
    scores: dict[str, Mean]
    answered: int
    failed: int
    tokens_in: int | None
    tokens_out: int | None
    latency_p50_s: float | None
    latency_p95_s: float | None


@dataclass(frozen=True)
class Difference:
    """A score of one version against that of the first, over `n` items that both answered."""

    score: str
    version: str
    against: str
    n: int
    paired: Paired


@dataclass(frozen=True)
class Report:
    """The lab in figures."""

    lab: Lab
    variants: tuple[Variant, ...]
    differences: tuple[Difference, ...]

    def as_dict(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {
            "prompt": self.lab.name, "engine": self.lab.model, "endpoint": self.lab.endpoint,
            "items": len(self.lab.items), "answers": len(self.lab.outcomes), "planned": self.lab.planned,
            "stopped": self.lab.stopped, "variants": [asdict(one) for one in self.variants],
            "differences": [asdict(one) for one in self.differences],
            "failures": [
                {"item": one.item.id, "variant": one.variant, "error": one.error}
                for one in self.lab.outcomes
                if one.error
            ],
            "wall_s": round(self.lab.wall_s, 3),
        }  # fmt: skip

    def failures(self) -> list[str]:
        """A sentence for each reason for which items got no answer."""
        reasons = Counter(outcome.error for outcome in self.lab.outcomes if outcome.error)
        return [f"{count} of {self.lab.planned} got no answer: {why}" for why, count in reasons.items()]

    def table(self) -> str:
        """What the command prints: each version's means, then each difference with its test."""
        names = list(dict.fromkeys(name for one in self.variants for name in one.scores))
        columns = ["version", *names, "answered", "failed", "tokens in", "tokens out", "median s"]
        rows = [
            (
                one.version, *(_mean(name, one.scores.get(name)) for name in names), one.answered, one.failed,
                number(one.tokens_in, 0), number(one.tokens_out, 0), number(one.latency_p50_s, 2),
            )
            for one in self.variants
        ]  # fmt: skip
        drawn = table(columns, rows, right=columns[1:])
        if self.differences:
            drawn += f"\n\n{self._differences()}"
        return drawn

    def _differences(self) -> str:
        rows = [
            (
                d.score, f"{d.version} − {d.against}", _signed(d.score, d.paired.difference),
                f"[{_signed(d.score, d.paired.interval.low)}, {_signed(d.score, d.paired.interval.high)}]",
                f"{d.paired.wins} up, {d.paired.losses} down of {d.n}", _chance(d.paired.p), d.paired.test,
            )
            for d in self.differences
        ]  # fmt: skip
        columns = ["score", "difference", "mean", "95 %", "items", "p", "test"]
        return table(columns, rows, right=["mean", "95 %", "p"])


def summed_up(lab: Lab, seed: int = 0) -> Report:
    """Means, intervals and paired tests of a lab.

    Args:
        seed: of the generator that draws for intervals and permutations.
    """
    rng = np.random.default_rng(seed)
    variants = tuple(_variant(prompt.version, lab.of(prompt.version), rng) for prompt in lab.prompts)
    first, *others = [prompt.version for prompt in lab.prompts]
    differences = [
        found for other in others for found in _differences(other, lab.of(other), first, lab.of(first), rng)
    ]
    return Report(lab, variants, tuple(differences))


def _variant(version: str, outcomes: Sequence[Outcome], rng: np.random.Generator) -> Variant:
    answered = [outcome for outcome in outcomes if not outcome.error]
    seconds = [outcome.seconds for outcome in answered]
    used = [outcome.usage for outcome in answered if outcome.usage]
    counted = bool(used) and len(used) == len(answered)
    return Variant(
        version,
        {name: mean(values, rng) for name, values in _columns(answered).items()},
        len(answered),
        len(outcomes) - len(answered),
        sum(one["input_tokens"] for one in used) if counted else None,
        sum(one["output_tokens"] for one in used) if counted else None,
        percentile(seconds, 50),
        percentile(seconds, 95),
    )


def _differences(
    version: str, second: Sequence[Outcome], against: str, first: Sequence[Outcome], rng: np.random.Generator
) -> list[Difference]:
    before = {outcome.item.id: outcome.scores for outcome in first}
    found = []
    for score in _columns(second):
        pairs = [
            (before[o.item.id][score], o.scores[score])
            for o in second
            if score in o.scores and score in before.get(o.item.id, {})
        ]
        if pairs:
            a, b = zip(*pairs, strict=True)
            paired = paired_test(a, b, rng, unit="items")
            found.append(Difference(score, version, against, len(pairs), paired))
    return found


def mean(values: Sequence[float], rng: np.random.Generator) -> Mean:
    """The mean of values, one or more, an item each."""
    return Mean(fmean(values), bootstrap_ratio(values, np.ones(len(values)), rng, unit="items"), len(values))


def _columns(outcomes: Sequence[Outcome]) -> dict[str, list[float]]:
    """The values of each score, in the order of the scorers."""
    found: dict[str, list[float]] = {}
    for outcome in outcomes:
        for name, value in outcome.scores.items():
            found.setdefault(name, []).append(value)
    return found


def _mean(score: str, one: Mean | None) -> str:
    if one is None:
        return "–"
    value, low, high = (_short(score, number) for number in (one.value, one.interval.low, one.interval.high))
    return f"{value} [{low}, {high}]"


def _short(score: str, value: float) -> str:
    """Shares with two digits, lengths with none."""
    return f"{value:,.0f}" if score == "characters" else f"{value:.2f}"


def _signed(score: str, value: float) -> str:
    return f"+{_short(score, value)}" if value > 0 else _short(score, value)


def _chance(p: float) -> str:
    return "< 0.0001" if p < 0.0001 else f"{p:.4f}"
