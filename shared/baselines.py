"""Which levels' baselines the reader's own runs have reached, kept in `<home>/reached.json`.

    note("level1-api", "score pocketsphinx", {"wer": 0.12, "files": 13}, tags={}, url=run.url)
    print(reached()["level1-api"].url)

MLflow holds the runs, but to ask it takes seconds. So `tracking` tells of each run as it finishes, and what
reaches its level's baseline is kept in a small file that is read in milliseconds.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock

from shared import store
from shared.files import home_folder, write_atomic
from shared.levels import Baseline, Level, levels
from shared.settings import settings

LOCK_S = 10  # another process holds the file for milliseconds; a note is not worth a longer wait
NOT_OWN = ("ladder.reference", "ladder.exercise")  # tags of runs that came with the course, or from a check
TOUR = "tour"  # the tag `source` of the tour's runs, and the name of the study that it runs


@dataclass(frozen=True)
class Reached:
    """The best run of the reader's own at a level's baseline or better.

    Attributes:
        metric: what was measured, by its name in MLflow.
        url: the run's place in the MLflow UI.
        when: it was finished: ISO 8601, UTC.
    """

    metric: str
    value: float
    url: str | None
    when: str


def note(
    experiment: str, name: str, metrics: Mapping[str, float], tags: Mapping[str, str], url: str | None
) -> None:
    """Keep a run that finished, if it reaches its level's baseline and none before it was better.

    Args:
        experiment: where it was recorded: a level's slug, or `level6-<study>`.
        name: what it is called in lists.
        metrics: the last value of each.

    Never raises: a note that cannot be kept is told in one line on stderr.
    """
    try:
        level = _level_of(experiment)
        if level and level.baseline and _is_own(name, tags) and level.baseline.met(name, metrics):
            value = metrics[level.baseline.metric]
            now = datetime.now(UTC).isoformat(timespec="seconds")
            _keep(level.slug, level.baseline, Reached(level.baseline.metric, value, url, now))
    except Exception as error:  # whatever it is, the work was done and must not fail for a note
        print(
            f"Warning: it could not be noted that the run {name!r} reaches its level's baseline: {error}",
            file=sys.stderr,
        )


def reached() -> dict[str, Reached]:
    """The best run of each level whose baseline is reached, by the level's slug, with a link for today."""
    return {slug: replace(best, url=store.link_now(best.url)) for slug, best in _read().items()}


def _level_of(experiment: str) -> Level | None:
    """The level that records there. Level 6 has an experiment for each study."""
    return next((level for level in levels() if experiment.startswith(f"{level.command}-")), None)


def _is_own(name: str, tags: Mapping[str, str]) -> bool:
    """Whether the reader made this run with a command or on a page."""
    return TOUR not in (name, tags.get("source")) and not any(tag in tags for tag in NOT_OWN)


def _keep(slug: str, baseline: Baseline, new: Reached) -> None:
    with FileLock(home_folder() / "reached.lock", timeout=LOCK_S):
        known = _read()
        if slug in known and replace(baseline, value=new.value).reached(known[slug].value):
            return  # that one was as good
        rows = {key: asdict(one) for key, one in {**known, slug: new}.items()}
        write_atomic(_place(), json.dumps(rows, indent=1))


def _read() -> dict[str, Reached]:
    """What is kept and still counts, for a newer course may ask for more; nothing if the file is damaged."""
    baselines = {level.slug: level.baseline for level in levels() if level.baseline}
    try:
        rows = json.loads(_place().read_text(encoding="utf-8"))
        found = {slug: Reached(**row) for slug, row in rows.items() if slug in baselines}
        return {slug: one for slug, one in found.items() if _counts(one, baselines[slug])}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _counts(one: Reached, baseline: Baseline) -> bool:
    return one.metric == baseline.metric and baseline.reached(one.value)


def _place() -> Path:
    return settings().home / "reached.json"
