"""How an answer looks in a terminal: a draft while it comes, then what of it is proven.

    with draft() as on_delta:
        answer = ask(question, index, on_delta=on_delta)
    show(answer)

The options that several commands share stand here too.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from shared.cli import say

if TYPE_CHECKING:
    from level2_prompting.ask import Answer

RECORDING = "Recording in MLflow …"
EXAMPLE = "Does doubling a vector change its score?"
provider_option = click.option(
    "--provider", type=click.Choice(["local", "openai"]), help="Default: local, or LADDER_PROVIDER."
)


@contextmanager
def draft() -> Iterator[Callable[[str], None]]:
    """Takes the model's words as they come: on a terminal shown until the proven ones replace them."""
    if not sys.stderr.isatty():
        yield nothing
        return
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    said: list[str] = []
    with Live(Text("Looking for passages …"), console=Console(stderr=True), transient=True) as live:

        def on_delta(text: str) -> None:
            said.append(text)
            live.update(Text(f"Unproven so far: {''.join(said)}", style="dim"))

        yield on_delta


def nothing(text: str) -> None:
    """There is nobody who watches a draft, or none comes."""


def show(answer: Answer) -> None:
    """What is proven, on stdout, or that nothing is; on stderr what was left out."""
    from level2_prompting.hygiene import clean

    for claim in answer.claims:
        quote = " ".join(clean(claim.quote).split())  # a terminal obeys what is invisible
        place = f"[{claim.passage}] {where(claim.source, claim.page, claim.start, claim.end)}"
        if claim.text == quote:
            click.echo(f'"{quote}"\n    {place}')
        else:
            click.echo(f'{claim.text}\n    {place}: "{quote}"')
    if answer.abstained:
        click.echo(clean(answer.text))
    for one in () if answer.withheld else answer.dropped:
        say(f"Dropped: {clean(one.text)} ({one.reason})")
    if answer.abstained and not answer.withheld:
        names = ", ".join(dict.fromkeys(p.chunk.source for p in answer.passages))
        say(f"The nearest passages are in: {names}")
    tokens = f", {answer.usage['total_tokens']:,} tokens" if answer.usage else ""
    say(f"{answer.engine} at {answer.endpoint}: {answer.wall_s:.1f} s{tokens}")


def where(source: str, page: int | None, start: int, end: int) -> str:
    """A place in a document, in words."""
    return f"{source}{f', page {page}' if page else ''}, characters {start} to {end}"
