"""The study as a report in Markdown and in one self-contained HTML file. No number in it is typed.

    report = build(history("coin"))
    paths = report.write(Path("coin-report"))

Everything is read from MLflow, so the report can be written again anywhere, by anyone who can reach the
store. Both forms come from the same list of blocks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev

from level6_research.figure import draw, panels, svg
from level6_research.ledger import Record, curves, many, same_version, tally
from level6_research.render import Block, Cell, Link, to_html, to_markdown
from level6_research.verdict import short
from shared import store
from shared.errors import LadderError
from shared.files import write_atomic


@dataclass(frozen=True)
class Report:
    """The report in both forms, with the figure as one picture and panel by panel, each under its title."""

    name: str
    run_id: str
    markdown: str
    html: str
    figure: str
    panels: Mapping[str, str]

    def write(self, folder: Path) -> Path:
        """Write the three files into a folder; the path of the HTML file."""
        try:
            write_atomic(folder / "figure.svg", self.figure)
            write_atomic(folder / "report.md", self.markdown)
            return write_atomic(folder / "report.html", self.html)
        except OSError as error:
            raise LadderError(
                f"The report cannot be written to {folder} ({error.strerror}).",
                "Name another with --out DIR.",
            ) from None

    def attach(self) -> None:
        """Keep the report with the study's run in MLflow."""
        client = store.prepare_store()
        with store.told_plainly():
            for name, text in (
                ("figure.svg", self.figure),
                ("report.md", self.markdown),
                ("report.html", self.html),
            ):
                client.log_text(self.run_id, text, f"report/{name}")


def build(history: Sequence[Record]) -> Report:
    """The report on the last registration of a study, given all of them."""
    record = history[-1]
    found, blocks = curves(record), _blocks(history)
    pictures = {title: svg(panel) for title, panel in panels(record, found).items()}
    page = to_html(record.name, blocks, pictures)
    return Report(record.name, record.run_id, to_markdown(blocks), page, svg(draw(record, found)), pictures)


def _blocks(history: Sequence[Record]) -> list[Block]:
    record = history[-1]
    return [
        Block("title", f"Study: {record.name}"),
        Block("text", _abstract(record)),
        Block("heading", "As registered"),
        Block("text", _when(history)),
        Block("list", items=_registered(record)),
        Block("heading", "Verdict"),
        *(Block("verdict", verdict.sentence) for verdict in record.verdicts),
        *([] if record.done else [Block("verdict", record.standing)]),
        Block("figure", "The seeds in pairs, the interval of their difference, and the curves."),
        Block("heading", "By arm"),
        _table(*by_arm(record)),
        Block("heading", "Paired by seed"),
        _by_seed(record),
        Block("heading", "What failed"),
        *_lost(history),
        Block("heading", "Versions"),
        Block("text", _versions_told(history)),
        _table(*versions(history)),
        Block("heading", "Compute and environment"),
        Block("list", items=_environment(record)),
        Block("text", "Every number above was read from these runs in MLflow, or computed from them."),
        Block("list", items=[Link("The study's run", record.url), _compare(record)]),
    ]


# The parts ---------------------------------------------------------------------------------------------


def _abstract(record: Record) -> str:
    plan = record.plan
    others = ", ".join(plan.challengers)
    return (
        f"{plan.question} {others} against {plan.baseline}, {len(plan.seeds)} seeds each, judged by "
        f"{plan.metric.name} ({plan.metric.direction} is better). {record.standing}"
    )


def _when(history: Sequence[Record]) -> str:
    record, same = history[-1], same_version(history, history[-1])
    if not same[1:]:
        return f"Registered on {_minute(record)}, before the first trial:"
    return (
        f"First registered on {_minute(same[0])}, before the first trial; this is run {len(same)} of "
        f"{len(same)} of this version, begun on {_minute(record)}:"
    )


def _minute(record: Record) -> str:
    return f"{record.registered:%Y-%m-%d %H:%M}"


def _registered(record: Record) -> list[Cell]:
    plan = record.plan
    return [
        f"Question: {plan.question}",
        f"Hypothesis: {plan.hypothesis}",
        f"Metric: {plan.metric.name}, {plan.metric.direction} is better; a difference of at most "
        f"{plan.metric.rope:g} does not matter",
        f"Seeds: {', '.join(map(str, plan.seeds))}",
        f"Common settings: {_settings(plan.config)}",
        *(f"Arm {arm}: {_settings(over)}" for arm, over in plan.arms.items()),
        f"Baseline: {plan.baseline}",
        f"Budget, in minutes of trials: {plan.budget:g}",
    ]


