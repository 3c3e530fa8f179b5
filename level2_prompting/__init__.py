"""Level 2, design prompts and ground answers: questions over documents, quotes that are proven."""

from shared.levels import Level

LEVEL = Level(
    number=2,
    slug="level2-prompting",
    title="Answers with proof over your documents",
    question="How do I make a model answer from my documents, prove it, and say when it cannot?",
    minutes=45,
)
