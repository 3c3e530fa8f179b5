"""The commands of level 2: `ladder level2 index|ask|chat|search|evaluate`.

Results go to stdout, everything else to stderr; the link to what was recorded comes last.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import click

from shared.cli import example, json_option, say, say_run
from shared.errors import LadderError
from shared.progress import progress, waiting
from shared.tables import table

RECORDING = "Recording in MLflow …"
EXAMPLE = "Does doubling a vector change its score?"
provider_option = click.option(
    "--provider", type=click.Choice(["local", "openai"]), help="Default: local, or LADDER_PROVIDER."
)


@click.group(epilog=example("ladder level2 ask", "ladder level2 index notes", "ladder level2 evaluate"))
def cli() -> None:
    """Questions over documents: answers with quotes that are proven, or a plain no."""


@cli.command(epilog=example("ladder level2 index notes report.md", "ladder level2 index"))
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@provider_option
@json_option
def index(paths: tuple[Path, ...], provider: str | None, as_json: bool) -> None:
    """Index Markdown, text, HTML and PDF files or folders, in place of what was indexed before.

    PATHS are by default the ten articles that come with this level.
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
    from level2_prompting.record import record_answer

    question = " ".join(words) if words else EXAMPLE
    if not words:
        say(f"No question given; asking: {EXAMPLE}")
    with waiting("Opening the index …"):
        found = current(say)
    with _draft() as on_delta:
        answer = work(question, found, k=k, provider=provider, on_delta=on_delta)
    if not as_json:
        _show(answer)
    with waiting(RECORDING):
        trace = record_answer(answer, source="command")
    url = trace.url if trace else None
    if as_json:
        about = {"trace_id": trace.id if trace else None, "url": url}
        click.echo(json.dumps({**answer.as_dict(), **about}, indent=2, ensure_ascii=False))
    else:
        say_run(url, "Trace")


@contextmanager
def _draft() -> Iterator[Callable[[str], None]]:
    """Takes the model's words as they come: on a terminal shown until the proven ones replace them."""
    if not sys.stderr.isatty():
        yield _nothing
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


def _nothing(text: str) -> None:
    """There is nobody who watches a draft, or none comes."""


def _show(answer: Any) -> None:
    """What is proven, on stdout, or that nothing is; on stderr what was left out."""
    from level2_prompting.hygiene import clean

    for claim in answer.claims:
        quote = " ".join(clean(claim.quote).split())  # a terminal obeys what is invisible
        place = f"[{claim.passage}] {claim.source}, characters {claim.start} to {claim.end}"
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


@cli.command(
    epilog=example(
        'ladder level2 search "How is a rare word weighed?" --stages',
        'ladder level2 search "error code E-404" --no-dense --json',
    )
)
@click.argument("words", nargs=-1, metavar="[QUESTION]")
@click.option("-k", default=4, show_default=True, type=click.IntRange(1, 20), help="Passages to find.")
@click.option("--dense/--no-dense", default=True, help="Search by meaning. Default: on.")
@click.option("--bm25/--no-bm25", default=True, help="Search by words. Default: on.")
@click.option("--rerank/--no-rerank", default=False, help="Judge again by single sentences. Default: off.")
@click.option("--context/--no-context", default=False, help="Find with the headings above. Default: off.")
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
    for number, passage in enumerate(found.passages, 1):
        chunk = passage.chunk
        place = f"{chunk.source}, characters {chunk.start} to {chunk.end}, cosine {passage.similarity:.3f}"
        click.echo(f"[S{number}] {place}\n    {' '.join(chunk.text.split())}")
    if show_stages:
        click.echo(table(*found.table(), right=[*found.stages]))
        click.echo(", ".join(f"{step} {1000 * seconds:.1f} ms" for step, seconds in found.times.items()))


@cli.command(epilog=example("ladder level2 chat", "ladder level2 chat --tools --provider openai"))
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
    from level2_prompting.library import current

    with waiting("Opening the index …"):
        found = current(say)
    talk = Chat(found, k=k, provider=provider, tools=tools)
    patient = sys.stdin.isatty()
    if patient:
        say(f"Ask the documents. {HELP}")

    def answer(question: str) -> None:
        with waiting("Reading the question …"):
            put = talk.put(question)
        if put.alone.by != "asked":
            say(f"Asked as: {put.alone.text}")
        with nullcontext(_nothing) if tools else _draft() as on_delta:
            turn = talk.answer(put, on_delta, _show_call)
        if not as_json:
            _show(turn.answer)
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


