"""Level 3's part of the tour: the encoder in three slimmer forms, weighed, judged and timed in seconds."""

from __future__ import annotations

from collections.abc import Callable

from shared.tour import Outcome

NAMES = ("bf16", "int8-channel", "layers-3-spread")
ROUNDS = 3  # the fewest that allow a word about speed


def tour(say: Callable[[str], None]) -> Outcome:
    """Measure three changes beside the untouched encoder, in three rounds of timing."""
    from level3_modify.record import record
    from level3_modify.slim import Plan, slim
    from level3_modify.words import headline, sentences

    study = slim(Plan(NAMES, ROUNDS))
    for line in sentences(study):
        say(line)
    run = record(study, "tour", source="tour").run
    return Outcome(headline(study), run.id, run.url)
