"""The command `ladder level2 chat`: question after question, typed or piped in."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from level2_prompting.terminal import RECORDING, draft, nothing, provider_option, show
from shared.cli import example, say, say_run
from shared.progress import waiting

if TYPE_CHECKING:
    from level2_prompting.tools import Call


@click.command(epilog=example("ladder level2 chat", "ladder level2 chat --tools --provider openai"))
@click.option("-k", default=4, show_default=True, type=click.IntRange(1, 20), help="Passages to read.")
@click.option("--tools", is_flag=True, help="Let the engine call a calculator and the search.")
@provider_option
@click.option("--json", "as_json", is_flag=True, help="Print each turn as JSON, one a line.")
def chat(k: int, tools: bool, provider: str | None, as_json: bool) -> None:
    """Talk with the indexed documents: a follow-up question may refer to what was said before.

    Each question is first put so that it stands alone, and shown as it is asked. /new begins a new
    conversation, /quit ends. Questions that are piped in are answered one a line.
    """
    from level2_prompting.chat import HELP, Chat, converse, record_turn
    from level2_prompting.hygiene import clean
    from level2_prompting.library import current
    from level2_prompting.plan import CHOSEN

    with waiting("Opening the index …"):
        found = current(say)
    talk = Chat(found, plan=replace(CHOSEN, k=k), provider=provider, tools=tools)
    patient = sys.stdin.isatty()
    if patient:
        say(f"Ask the documents. {HELP}")

    def answer(question: str) -> None:
        with waiting("Reading the question …"):
            put = talk.put(question)
        if put.alone.by != "asked":
            say(f"Asked as: {put.alone.text}")
        with nullcontext(nothing) if tools else draft() as on_delta:
            turn = talk.answer(put, on_delta, _show_call)
        if not as_json:
            if not patient:  # nobody saw it being typed
                click.echo(f"> {clean(question)}")
            show(turn.answer)
            click.echo()
        with waiting(RECORDING):
            trace = record_turn(turn, source="command")
        if as_json:
            about = {"trace_id": trace.id if trace else None, "url": trace.url if trace else None}
            click.echo(json.dumps({**turn.as_dict(), **about}, ensure_ascii=False))
        else:
            say_run(trace.url if trace else None, "Trace")

    if not converse(talk, _typed(patient), answer, say, patient):
        sys.exit(1)


def _typed(patient: bool) -> Iterator[str]:
    """What a person types, or the lines that are piped in. Ctrl-C and Ctrl-D at the prompt end it."""
    if not patient:
        yield from (line.decode(errors="replace") for line in sys.stdin.buffer)
        return
    while True:
        try:
            yield click.prompt("Question", default="", show_default=False, err=True)
        except click.Abort:
            say("")
            return


def _show_call(call: Call) -> None:
    """A tool that was called, with what came of it."""
    from level2_prompting.hygiene import clean

    given = ", ".join(str(value) for value in call.arguments.values())
    result = " ".join(clean(call.result).split())
    say(clean(f"Called {call.name}({given}): {result[:200]}{' …' * (len(result) > 200)}"))
