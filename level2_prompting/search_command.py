"""The command `ladder level2 search`: the passages for a question, and each stage's ranks and scores."""

from __future__ import annotations

import json
from typing import Any

import click

from level2_prompting.terminal import EXAMPLE, provider_option, where
from shared.cli import example, json_option, say
from shared.progress import waiting
from shared.tables import table


@click.command(
    epilog=example(
        'ladder level2 search "How is a rare word weighed?" --bm25 --rerank --stages',
        'ladder level2 search "error code E-404" --bm25 --no-dense --json',
    )
)
@click.argument("words", nargs=-1, metavar="[QUESTION]")
@click.option("-k", default=4, show_default=True, type=click.IntRange(1, 20), help="Passages to find.")
@click.option("--dense/--no-dense", default=True, help="Search by meaning. Default: on.")
@click.option("--bm25/--no-bm25", default=False, help="Search by words. Default: off.")
@click.option("--rerank/--no-rerank", default=False, help="Judge again by single sentences. Default: off.")
@click.option("--context/--no-context", default=True, help="Find with the headings above. Default: on.")
@click.option("--distinct", default=0.97, show_default=True, type=click.FloatRange(0, 1, min_open=True),
    help="Cosine above which two passages say the same; 1 keeps both.")  # fmt: skip
@click.option("--pool", default=50, show_default=True, type=click.IntRange(1, 1000),
    help="Candidates of each stage.")  # fmt: skip
@click.option("--cross-encoder", default="", metavar="FOLDER", help="Rerank with this model instead.")
@click.option("--stages", "show_stages", is_flag=True, help="Show every candidate in every stage.")
@provider_option
@json_option
def search(
    words: tuple[str, ...], show_stages: bool, provider: str | None, as_json: bool, **knobs: Any
) -> None:
    """Find the passages for a QUESTION, by meaning and by words, and show how each stage ranks them.

    Without a QUESTION it searches for: Does doubling a vector change its score? Nothing is answered: that is
    what ask does.
    """
    from level2_prompting.library import current
    from level2_prompting.stages import Plan
    from level2_prompting.stages import search as work

    question = " ".join(words) if words else EXAMPLE
    if not words:
        say(f"No question given; searching for: {EXAMPLE}")
    plan = Plan(**knobs)
    with waiting("Searching …"):
        found = work(current(say), question, plan, provider)
    if as_json:
        click.echo(json.dumps(found.as_dict(), indent=2, ensure_ascii=False))
        return
    if not found.passages:
        say("Nothing was found: no passage holds a word of the question.")
    for number, passage in enumerate(found.passages, 1):
        chunk = passage.chunk
        place = where(chunk.source, found.page(chunk), chunk.start, chunk.end)
        click.echo(
            f"[S{number}] {place}, cosine {passage.similarity:.3f}\n    {' '.join(chunk.text.split())}"
        )
    if show_stages:
        click.echo(table(*found.table(), right=[*found.stages]))
        click.echo(", ".join(f"{step} {1000 * seconds:.1f} ms" for step, seconds in found.times.items()))
