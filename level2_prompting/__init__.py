"""Level 2, design prompts and ground answers: questions over documents, quotes that are proven.

Read the modules in this order: corpus, split, evaluate, documents, index, stages, ask, prove, answers, chat,
lab, evaluation.
"""

from shared.levels import Baseline, Level

LEVEL = Level(
    number=2,
    slug="level2-prompting",
    title="Answers with proof over your documents",
    question="How do I make a model answer from my documents, prove it, and say when it cannot?",
    minutes=180,
    exercises=("chunking", "metrics", "cosine-search", "fusion", "cite"),
    gate="retrieval-gate",
    baseline=Baseline(
        metric="hit_at_5",
        value=0.91,  # measured 0.944: room for three questions, should arithmetic differ elsewhere
        better="higher",
        run="evaluate frozen",
        command="ladder level2 evaluate",
        words="hit@5 0.94 on 107 questions over 84 articles, by passages with their headings",
    ),
)