def _settings(values: dict) -> str:
    return ", ".join(f"{key} = {value}" for key, value in values.items()) or "nothing changed"


def by_arm(record: Record) -> tuple[list[str], list[list[str]]]:
    """What each arm came to: the head of a table and its rows."""
    rows = []
    for arm in record.plan.arms:
        found = [value for (name, _), value in record.values.items() if name == arm]
        mean, sd = fmean(found) if found else None, stdev(found) if found[1:] else None
        rows.append([arm, short(mean), short(sd), str(len(found))])
    return ["arm", f"mean {record.plan.metric.name}", "sd", "n"], rows


def _table(head: Sequence[str], rows: Sequence[Sequence[Cell]]) -> Block:
    return Block("table", items=head, rows=rows)


def _by_seed(record: Record) -> Block:
    plan = record.plan
    head = ["seed", plan.baseline]
    for arm in plan.challengers:
        head += [arm, f"{arm} − {plan.baseline}"]
    rows: list[list[Cell]] = []
    for seed in plan.seeds:
        row: list[Cell] = [str(seed), _value(record, plan.baseline, seed)]
        base = record.values.get((plan.baseline, seed))
        for arm in plan.challengers:
            value = record.values.get((arm, seed))
            gap = None if value is None or base is None else value - base
            row += [_value(record, arm, seed), short(gap, sign=True)]
        rows.append(row)
    return _table(head, rows)


def _value(record: Record, arm: str, seed: int) -> Cell:
    trial = record.kept.get((arm, seed))
    return Link(short(trial.value), trial.url) if trial else "missing"


def _lost(history: Sequence[Record]) -> list[Block]:
    told = f"This run of the study made {tally(history[-1:])}."
    if history[1:]:
        told += f" All versions and runs together made {tally(history)}."
    rows: list[list[Cell]] = [
        [str(r.version), _run(history, r), Link(f"{t.arm}, seed {t.seed}", t.url), t.state, t.reason]
        for r in history
        for t in r.lost
    ]
    table = _table(["version", "run", "trial", "state", "reason"], rows)
    return [Block("text", told), *([table] if rows else [])]


def _run(history: Sequence[Record], record: Record) -> str:
    same = same_version(history, record)
    return f"{same.index(record) + 1} of {len(same)}"


def _versions_told(history: Sequence[Record]) -> str:
    record, hashes = history[-1], {r.hash for r in history}
    if len(hashes) > 1:
        told = (
            f"This is version {record.version} of {len(hashes)}: the plan or the code was changed in between."
        )
    else:
        told = "The plan and the code are those first registered."
    if same := same_version(history, record)[1:]:
        told += f" It was run {len(same) + 1} times; all are listed."
    return told


def versions(history: Sequence[Record]) -> tuple[list[str], list[list[Cell]]]:
    """Every run of every version, oldest first: the head of a table and its rows."""
    rows: list[list[Cell]] = [
        [
            str(r.version), _run(history, r), Link(r.hash, r.url), _minute(r),
            f"{len(r.values)} of {len(r.plan.trials)}", *map(str, tally([r])),
            "; ".join(f"{v.arm}: {v.word}" for v in r.verdicts) or "not finished",
        ]
        for r in history
    ]  # fmt: skip
    head = ["version", "run", "hash", "begun", "trials", "attempts", "failed", "killed", "verdict"]
    return head, rows


def _environment(record: Record) -> list[Cell]:
    unknown = sum(trial.wall_s is None for trial in record.attempts)
    missing = f", and {many(unknown, 'killed attempt')} of unknown length" if unknown else ""
    lines = [f"Time spent in trials: {short(record.spent_s)} s{missing}"]
    for key, title in PLACES.items():
        found = sorted({trial.place[key] for trial in record.kept.values() if key in trial.place})
        if found:
            lines.append(
                f"{title}: {', '.join(found)}" + (" (not the same for all trials)" if found[1:] else "")
            )
    return list(lines)


PLACES = {
    "git_sha": "Commit", "git_dirty": "With changes that are not committed", "env.machine": "Machine",
    "env.python": "Python", "env.torch": "torch", "env.numpy": "numpy", "env.scipy": "scipy",
}  # fmt: skip


def _compare(record: Record) -> Link:
    ids = [trial.run_id for trial in record.kept.values()]
    experiment = record.url.partition("/experiments/")[2].partition("/")[0]
    return Link("The trials side by side", store.compare_url([experiment], ids))
