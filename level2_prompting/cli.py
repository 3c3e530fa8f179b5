"""The commands of level 2: `ladder level2 index|ask|search|chat|evaluate|confirm|lab`.

Results go to stdout, everything else to stderr; the link to what was recorded comes last.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import click

from level2_prompting.chat_command import chat
from level2_prompting.evaluate_command import confirm, evaluate
from level2_prompting.lab_command import lab
from level2_prompting.search_command import search
from level2_prompting.terminal import EXAMPLE, RECORDING, draft, provider_option, show
from shared.cli import example, json_option, say, say_run
from shared.errors import LadderError
from shared.progress import progress, waiting


@click.group(epilog=example("ladder level2 ask", "ladder level2 index notes", "ladder level2 evaluate"))
def cli() -> None:
    """Questions over documents: answers with quotes that are proven, or a plain no."""


for command in (search, chat, evaluate, confirm, lab):
    cli.add_command(command)


@cli.command(epilog=example("ladder level2 index notes report.md", "ladder level2 index"))
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@provider_option
@json_option
def index(paths: tuple[Path, ...], provider: str | None, as_json: bool) -> None:
    """Index Markdown, text, HTML and PDF files or folders, in place of what was indexed before.

    PATHS are by default the ten articles that come with this level. Where a file had to be left out, the rest
    is indexed and the exit code is 1.
    """
    from level2_prompting.corpus import FOLDER
    from level2_prompting.documents import read
    from level2_prompting.library import own
    from level2_prompting.record import record_index

    began = time.monotonic()
    with progress("Reading") as advance:
        documents, skipped = read(paths or (FOLDER,), on_progress=advance)
    for file in skipped:
        say(file.reason)
    if not documents:
        raise LadderError(
            "Nothing of this can be indexed.", "Name Markdown, text, HTML or PDF files, or a folder of them."
        )
    with progress(f"Indexing {len(documents)} documents") as advance:
        manifest = own(provider).build(documents, on_progress=advance)
    wall_s = time.monotonic() - began
    told = {
        "documents": list(manifest.documents), "chunks": manifest.chunks, "kept": manifest.kept,
        "embedded": manifest.chunks - manifest.kept, "model": manifest.model,
        "skipped": [file.reason for file in skipped], "wall_s": round(wall_s, 3),
    }  # fmt: skip
    if not as_json:
        counts = f"Documents: {len(documents)}, passages: {manifest.chunks}, encoder: {manifest.model}"
        click.echo(f"{counts}, {told['embedded']} embedded, {manifest.kept} kept, {wall_s:.1f} s")
    with waiting(RECORDING):
        run = record_index(manifest, documents, skipped, wall_s, source="command")
    if as_json:
        click.echo(json.dumps({**told, "run_id": run.id, "url": run.url}, indent=2, ensure_ascii=False))
    else:
        say_run(run.url)
    sys.exit(1 if skipped else 0)


@cli.command(
    epilog=example(
        'ladder level2 ask "Why do language models fail to count letters?"',
        'ladder level2 ask "What does a GPU cost?" --json',
    )
)
@click.argument("words", nargs=-1, metavar="[QUESTION]")
@click.option("-k", default=4, show_default=True, type=click.IntRange(1, 20), help="Passages to read.")
@provider_option
@json_option
def ask(words: tuple[str, ...], k: int, provider: str | None, as_json: bool) -> None:
    """Answer a QUESTION from the indexed documents, each claim with its proven quote.

    Without a QUESTION it asks: Does doubling a vector change its score? If nothing was indexed yet, the ten
    articles of this level are asked.
    """
    from level2_prompting.ask import ask as work
    from level2_prompting.library import current
    from level2_prompting.plan import CHOSEN
    from level2_prompting.record import record_answer

    question = " ".join(words) if words else EXAMPLE
    if not words:
        say(f"No question given; asking: {EXAMPLE}")
    with waiting("Opening the index …"):
        found = current(say)
    with draft() as on_delta:
        answer = work(question, found, plan=replace(CHOSEN, k=k), provider=provider, on_delta=on_delta)
    if not as_json:
        show(answer)
    with waiting(RECORDING):
        trace = record_answer(answer, source="command")
    url = trace.url if trace else None
    if as_json:
        about = {"trace_id": trace.id if trace else None, "url": url}
        click.echo(json.dumps({**answer.as_dict(), **about}, indent=2, ensure_ascii=False))
    else:
        say_run(url, "Trace")
