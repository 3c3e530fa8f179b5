"""Level 6, do research: a study with a question, seeds, arms, an interval, a verdict and a report.

Read the modules in this order: study, trials, ledger, verdict, figure, report.
"""

from shared.levels import Level

LEVEL = Level(
    number=6,
    slug="level6-research",
    title="A study that ends in a verdict",
    question="Is it really better, or was I lucky?",
    minutes=45,
    exercises=("paired",),
    baseline="BitLinear changes iou/val by +0.003 (95 % -0.019 to +0.024) over 5 seeds (ladder level6 run)",
)
