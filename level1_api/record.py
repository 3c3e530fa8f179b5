"""What is kept of each run: one file is one MLflow run, a batch or an evaluation is a run with children.

The only module of this level that records. It is called after the result has been shown.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from statistics import fmean

from level1_api import LEVEL
from level1_api.plan import Options
from level1_api.score import Score, speed
from level1_api.transcribe import Result
from shared.speech import Transcript
from shared.tracking import Run, track


def record(result: Result, options: Options, score: Score | None = None, **tags: str) -> Run:
    """Record the transcription of one file; returns when everything is written.

    Args:
        score: how right it is, where a reference is known.
        tags: more to find it by, for example `source="page"`.
    """
    told = {**_tags(result), **tags}
    with track(LEVEL.slug, result.name, _params(result, options), told, began=_began(result)) as run:
        _fill(run, result, score)
    return run


class Many:
    """A run for many files: a child for each as it is done, sums on the parent at the end."""

    def __init__(self, run: Run, options: Options) -> None:
        self.run, self.options = run, options
        self.done: list[tuple[Result, Score | None]] = []

    def add(self, result: Result, score: Score | None = None) -> None:
        """Record one file. One from the cache has its run already, from when it was asked for."""
        if not self.done:
            self.run.tag(**_tags(result))
        self.done.append((result, score))
        if not result.cached:
            params = _params(result, self.options)
            with self.run.child(result.name, params, began=_began(result), **_tags(result)) as child:
                _fill(child, result, score)

    def sum_up(self, total: Score | None = None) -> None:
        """Record what is true of all files together."""
        results = [result for result, _ in self.done]
        fresh = [r for r in results if not r.cached]
        self.run.metrics(
            {
                "files": len(results),
                "cached": len(results) - len(fresh),
                "audio_s": sum(r.audio_s for r in results),
                "cost_usd": sum(r.cost_usd or 0 for r in fresh),
                **speed([r.rtf for r in fresh]),
                **_rates(total),
            }
        )
        self.run.table(
            "files.json",
            {
                "file": [r.name for r in results],
                "audio_s": [round(r.audio_s, 2) for r in results],
                "rtf": [round(r.rtf, 4) for r in results],
                "wer": [s.wer if s else None for _, s in self.done],
                "cached": [r.cached for r in results],
                "text": [r.transcript.text for r in results],
            },
        )


@contextmanager
def recording(name: str, options: Options, **tags: str) -> Iterator[Many]:
    """Record many files while they are done, so that a batch that is stopped keeps what it had."""
    with track(LEVEL.slug, name, _common(options), tags) as run:
        yield Many(run, options)


def record_many(
    name: str, done: Iterable[tuple[Result, Score]], options: Options, total: Score, **tags: str
) -> Run:
    """Record an evaluation after it, so that the bookkeeping does not slow down what is measured."""
    with recording(name, options, **tags) as many:
        for result, score in done:
            many.add(result, score)
        many.sum_up(total)
    return many.run


def _fill(run: Run, result: Result, score: Score | None) -> None:
    transcript = result.transcript
    run.metrics(
        {
            "audio_s": result.audio_s,
            "wall_s": result.wall_s,
            "rtf": result.rtf,
            "peak_rss_mb": result.peak_rss_mb,
            "cost_usd": result.cost_usd,
            "pieces": result.pieces,
            "segments": None if transcript.segments is None else len(transcript.segments),
            **_confidence(transcript),
            **_rates(score),
        }
    )
    run.dataset(result.name, digest=result.sha256, source=result.name)
    run.artifact("transcript.json", transcript.model_dump_json(indent=1))
    run.artifact("answers.json", json.dumps(result.answers, indent=1, ensure_ascii=False))
    run.artifact("transcript.txt", transcript.text + "\n")
    if transcript.segments is not None:
        run.artifact("transcript.srt", result.render("srt"))
        run.artifact("transcript.vtt", result.render("vtt"))
    run.trace("transcribe", result.spans, inputs={"file": result.name}, outputs={"text": transcript.text})


def _common(options: Options) -> dict[str, object]:
    return {k: v for k, v in asdict(options).items() if v not in (None, "")}


def _params(result: Result, options: Options) -> dict[str, object]:
    return {**_common(options), "model": result.model, "provider": result.provider, "format": result.output}


def _began(result: Result) -> float | None:
    """When the work began, so that the run lasts as long as the work did."""
    return result.spans[0].start_ns / 1e9 if result.spans else None


def _tags(result: Result) -> dict[str, str]:
    return {"engine": result.engine, "endpoint": result.endpoint}


def _confidence(transcript: Transcript) -> dict[str, float | None]:
    """Means over what the engine told; None where it told nothing."""
    words = [w.probability for w in transcript.words or [] if w.probability is not None]
    silent = [s.no_speech_prob for s in transcript.segments or [] if s.no_speech_prob is not None]
    return {
        "word_probability": fmean(words) if words else None,
        "no_speech_prob": fmean(silent) if silent else None,
    }


def _rates(score: Score | None) -> dict[str, float | None]:
    if score is None:
        return {}
    low, high = (score.interval.low, score.interval.high) if score.interval else (None, None)
    return {
        "wer": score.wer,
        "wer_low": low,
        "wer_high": high,
        "cer": score.cer,
        "substitutions": score.substitutions,
        "deletions": score.deletions,
        "insertions": score.insertions,
    }
