"""Level 6, do research: a study with a question, seeds, arms, an interval, a verdict and a report.

Read the modules in this order: study, trials, ledger, verdict, figure, report.
"""

from shared.levels import Baseline, Level

LEVEL = Level(
    number=6,
    slug="level6-research",
    title="A study that ends in a verdict",
    question="Is it really better, or was I lucky?",
    minutes=45,
    exercises=("paired",),
    baseline=Baseline(
        metric="trials",
        value=10,  # the run of a study finishes only when all its trials have
        better="higher",
        run="",  # it bears the study's name
        command="ladder level6 run",
        words="a finished study of ten trials or more",
    ),
)
