"""Level 5, write new components: BitLinear, a linear layer with weights of -1, 0 and 1."""

from shared.levels import Level

LEVEL = Level(
    number=5,
    slug="level5-components",
    title="A new layer from a paper",
    question="How do I turn a paper's equations into a layer that I can trust?",
    minutes=45,
)
