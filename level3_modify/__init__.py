"""Level 3, change an existing model: the encoder of level 2, slimmed through public seams alone."""

from shared.levels import Baseline, Level

LEVEL = Level(
    number=3,
    slug="level3-modify",
    title="A real encoder, made slimmer",
    question="What can I change in a model that I did not write, and what does each change cost?",
    minutes=30,
    exercises=("quantise",),
    baseline=Baseline(
        metric="bf16/size_mb",
        value=45.5,
        better="lower",
        run="slim",
        command="ladder level3 slim",
        words="the encoder in 45.5 MB and not 90.9 (bf16), with hit@5 still 0.93 on 40 questions",
        at_least={"bf16/hit_at_5": 0.9},  # measured 0.925: room for one question, as in level 2
    ),
)
