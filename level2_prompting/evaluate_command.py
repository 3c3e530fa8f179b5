"""The commands `ladder level2 evaluate`, for choosing, and `ladder level2 confirm`, for what was chosen."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from level2_prompting.terminal import RECORDING, provider_option
from shared.cli import example, json_option, say, say_run
from shared.progress import progress, waiting

if TYPE_CHECKING:
    from level2_prompting.material import Corpus


@click.command(
    epilog=example(
        "ladder level2 evaluate",
        "ladder level2 evaluate --corpus articles -k 8",
        "ladder level2 evaluate --limit 20 --json",
    )
)
@click.option("--corpus", type=click.Choice(["frozen", "articles"]), default="frozen", show_default=True,
    help="The 84 articles to measure with, or the ten to learn on.")  # fmt: skip
@click.option("-k", default=4, show_default=True, type=click.IntRange(1, 20), help="Passages to read.")
@provider_option
@click.option("--seed", default=0, show_default=True, type=int, help="Of the intervals.")
@click.option("--limit", type=click.IntRange(1), help="Only so many questions, taken evenly from all.")
@json_option
def evaluate(
    corpus: Corpus, k: int, provider: str | None, seed: int, limit: int | None, as_json: bool
) -> None:
    """Measure search in eight ways, answers and attacks, on the development half of a corpus.

    Each figure comes with its interval of 95 %. By these figures you may choose, as often as you like. What
    was chosen is then confirmed once, on the questions of the other half: ladder level2 confirm
    """
    from level2_prompting.evaluated import keep
    from level2_prompting.evaluation import evaluate as work
    from level2_prompting.evaluation_report import HOW, report
    from level2_prompting.material import development
    from level2_prompting.plan import CHOSEN
    from level2_prompting.record import record_evaluation

    material = development(corpus)
    material = material.limited(limit) if limit else material
    with progress(f"Evaluating on the {corpus} corpus") as advance:
        found = work(material, replace(CHOSEN, k=k), provider=provider, seed=seed, on_progress=advance)
    told = found.as_dict()
    if not as_json:
        click.echo(f"{report(told)}\n\n{HOW}")
    with waiting(RECORDING):
        run = record_evaluation(found, source="command")
    told |= {"run_id": run.id, "url": run.url}
    if told["whole"]:
        keep(told)
    _end(told, as_json)
    if found.stopped:
        raise KeyboardInterrupt("Stopped: the parts that were whole are shown and recorded.")


@click.command(epilog=example("ladder level2 confirm", "ladder level2 confirm --json"))
@provider_option
@click.option("--again", is_flag=True, help="Measure again, though a second look is a choice.")
@json_option
def confirm(provider: str | None, again: bool, as_json: bool) -> None:
    """Open the held-out half of the frozen corpus once, for the search and the engine that were chosen.

    Measured as evaluate does: plain dense search and the chosen one, answers, attacks. The figures are kept,
    and shown beside those of the development half; from then on this command shows them without measuring.
    """
    from level2_prompting.confirm import WHAT, kept_look, look, told_of
    from level2_prompting.evaluated import keep_look
    from level2_prompting.record import record_evaluation

    told = kept_look(provider)
    if told and not again:
        say(f"Kept from the look of {told['when']}: nothing is measured. See --again.")
        _confirmed(told, as_json)
        return
    say(
        WHAT
        if told is None
        else "A second look is a choice: what you change after it is fitted to this half."
    )
    with progress("Measuring on the held-out half") as advance:
        found, number = look(provider, on_progress=advance)
    told = told_of(found, number, provider)
    if not as_json:
        _show_look(told)
    with waiting(RECORDING):
        run = record_evaluation(found, source="command", look=str(number))
    told |= {"run_id": run.id, "url": run.url}
    keep_look(told)
    _end(told, as_json)


def _confirmed(told: dict[str, Any], as_json: bool) -> None:
    if not as_json:
        _show_look(told)
    _end(told, as_json)


def _show_look(told: dict[str, Any]) -> None:
    """The figures of a look, and those of the development half beside them if they are kept."""
    from level2_prompting.evaluated import latest, same_plan
    from level2_prompting.evaluation_report import HOW, beside, report
    from level2_prompting.plan import Plan

    click.echo(f"Look {told['look']} at the held-out half\n\n{report(told)}")
    chosen_by = latest("frozen")
    if chosen_by and chosen_by["digest"] == told["digest"] and same_plan(chosen_by, Plan(**told["plan"])):
        click.echo(f"\nThe half that was chosen by, beside it:\n{beside(chosen_by, told)}")
    else:
        say("To see the development half beside it: ladder level2 evaluate")
    click.echo(f"\n{HOW}")


def _end(told: dict[str, Any], as_json: bool) -> None:
    """For a script everything; for a person the link, last."""
    if as_json:
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        say_run(told.get("url"))
