"""The commands of level 1: `ladder level1 transcribe|batch|score|samples`.

Results go to stdout, everything else to stderr; the link to the recorded run comes last.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, get_args

import click

from level1_api.files import reference_text, source, stems, write
from shared.cli import example, json_option, say, say_run
from shared.errors import BadUsage, LadderError
from shared.files import results_folder
from shared.models import Format
from shared.progress import progress, waiting
from shared.tables import number, table

RECORDING = "Recording the run in MLflow …"


@click.group(epilog=example("ladder level1 transcribe sample:harbour", "ladder level1 score"))
def cli() -> None:
    """Speech to text through an API: transcripts, subtitles, word times, and how right they are."""


def call_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options of one call, the same for every command."""
    given = [
        click.option("--model", default="", help="Default: pocketsphinx, or LADDER_SPEECH_MODEL."),
        click.option(
            "--provider", type=click.Choice(["local", "openai"]), help="Default: local, or LADDER_PROVIDER."
        ),
        click.option("--language", help="Two letters, such as en; the engine guesses otherwise."),
        click.option("--prompt", help="Words or style to expect."),
        click.option("--words", is_flag=True, help="Times for each word."),
        click.option("--vad/--no-vad", default=None, help="Skip what is not speech (local engines)."),
        click.option("--chunk", default=600.0, show_default=True, help="Cut files longer than this, in s."),
        click.option("--overlap", default=2.0, show_default=True, help="What pieces share, in s."),
    ]
    for option in reversed(given):
        command = option(command)
    return command


def _options(chosen: dict[str, Any], **more: Any) -> Any:
    from level1_api.plan import Options

    return Options(
        model=chosen["model"], provider=chosen["provider"] or "", language=chosen["language"],
        prompt=chosen["prompt"], words=chosen["words"], vad=chosen["vad"],
        chunk_s=chosen["chunk"], overlap_s=chosen["overlap"], **more,
    )  # fmt: skip


