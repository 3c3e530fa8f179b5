"""Level 2, design prompts and ground answers: questions over documents, quotes that are proven.

Read the modules in this order: corpus, split, evaluate, documents, index, ask, prove, answers.
"""

from shared.levels import Level

LEVEL = Level(
    number=2,
    slug="level2-prompting",
    title="Answers with proof over your documents",
    question="How do I make a model answer from my documents, prove it, and say when it cannot?",
    minutes=45,
    exercises=("cosine-search",),
    baseline="hit@5 0.93 and nDCG@10 0.79 on 40 questions with dense search (ladder level2 evaluate)",
)
