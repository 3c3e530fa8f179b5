"""Level 3, change an existing model: the encoder of level 2, slimmed through public seams alone."""

from shared.levels import Level

LEVEL = Level(
    number=3,
    slug="level3-modify",
    title="A real encoder, made slimmer",
    question="What can I change in a model that I did not write, and what does each change cost?",
    minutes=30,
    exercises=("quantise",),
)
