"""How a comparison of prompts is shown: what a version changed, means, differences in words, answers."""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from level2_prompting.lab import Outcome
from level2_prompting.lab_items import Item
from level2_prompting.lab_report import Difference, Mean, Report
from level2_prompting.prompt_files import FOLDER, versions
from shared.tables import number

if TYPE_CHECKING:
    import altair

KEY = "level2 lab"  # how each key of this tab begins: in the hub all pages share one session
MEANING = {
    "exact": "the answer is the expected one",
    "valid_json": "the whole answer is JSON that keeps to the schema",
    "quote_found": "the words that it quotes are in the passage",
    "characters": "how long the answer is, which is neither good nor bad by itself",
}
LENGTH = "characters"  # the one score that is no share
RARE = 0.05  # the usual border of p
COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00"]  # told apart by nearly all eyes


def text(name: str, version: str) -> str:
    """The file of a version, as it is."""
    return (FOLDER / name / f"{version}.md").read_text(encoding="utf-8")


def changes(name: str, version: str) -> str:
    """What changed since the version before, as a unified diff; empty for the first."""
    known = versions(name)
    before = known[: known.index(version)][-1:]
    return "\n".join(
        line
        for old in before
        for line in difflib.unified_diff(
            text(name, old).splitlines(), text(name, version).splitlines(), f"{old}.md", f"{version}.md",
            lineterm="",
        )
    )  # fmt: skip


def expected(item: Item) -> str:
    """The right answer, in short."""
    wanted = item.expectations
    return str(wanted["answer"]) if "answer" in wanted else json.dumps(wanted.get("fields", wanted))


# Figures ---------------------------------------------------------------------------------------------


def means(report: Report) -> list[dict[str, object]]:
    """A row a version: each score with its interval, and what it took."""
    names = _scores(report)
    return [
        {
            "version": one.version,
            **{name: _spread(name, one.scores.get(name)) for name in names},
            "answered": one.answered, "failed": one.failed,
            "tokens in": number(one.tokens_in, 0), "tokens out": number(one.tokens_out, 0),
            "median s": number(one.latency_p50_s, 2),
        }
        for one in report.variants
    ]  # fmt: skip


def sentence(found: Difference) -> str:
    """A difference and its test, for somebody who has met neither."""
    who, paired = f"{found.version} against {found.against}", found.paired
    if not paired.wins + paired.losses:
        return f"{found.score}, {who}: the same on each of {found.n} items."
    low, high = _amount(found.score, paired.interval.low), _amount(found.score, paired.interval.high)
    often = f"{100 * paired.p:.0f}" if paired.p >= 0.01 else "less than 1"
    verdict = "hardly chance" if paired.p < RARE else "these items do not tell the two apart"
    return (
        f"{found.score}, {who}: {_amount(found.score, paired.difference)} {_unit(found.score)} "
        f"(95 % interval {low} to {high}); higher on {paired.wins} and lower on "
        f"{paired.losses} of {found.n} items. Were the two alike, chance would make a difference as large in "
        f"{often} of 100 such comparisons: {verdict} (p = {paired.p:.2g}, {paired.test})."
    )


def chart(report: Report) -> altair.LayerChart | None:
    """A dot for each mean and a bar for its interval, shares alone; None where nothing was answered."""
    import altair as alt

    rows = [
        {
            "score": score, "version": one.version, "mean": mean.value, "low": mean.interval.low,
            "high": mean.interval.high, "items": mean.n,
        }
        for one in report.variants
        for score, mean in one.scores.items()
        if score != LENGTH
    ]  # fmt: skip
    if not rows:
        return None
    order = [one.version for one in report.variants]
    base = alt.Chart(alt.Data(values=rows)).encode(
        y=alt.Y("score:N", title=None, sort=None),
        yOffset=alt.YOffset("version:N", sort=order),
        color=alt.Color(
            "version:N",
            scale=alt.Scale(domain=order, range=COLOURS),
            legend=alt.Legend(orient="top", title=None),
        ),
        tooltip=[
            "version:N",
            *(alt.Tooltip(f"{n}:Q", format=".0%") for n in ("mean", "low", "high")),
            "items:Q",
        ],
    )
    percent = alt.X(
        "low:Q", title="share of items", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%")
    )
    bars = base.mark_rule(strokeWidth=3, opacity=0.5).encode(x=percent, x2="high:Q")
    dots = base.mark_circle(size=130, opacity=1).encode(x="mean:Q")
    return (bars + dots).properties(height=80 + 36 * len(rows))


# Answers ---------------------------------------------------------------------------------------------


def by_item(report: Report) -> dict[str, list[Outcome]]:
    """What came of each item, by its id; an item of which nothing came by the stop is not there."""
    found: dict[str, list[Outcome]] = {}
    for outcome in report.lab.outcomes:
        found.setdefault(outcome.item.id, []).append(outcome)
    return found


def differ(outcomes: Sequence[Outcome]) -> bool:
    """Whether versions fared differently with an item: another score than the length, or no answer."""
    fared = {
        (bool(o.error), *(value for name, value in o.scores.items() if name != LENGTH)) for o in outcomes
    }
    return len(fared) > 1


def answers(report: Report, shown: Sequence[str]) -> list[dict[str, str]]:
    """A row an item: what was expected, and for each version its marks and its words."""
    came = by_item(report)
    rows = []
    for name in shown:
        row = {"item": name, "expected": expected(came[name][0].item)}
        by_version = {o.variant: o for o in came[name]}
        for prompt in report.lab.prompts:
            outcome = by_version.get(prompt.version)
            row[prompt.version] = marks(outcome) if outcome else "not asked"
            row[f"{prompt.version} says"] = (outcome.error or outcome.answer) if outcome else ""
        rows.append(row)
    return rows


def marks(outcome: Outcome) -> str:
    """Which scorers an answer passed: `exact ✓ quote_found ✗`."""
    if outcome.error:
        return "no answer"
    return " ".join(f"{n} {'✓' if value else '✗'}" for n, value in outcome.scores.items() if n != LENGTH)


def _scores(report: Report) -> list[str]:
    return list(dict.fromkeys(name for one in report.variants for name in one.scores))


def _spread(score: str, one: Mean | None) -> str:
    if one is None:
        return "–"
    value, low, high = (
        f"{x:,.0f}" if score == LENGTH else f"{x:.0%}"
        for x in (one.value, one.interval.low, one.interval.high)
    )
    return f"{value} [{low}, {high}]"


def _amount(score: str, value: float) -> str:
    return f"{round(value if score == LENGTH else 100 * value):+,}"


def _unit(score: str) -> str:
    return "characters" if score == LENGTH else "points of 100"
