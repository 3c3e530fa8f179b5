"""The run of an exercise that measures something, and the reference run to compare it with.

What the solution measures stands in the exercise's `reference.json`, written by `ladder dev measure`; the
learner's store gets it as a run of its own, so that there is something to compare with from the first day.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from filelock import FileLock

from shared import store
from shared.files import home_folder, write_atomic
from shared.settings import settings
from shared.study.exercise import Exercise
from shared.study.verdict import Verdict
from shared.tracking import track

BESIDE = ("chance", "baseline")  # what a check may measure beside the learner's value


@dataclass(frozen=True)
class Recorded:
    """A learner's run, and where it stands beside the reference run. None where the store is away."""

    url: str | None
    compare: str | None


def record(one: Exercise, verdict: Verdict) -> Recorded | None:
    """Record a pass that measured something; None if this exercise measures nothing.

    Never raises for the store's sake: a run that cannot be recorded is complained about in one line.
    """
    measure = one.about.measure
    if measure is None or measure.metric not in verdict.measures:
        return None
    params = {"exercise": one.name}
    tags = {"ladder.exercise": one.name, "seed": "0", "device": "cpu", "needed": str(measure)}
    with track(one.level.slug, f"exercise {one.name}", params, tags) as run:
        run.metrics(_metrics(one, verdict.measures), wall_s=verdict.seconds)
        run.artifact(f"{one.name}.py", verdict.file)
        mine, url = run.id, run.url
    if mine is None:
        return Recorded(None, None)
    reference = references([one]).get(one.name)
    compare = reference and store.compare_url([reference["experiment"]], [reference["run_id"], mine])
    return Recorded(url, compare or None)


def references(exercises: Iterable[Exercise], say: Callable[[str], None] | None = None) -> dict[str, Any]:
    """The reference runs by exercise; those that the store does not have yet are brought in.

    What has been brought stays known in `<home>/references.json`. A store that is away brings nothing.
    """
    place = settings().home / "references.json"
    with FileLock(home_folder() / "references.lock"):
        try:
            known = json.loads(place.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            known = {}
        for one in exercises:
            found = one.reference()
            if found is None or known.get(one.name, {}).get("measured") == found:
                continue
            if say:
                say(f"Bringing the reference run of {one.name} …")
            run = _bring(one, found)
            if run is None:
                break
            known[one.name] = {**run, "measured": found}
        write_atomic(place, json.dumps(known, indent=1))
    return known


def _bring(one: Exercise, found: dict[str, Any]) -> dict[str, str] | None:
    about = {name: value for name, value in found.items() if name != "metrics"}
    params, tags = {"exercise": one.name}, {"ladder.exercise": one.name, "ladder.reference": "true", **about}
    with track(one.level.slug, f"reference {one.name}", params, tags) as run:
        run.metrics(_metrics(one, found["metrics"]))
        run_id, url = run.id, run.url
    if run_id is None or url is None:
        return None
    return {"run_id": run_id, "url": url, "experiment": url.partition("/experiments/")[2].partition("/")[0]}


def _metrics(one: Exercise, measures: dict[str, float]) -> dict[str, float]:
    """`wer`, and beside it `wer/chance` and `wer/baseline`."""
    metric = one.about.measure.metric if one.about.measure else ""
    return {f"{metric}/{name}" if name in BESIDE else name: value for name, value in measures.items()}
