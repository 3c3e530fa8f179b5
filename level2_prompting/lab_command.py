"""The command `ladder level2 lab`: versions of a prompt compared, and one of them put into production."""

from __future__ import annotations

import json
import sys

import click

from level2_prompting.terminal import RECORDING, provider_option
from shared.cli import example, json_option, say, say_run
from shared.progress import progress, waiting


@click.command(
    epilog=example(
        "ladder level2 lab extract",
        "ladder level2 lab route --variants v1,v2 --provider openai --limit 10",
        "ladder level2 lab --promote extract v2",
    )
)
@click.argument("prompt", default="extract")
@click.option("--variants", default="", help="Such as v1,v2 or production,v2. Default: every version.")
@provider_option
@click.option("--model", default="", help="Who answers. Default: LADDER_CHAT_MODEL, or the provider's own.")
@click.option("--temperature", type=click.FloatRange(0, 2), help="Default: the engine's own.")
@click.option("--limit", type=click.IntRange(1), help="Only the first so many items.")
@click.option(
    "--at-once", type=click.IntRange(1, 32), default=4, show_default=True, help="Requests at a time."
)
@click.option("--judge", default="", metavar="MODEL", help="Ask this model too whether answers are right.")
@click.option("--promote", nargs=2, metavar="PROMPT VERSION", help="Put a version into production.")
@json_option
def lab(
    prompt: str,
    variants: str,
    provider: str | None,
    model: str,
    temperature: float | None,
    limit: int | None,
    at_once: int,
    judge: str,
    promote: tuple[str, str] | None,
    as_json: bool,
) -> None:
    """Compare versions of a PROMPT on items whose right answers are known.

    PROMPT is extract (find a fact in a passage) or route (sort a message, answer in JSON). It takes an engine
    that follows instructions, which the reader in the box does not.
    """
    from level2_prompting import lab as work
    from level2_prompting.judge import judge as ask_judge
    from level2_prompting.lab_items import items
    from level2_prompting.lab_record import record_lab, stopped
    from level2_prompting.lab_report import summed_up

    if promote:
        _promote(*promote, as_json)
        return
    prompts, tried = work.chosen(prompt, variants, say), items(prompt)[:limit]
    engine = work.engine(provider, model, temperature)
    with progress(f"{len(tried)} items, {len(prompts)} versions of {prompt}") as advance:
        found = work.run(prompts, tried, engine, at_once=at_once, on_progress=advance)
    report, judged = summed_up(found), None
    if not as_json:
        click.echo(report.table())
    for line in report.failures():
        say(line)
    if judge and not found.stopped:
        with progress(f"Asking {judge} about {len(found.outcomes)} answers") as advance:
            judged = ask_judge(found, judge, provider, at_once=at_once, on_progress=advance)
        if not as_json:
            click.echo(f"\n{judged.line()}")
    with waiting(RECORDING):
        run = record_lab(report, judged, source="command")
    if as_json:
        about = {"judge": judged.as_dict() if judged else None, "run_id": run.id, "url": run.url}
        click.echo(json.dumps({**report.as_dict(), **about}, indent=2, ensure_ascii=False))
    else:
        say_run(run.url)
    if found.stopped or (judged and judged.stopped):
        raise KeyboardInterrupt(stopped(found))
    sys.exit(1 if report.failures() else 0)


def _promote(name: str, version: str, as_json: bool) -> None:
    from level2_prompting.prompt_registry import promote

    with waiting("Asking the prompt registry …"):
        entry = promote(name, version)
    if as_json:
        click.echo(json.dumps({"prompt": name, "version": version, "uri": entry.uri}, indent=2))
    else:
        click.echo(f"{name} {version} is in production now: {entry.uri}")