def _show_call(call: Any) -> None:
    """A tool that was called, with what came of it."""
    from level2_prompting.hygiene import clean

    given = ", ".join(str(value) for value in call.arguments.values())
    result = " ".join(clean(call.result).split())
    say(clean(f"Called {call.name}({given}): {result[:200]}{' …' * (len(result) > 200)}"))


@cli.command(epilog=example("ladder level2 evaluate", "ladder level2 evaluate --json"))
@click.option("-k", default=4, show_default=True, type=click.IntRange(1, 20), help="Passages to read.")
@provider_option
@json_option
def evaluate(k: int, provider: str | None, as_json: bool) -> None:
    """Measure retrieval and answers on the 55 development questions over the ten articles."""
    from level2_prompting.answers import answer_all
    from level2_prompting.evaluate import retrieval_scores
    from level2_prompting.library import bundled, encode
    from level2_prompting.record import record_evaluation

    began = time.monotonic()
    found = bundled(say)
    manifest = found.manifest()
    assert manifest is not None  # `bundled` made it
    retrieval = retrieval_scores(encode())
    with progress("Asking the development questions") as advance:
        answers = answer_all(found, provider, k, on_progress=advance)
    wall_s = time.monotonic() - began
    figures = {
        "hit_at_1": retrieval.hit_at_1, "hit_at_5": retrieval.hit_at_5, "ndcg_at_10": retrieval.ndcg_at_10,
        "right": answers.right, "declined_answerable": answers.declined_answerable,
        "beside_the_point": answers.beside_the_point, "abstention_precision": answers.abstention_precision,
        "abstention_recall": answers.abstention_recall, "quotes_proven": answers.quotes_proven,
        "withheld": answers.withheld,
    }  # fmt: skip
    if not as_json:
        rows = [(name, _share(value), MEANING[name]) for name, value in figures.items()]
        click.echo(table(["metric", "value", "what it says"], rows, right=["value"]))
    with waiting(RECORDING):
        run = record_evaluation("evaluate", retrieval, answers, manifest, wall_s, source="command")
    if as_json:
        told = {**figures, "wall_s": round(wall_s, 3), "run_id": run.id, "url": run.url}
        click.echo(json.dumps(told, indent=2))
    else:
        say_run(run.url)


@cli.command(epilog=example("ladder level2 ablate", "ladder level2 ablate --corpus articles --json"))
@click.option(
    "--corpus",
    type=click.Choice(["frozen", "articles"]),
    default="frozen",
    show_default=True,
    help="The 84 articles to measure with, or the ten to learn on.",
)
@click.option("--seed", default=0, show_default=True, type=int, help="Of the intervals.")
@json_option
def ablate(corpus: str, seed: int, as_json: bool) -> None:
    """Measure what each stage of retrieval is worth, on the development questions of a corpus.

    Each difference is to the first arm, question by question, with its interval of 95 %.
    """
    from level2_prompting.ablate import ablate as work
    from level2_prompting.record import record_ablation

    began = time.monotonic()
    with progress(f"Searching the {corpus} corpus in eight ways") as advance:
        found = work(corpus, seed, on_progress=advance)
    wall_s = time.monotonic() - began
    if not as_json:
        click.echo(found.table())
    with waiting(RECORDING):
        run = record_ablation(
            corpus, found.digest, found.arms, found.questions, seed, wall_s, source="command"
        )
    if as_json:
        told = {"arms": [arm.as_dict() for arm in found.arms], "run_id": run.id, "url": run.url}
        click.echo(json.dumps(told, indent=2))
    else:
        say_run(run.url)


@cli.command(
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


def _share(value: float | None) -> str:
    """Always three digits, so that figures stand below each other; a dash for a share of nothing."""
    return "–" if value is None else f"{value:.3f}"


MEANING = {
    "hit_at_1": "the nearest passage holds the answer",
    "hit_at_5": "one of the nearest five holds it",
    "ndcg_at_10": "the same with a discount for lower ranks, 1 is perfect",
    "right": "of the questions with an answer: a claim quotes it",
    "declined_answerable": "of the questions with an answer: declined all the same",
    "beside_the_point": "of the questions with an answer: all that is quoted stands elsewhere",
    "abstention_precision": "of those declined: there is no answer",
    "abstention_recall": "of those without an answer: declined",
    "quotes_proven": "of all claims: the quote is in its source",
    "withheld": "of all answers: it held what no passage it cites holds",
}
