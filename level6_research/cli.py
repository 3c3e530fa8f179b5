"""The commands of level 6: `ladder level6 new|run|report|studies`.

Results go to stdout, everything else to stderr; the link to the recorded run comes last.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shared.cli import example, json_option, say, say_run
from shared.errors import LadderError
from shared.progress import progress, waiting
from shared.tables import table

if TYPE_CHECKING:
    from level6_research.ledger import Record, Trial

READING = "Reading the study from MLflow …"
EXAMPLE = "example:bitlinear"


@click.group(epilog=example("ladder level6 new my-study", "ladder level6 run my-study"))
def cli() -> None:
    """Research: a question, seeds, trials that survive a kill, a verdict in words, a report."""


@cli.command(epilog=example("ladder level6 new my-study", "ladder level6 new my-coin --from coin"))
@click.argument("name", default="my-study")
@click.option("--from", "template", default="bitlinear", show_default=True, help="bitlinear or coin.")
def new(name: str, template: str) -> None:
    """Make the folder NAME with a study in it to change: what is asked, and one function that tries it."""
    from level6_research.new import new as make

    folder = make(name, template, Path())
    click.echo(folder)
    say(f"State the question in {folder / 'study.yaml'}, then: ladder level6 run {folder}")


@cli.command(
    epilog=example("ladder level6 run", "ladder level6 run my-study", "ladder level6 run example:coin --json")
)
@click.argument("folder", required=False)
@click.option("--again", is_flag=True, help="Start over where all is done; the report counts it.")
@json_option
def run(folder: str | None, again: bool, as_json: bool) -> None:
    """Run the study in FOLDER: each arm with each seed. Stop it, type it again, and it goes on.

    FOLDER may be example:bitlinear or example:coin, or the study.yaml in it. By default it is the folder you
    are in, if it holds a study, and the example otherwise.
    """
    from level6_research.new import folder_of
    from level6_research.study import load
    from level6_research.trials import run_study

    if folder is None:
        folder = "." if Path("study.yaml").is_file() else EXAMPLE
        say(f"Running {'the study in this folder' if folder == '.' else folder}.")
    study = load(folder_of(folder))
    with progress(f"Trials of {study.name}") as advance:

        def on_done(trial: Trial, record: Record) -> None:
            say(_told(trial, record))
            advance(len(record.values) / len(record.plan.trials))

        record = run_study(study, say, again=again, on_done=on_done)
    click.echo(json.dumps(_as_json(record), indent=2) if as_json else _arms(record))
    if not as_json:
        click.echo(f"\n{record.standing}")
    if not record.done:
        say(_why_not(record, folder))
    elif not as_json:
        say(f"The report: ladder level6 report {folder}")
    if not as_json:
        say_run(record.url)
    sys.exit(0 if record.done else 1)


@cli.command(
    epilog=example("ladder level6 report my-study", "ladder level6 report example:coin --out coin-report")
)
@click.argument("study", required=False)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Default: NAME-report, here.")
@json_option
def report(study: str | None, out: Path | None, as_json: bool) -> None:
    """Write the report on STUDY, a folder or a name, in Markdown and HTML; every number is from MLflow."""
    from level6_research.report import build

    name = _name(study)
    with waiting(READING):
        found = _history(name)
        made = build(found)
        page = made.write(out or Path(f"{name}-report"))
        made.attach()
    if as_json:
        click.echo(json.dumps({**_as_json(found[-1]), "report": str(page.resolve())}, indent=2))
    else:
        click.echo(found[-1].standing)
        say(f"Wrote {page.with_suffix('.md')} and {page.name}: {page.resolve().as_uri()}")
        say_run(found[-1].url)


@cli.command(epilog=example("ladder level6 studies", "ladder level6 studies --json"))
@json_option
def studies(as_json: bool) -> None:
    """List the studies that MLflow holds, how far each is, and its verdict."""
    from level6_research.ledger import history, names

    with waiting(READING):
        found = [history(name)[-1] for name in names()]
    if as_json:
        click.echo(json.dumps([_as_json(record) for record in found], indent=2))
    elif not found:
        click.echo("No study has been run yet. Run the example: ladder level6 run")
    else:
        rows = [(r.name, r.version, f"{len(r.values)}/{len(r.plan.trials)}", _words(r), r.url) for r in found]
        click.echo(table(["study", "version", "trials", "verdict", "link"], rows, right=["version"]))


# Small parts -------------------------------------------------------------------------------------------


def _name(study: str | None) -> str:
    """The name of a study from a folder, an example, or the name itself."""
    from level6_research.new import folder_of

    if study is None:
        study = "." if Path("study.yaml").is_file() else EXAMPLE
    return folder_of(study).resolve().name


def _history(name: str) -> list[Record]:
    from level6_research.ledger import history

    found = history(name)
    if not found:
        raise LadderError(f"MLflow holds no study {name!r}.", "Run it first: ladder level6 run")
    return found


def _told(trial: Trial, record: Record) -> str:
    from level6_research.verdict import short

    place = f"{len(record.values)} of {len(record.plan.trials)} · {trial.arm}, seed {trial.seed}: "
    if trial.value is None:
        return f"{place}{trial.state}: {trial.reason}"
    return f"{place}{record.plan.metric.name} {short(trial.value)} ({short(trial.wall_s)} s)"


def _why_not(record: Record, folder: str) -> str:
    from level6_research.ledger import many

    missing = many(len(record.plan.trials) - len(record.values), "trial")
    if record.spent_s >= record.plan.budget * 60:
        return "A larger budget in study.yaml is a new version of the study, with trials of its own."
    return (
        f"Without a result: {missing}. The reasons stand above; mend the cause, then: "
        f"ladder level6 run {folder}"
    )


def _arms(record: Record) -> str:
    from level6_research.report import by_arm

    head, rows = by_arm(record)
    return table(head, rows, right=head[1:])


def _words(record: Record) -> str:
    return "; ".join(f"{v.arm}: {v.word}" for v in record.verdicts) or "not finished"


def _as_json(record: Record) -> dict[str, Any]:
    return {
        "study": record.name, "hash": record.hash, "version": record.version, "done": record.done,
        "trials": [
            {"arm": t.arm, "seed": t.seed, "state": t.state, "value": t.value, "wall_s": t.wall_s,
             "reason": t.reason or None, "run_id": t.run_id}
            for t in record.attempts
        ],
        "verdicts": [
            {"arm": v.arm, "word": v.word, "difference": v.difference, "low": v.interval.low,
             "high": v.interval.high, "level": v.interval.level, "n": v.n, "sentence": v.sentence}
            for v in record.verdicts
        ],
        "run_id": record.run_id, "url": record.url,
    }  # fmt: skip
