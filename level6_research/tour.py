"""Level 6's part of the tour: the example study at its tiniest, five seeds and two arms, and its verdict."""

from __future__ import annotations

from collections.abc import Callable

from shared.tour import Outcome

TINY = {"steps": 20, "size": 24, "scenes": 64, "validation": 32}  # half a second a trial


def tour(say: Callable[[str], None]) -> Outcome:
    """Run all ten trials, and tell the verdict as it is."""
    from level6_research.ledger import history
    from level6_research.new import TEMPLATES
    from level6_research.report import build
    from level6_research.study import load, smaller
    from level6_research.trials import run_study
    from level6_research.verdict import short

    study = smaller(load(TEMPLATES / "bitlinear"), "tour", TINY)
    record = run_study(
        study, say, again=True,
        on_done=lambda trial, _: say(f"{trial.arm}, seed {trial.seed}: {short(trial.value)}"),
    )  # fmt: skip
    say(record.standing)
    build(history(study.name)).attach()
    return Outcome(record.brief, record.run_id, record.url)
