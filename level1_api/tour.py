"""Level 1's part of the tour: three clips through the service, scored and recorded, in a few seconds."""

from __future__ import annotations

from collections.abc import Callable

from shared.tour import Outcome

CLIPS = ("sample:harbour", "sample:pause", "sample:silence")


def tour(say: Callable[[str], None]) -> Outcome:
    """Transcribe a clear clip, one with a long pause, and one in which nobody speaks."""
    from level1_api.evaluate import clips_of, evaluate
    from level1_api.plan import Options
    from level1_api.record import record_many

    options = Options(words=True)
    found = evaluate(clips_of(CLIPS), options, say=say)
    for result in found.results:
        say(f"{result.name}: {result.transcript.text or '(nothing is said)'}")
    pairs = list(zip(found.results, found.scores, strict=True))
    run = record_many("tour", pairs, options, total=found.total, source="tour")
    wer, engine = found.total.wer, found.results[0].engine
    assert wer is not None  # two of the clips have words
    return Outcome(f"{len(CLIPS)} clips, word error rate {wer:.0%} with {engine}", run.id, run.url)
