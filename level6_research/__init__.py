"""Level 6, do research: a study with a question, seeds, arms, an interval, a verdict and a report."""

from shared.levels import Level

LEVEL = Level(
    number=6,
    slug="level6-research",
    title="A study that ends in a verdict",
    question="Is it really better, or was I lucky?",
    minutes=45,
)