@cli.command(
    epilog=example(
        "ladder level1 transcribe talk.mp3",
        "ladder level1 transcribe talk.mp3 --format srt --out subtitles",
        "ladder level1 transcribe sample:harbour --words --json",
    )
)
@click.argument("files", nargs=-1)
@call_options
@click.option("--format", "form", type=click.Choice(get_args(Format)), default="text", show_default=True)
@click.option("--stream", is_flag=True, help="Show the text while it is made.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Write files here instead.")
@click.option("--reference", help="What was said, or a text file that holds it: gives a word error rate.")
@json_option
def transcribe(
    files: tuple[str, ...],
    form: Format,
    stream: bool,
    out: Path | None,
    reference: str | None,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Turn audio or video FILES into text.

    A FILE may also be a sample clip, such as sample:harbour, which is what is taken if none is named.
    """
    from level1_api.record import record

    options = _options(chosen, format=form, stream=stream)
    wanted = files or ("sample:harbour",)
    if reference is not None and len(wanted) > 1:
        raise BadUsage("A reference belongs to one file.", "Give one file, or use: ladder level1 score DIR")
    results_folder(out)
    _say_where_words_are(options.words and not as_json, form)
    printed: list[dict[str, Any]] = []
    failures = 0
    for name, stem in zip(wanted, stems(wanted), strict=True):
        try:
            title = name if len(wanted) > 1 else ""
            result, score = _one(name, options, reference, show=not as_json and out is None, title=title)
        except LadderError as error:
            if len(wanted) == 1:
                raise
            failures += 1
            say(f"Error: {error}")
            printed.append({"file": name, "error": error.message, "fix": error.fix})
            continue
        if out is not None:
            say(f"Wrote {write(out, stem, result, source(name)[0])}")
        with waiting(RECORDING):
            run = record(result, options, score, source="command")
        printed.append(_as_json(name, result, score, run))
        if score and score.wer is not None and not as_json:
            say(f"WER {score.wer:.1%}{_interval(score)}")
        if not as_json:
            say_run(run.url)
    if as_json:
        click.echo(json.dumps(printed[0] if len(printed) == 1 else printed, indent=2, ensure_ascii=False))
    sys.exit(1 if failures else 0)


def _one(name: str, options: Any, reference: str | None, show: bool, title: str) -> tuple[Any, Any]:
    """Transcribe one file, show the text at once under its title, and score it where its words are known."""
    from level1_api.score import score
    from level1_api.transcribe import transcribe as work

    path, said = source(name)
    said = reference_text(reference) if reference is not None else said

    heard: list[str] = []

    def delta(text: str) -> None:
        if title and not heard:
            click.echo(f"{title}:")
        heard.append(text)
        click.echo(text, nl=False)

    with progress(f"Transcribing {path.name}", quiet=options.stream) as advance:
        result = work(path, options, on_delta=delta if show else None, on_progress=advance, say=say)
    if show and not heard and title and result.output not in ("json", "verbose_json"):
        click.echo(f"{title}:")
    if show:
        click.echo("" if heard else result.render().rstrip("\n"))
    if not result.transcript.text.strip():
        say(f"Nobody speaks in {path.name}.")
    say(
        f"{result.engine} at {result.endpoint}: {result.audio_s:.1f} s of sound in {result.wall_s:.1f} s "
        f"(real-time factor {result.rtf:.2f})"
    )
    return result, score(said, result.transcript.text) if said is not None else None


@cli.command(
    epilog=example("ladder level1 batch recordings", "ladder level1 batch . --format srt --out subs")
)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@call_options
@click.option("--format", "form", type=click.Choice(get_args(Format)), default="text", show_default=True)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Write a file for each here.")
@click.option("--at-once", type=click.IntRange(1, 32), default=2, show_default=True)
@json_option
def batch(folder: Path, form: Format, out: Path | None, at_once: int, as_json: bool, **chosen: Any) -> None:
    """Transcribe every audio file of a FOLDER, a few at a time.

    Stop it and type it again: what was done is kept, and nothing is paid twice.
    """
    from level1_api.batch import Outcome, find_audio
    from level1_api.batch import batch as work
    from level1_api.record import recording

    options = _options(chosen, format=form)
    files = find_audio(folder)
    if not files:
        raise LadderError(f"{folder} holds no audio or video file.", "Name a folder that does.")
    results_folder(out)
    _say_where_words_are(options.words, form)
    names = dict(zip(files, stems([str(file) for file in files]), strict=True))
    title = f"batch {folder.resolve().name}"
    with ExitStack() as after, recording(title, options, source="command") as recorded:
        with progress(f"Transcribing {len(files)} files") as advance:

            def on_done(outcome: Outcome, done: int, total: int) -> None:
                if outcome.result:
                    if out is not None:
                        write(out, names[outcome.path], outcome.result, outcome.path)
                    recorded.add(outcome.result)
                advance(done / total)

            try:
                outcomes = work(files, options, at_once=at_once, say=say, on_done=on_done)
            except KeyboardInterrupt:
                after.enter_context(waiting(RECORDING))
                raise
        if not as_json:
            rows = [_outcome_row(outcome) for outcome in outcomes]
            click.echo(table(["file", "s", "rtf", "", "text"], rows, right=["s", "rtf"]))
        recorded.sum_up()
        after.enter_context(waiting(RECORDING))  # leaving `recording` waits until all is written
    if as_json:
        found = [_outcome_json(outcome) for outcome in outcomes]
        told = {"files": found, "run_id": recorded.run.id, "url": recorded.run.url}
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        say_run(recorded.run.url)
    sys.exit(0 if all(outcome.result for outcome in outcomes) else 1)


@cli.command(epilog=example("ladder level1 score", "ladder level1 score my-clips --model whisper-tiny"))
@click.argument("clips", nargs=-1)
@call_options
@json_option
def score(clips: tuple[str, ...], as_json: bool, **chosen: Any) -> None:
    """Word error rate, character error rate and speed on CLIPS whose words are known.

    CLIPS are samples (sample:harbour), or folders that hold a .txt beside each audio file with the same
    name; by default all samples in which somebody speaks.
    """
    from level1_api.evaluate import clips_of, evaluate
    from level1_api.record import record_many

    options = _options(chosen)
    chosen_clips = clips_of(clips)
    with progress(f"Scoring {len(chosen_clips)} clips") as advance:
        found = evaluate(chosen_clips, options, on_progress=advance, say=say)
    if not as_json:
        click.echo(found.table())
    name = f"score {found.results[0].model}"
    pairs = list(zip(found.results, found.scores, strict=True))
    with waiting(RECORDING):
        run = record_many(name, pairs, options, total=found.total, source="command")
    if as_json:
        click.echo(json.dumps({**found.as_dict(), "run_id": run.id, "url": run.url}, indent=2))
    else:
        say_run(run.url)


@cli.command(epilog=example("ladder level1 samples"))
@json_option
def samples(as_json: bool) -> None:
    """List the sample clips and what is said in them."""
    from level1_api.samples import samples as every

    if as_json:
        rows = [{"name": s.name, "kind": s.kind, "seconds": s.seconds, "text": s.text} for s in every()]
        click.echo(json.dumps(rows, indent=2))
        return
    click.echo(
        table(
            ["sample", "kind", "s", "voice", "title"],
            [(f"sample:{s.name}", s.kind, number(s.seconds, 1), s.voice, s.title) for s in every()],
            right=["s"],
        )
    )


# Small parts -----------------------------------------------------------------------------------------


def _say_where_words_are(wanted: bool, form: Format) -> None:
    if wanted and form in ("text", "json"):
        say(f"The format {form} shows no word times: choose --format verbose_json.")


def _outcome_row(outcome: Any) -> tuple[object, ...]:
    result = outcome.result
    if result is None:
        return outcome.path.name, "–", "–", "failed", outcome.error
    state = "cached" if result.cached else ""
    return outcome.path.name, number(result.audio_s, 1), number(result.rtf, 2), state, result.transcript.text


def _outcome_json(outcome: Any) -> dict[str, Any]:
    result = outcome.result
    if result is None:
        return {"file": str(outcome.path), "error": outcome.error.message, "fix": outcome.error.fix}
    return {"file": str(outcome.path), "text": result.transcript.text, "cached": result.cached}


def _interval(score: Any) -> str:
    if not score.interval:
        return ""
    return f" (95 % {score.interval.low:.1%} to {score.interval.high:.1%}, over {score.interval.unit})"


def _as_json(name: str, result: Any, score: Any, run: Any) -> dict[str, Any]:
    about = result.model_dump(
        include={"engine", "endpoint", "model", "provider", "audio_s", "wall_s", "rtf", "cost_usd", "notes"}
    )
    rates = {"wer": score.wer, "cer": score.cer} if score else {}
    whole = result.transcript.model_dump(exclude_none=True)
    return {"file": name, **whole, **about, **rates, "run_id": run.id, "url": run.url}
