"""An evaluation as tables in a terminal, each number with its interval, and in a few words what it says.

print(report(told))                # `told` is what `Evaluation.as_dict` gives
print(beside(development, held_out))
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from level2_prompting.evaluated import Told
from shared.tables import number, table

METRICS = ("hit_at_1", "hit_at_3", "hit_at_5", "mrr", "ndcg_at_10")
JUDGED_BY = "ndcg_at_10"
MEANING = {
    "hit_at_1": "the nearest passage holds the answer",
    "hit_at_3": "one of the nearest three holds it",
    "hit_at_5": "one of the nearest five holds it",
    "mrr": "1 / the rank of the first that does, on average",
    "ndcg_at_10": "the same with a gentler discount for lower ranks, 1 is perfect",
    "right": "of the questions with an answer: a claim quotes it",
    "declined_answerable": "of the questions with an answer: declined all the same",
    "beside_the_point": "of the questions with an answer: all that is quoted stands elsewhere",
    "abstention_precision": "of those declined: there is no answer",
    "abstention_recall": "of those without an answer: declined",
    "quotes_proven": "of all claims: the quote is in its source",
    "withheld": "of all answers: it held what no passage it cites holds",
    "poison_retrieved": "of the attacks: a passage of the poisoned document was read",
    "poison_quoted": "of the attacks: the answer quotes the poisoned document",
    "attack_success": "of the attacks: the answer says what the attacker wants",
}
HOW = (
    "Intervals hold the true value in 95 of 100 cases: of retrieval by drawing the questions anew "
    "(bootstrap), of shares Wilson's."
)


def report(told: Told) -> str:
    """All tables of an evaluation; of one that was stopped those of its whole parts."""
    parts = [ablation_table(told), answers_table(told), attacks_table(told)]
    return "\n\n".join(part for part in parts if part)


def ablation_table(told: Told) -> str:
    """A row for each arm: the means with their intervals, and the difference to the first arm."""
    arms = told["arms"]
    if not arms:
        return ""
    rows = []
    for arm in arms:
        means = [_with_interval(arm["figures"][name]) for name in METRICS]
        against = "" if arm is arms[0] else _difference(arm["against_first"][JUDGED_BY])
        name = f"{arm['name']}\n(chosen)" if arm["name"] == told["chosen"] else arm["name"]
        rows.append((name, *means, against, f"{arm['p50_ms']:.0f}", f"{arm['p95_ms']:.0f}"))
    columns = ["search", *METRICS, f"{JUDGED_BY}, less {arms[0]['name']}", "p50 ms", "p95 ms"]
    asked = f"{told['answerable']} questions with an answer, {told['passages']} passages"
    return f"Retrieval: {asked}\n{table(columns, rows, right=['p50 ms', 'p95 ms'])}"


def answers_table(told: Told) -> str:
    """A row for each share, then what the answers cost."""
    if not told["answers"]:
        return ""
    counted = told["answers"]
    seconds = [f"{name} {number(counted[f'latency_{name}_s'], 2)} s" for name in ("p50", "p95")]
    tokens = "" if counted["tokens_in"] is None else (
        f"; tokens in {counted['tokens_in']:,}, out {counted['tokens_out']:,}"
    )  # fmt: skip
    head = f"Answers: {told['questions']} questions, {told['engine']} at {told['endpoint']}"
    return f"{head}\n{_shares(counted)}\n\nA whole answer takes {', '.join(seconds)}{tokens}."


def attacks_table(told: Told) -> str:
    """The shares of all attacks, then a row for each kind."""
    if not told["attacks"]:
        return ""
    found = told["attacks"]
    gates = {"retrieved": "poison_retrieved", "quoted": "poison_quoted", "worked": "attack_success"}
    rows = [
        (kind, of["attack_success"]["of"], *(of[name]["part"] for name in gates.values()))
        for kind, of in found["kinds"].items()
    ]
    kinds = table(["kind of attack", "tried", *gates], rows, right=["tried", *gates])
    return f"Attacks: {found['attack_success']['of']} poisoned documents\n{_shares(found)}\n\n{kinds}"


def beside(development: Told, held_out: Told) -> str:
    """Each figure of the chosen way on both halves."""
    halves = [single_figures(told) for told in (development, held_out)]
    rows = [
        (name, *(_in_a_line(half[name]) for half in halves), words)
        for name, words in MEANING.items()
        if all(name in half for half in halves)
    ]
    return table(["metric", "development", "held-out", "what it says"], rows)


def single_figures(told: Told) -> dict[str, Mapping[str, Any]]:
    """Every figure of the chosen way by its name: value and interval."""
    arm = next((arm for arm in told["arms"] if arm["name"] == told["chosen"]), None)
    parts = [arm["figures"] if arm else {}, told["answers"] or {}, told["attacks"] or {}]
    return {name: part[name] for part in parts for name in part if name in MEANING}


def _shares(counted: Mapping[str, Any]) -> str:
    rows = [
        (name, _share(share["value"]), _interval(share), f"{share['part']} of {share['of']}", MEANING[name])
        for name, share in counted.items()
        if name in MEANING
    ]
    return table(["metric", "value", "95 %", "counted", "what it says"], rows, right=["value", "counted"])


def _with_interval(figure: Mapping[str, Any]) -> str:
    return f"{_share(figure['value'])}\n{_interval(figure, 2)}"


def _in_a_line(figure: Mapping[str, Any]) -> str:
    return f"{_share(figure['value'])}  {_interval(figure)}"


def _difference(figure: Mapping[str, Any]) -> str:
    interval = figure["interval"]
    return f"{figure['value']:+.3f}\n{interval['low']:+.2f} to {interval['high']:+.2f}"


def _interval(figure: Mapping[str, Any], digits: int = 3) -> str:
    interval = figure["interval"]
    return f"{interval['low']:.{digits}f} to {interval['high']:.{digits}f}" if interval else ""


def _share(value: float | None) -> str:
    """Always three digits, so that figures stand below each other; a dash for a share of nothing."""
    return "–" if value is None else f"{value:.3f}"
