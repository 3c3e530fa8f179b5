"""The look at the held-out half: what was chosen on the development half, on questions that nobody chose by.

    told = kept_look()                    # the figures of the last look at this, if there was one
    found, number = look()                # opens the half, measures, and keeps the figures

They are kept in `<home>/level2/held_out.json`, so that nobody looks again by accident: whoever looks, changes
something and looks again has begun to choose by the held-out half.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from filelock import FileLock, Timeout

from level2_prompting import frozen
from level2_prompting.engine import engine
from level2_prompting.evaluate import ARMS
from level2_prompting.evaluated import keep_look, looks, same_plan
from level2_prompting.evaluation import Evaluation, evaluate
from level2_prompting.material import held_out
from level2_prompting.plan import CHOSEN, Plan
from shared.errors import LadderError
from shared.files import home_folder

WHAT = (
    "This opens the held-out half of the frozen corpus. Its questions were not looked at when anything was "
    "chosen, so they tell what the choice is worth on new ones. The figures are kept, and shown again "
    "without a second look."
)


def kept_look(provider: str | None = None, plan: Plan = CHOSEN) -> dict[str, Any] | None:
    """The figures of the newest look with this plan and this engine, at the corpus as it is; None if none."""
    who, digest = _who(provider), frozen.digest()
    same = [
        told for told in looks() if (told["digest"], told["asked"]) == (digest, who) and same_plan(told, plan)
    ]
    return same[-1] if same else None


def look(
    provider: str | None = None,
    plan: Plan = CHOSEN,
    seed: int = 0,
    say: Callable[[str], None] = lambda sentence: None,
    on_progress: Callable[[float], None] = lambda share: None,
) -> tuple[Evaluation, int]:
    """Measure a plan on the held-out half, beside plain dense search, and keep the figures.

    Returns:
        the evaluation, and the number of this look at the half as it is, from 1.

    Raises:
        KeyboardInterrupt: it was stopped. Nothing has been seen then, and nothing is kept.
        LadderError: another process is looking, or a model cannot be reached.
    """
    folder = home_folder() / "level2"
    folder.mkdir(exist_ok=True)
    try:
        with FileLock(folder / "confirm.lock", timeout=0):
            found = evaluate(held_out(), plan, _arms(plan), provider, seed, say=say, on_progress=on_progress)
            if found.stopped:
                raise KeyboardInterrupt
            number = 1 + sum(told["digest"] == found.material.digest for told in looks())
            keep_look(told_of(found, number, provider))
    except Timeout:
        raise LadderError(
            "Another process is looking at the held-out half.", "Wait for it, then: ladder level2 confirm"
        ) from None
    return found, number


def told_of(found: Evaluation, number: int, provider: str | None = None) -> dict[str, Any]:
    """What is kept of a look."""
    return {**found.as_dict(), "look": number, "asked": _who(provider)}


def _arms(plan: Plan) -> dict[str, Plan]:
    """Plain dense search to compare with, and the plan under its name in the ablation."""
    name = next((name for name, arm in ARMS.items() if arm == plan), "chosen")
    return {"dense": ARMS["dense"], name: plan}


def _who(provider: str | None) -> str:
    """Whose model answers, and which."""
    who = engine(provider)
    return f"{who.provider} {who.name}"
