"""The figures of the latest evaluations and of the looks at the held-out half, kept in the home.

    keep(told)                        # <home>/level2/evaluated.json, by corpus
    latest("frozen")
    looks()                           # <home>/level2/held_out.json, the first look first

MLflow holds the runs, but to ask it takes seconds: these files are read in milliseconds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock

from level2_prompting.plan import Plan
from shared import store
from shared.files import home_folder, write_atomic

FORM = 1  # of the files; another one is not read
Told = Mapping[str, Any]  # what `Evaluation.as_dict` gives, with `run_id` and `url`


def keep(told: Told) -> None:
    """Keep the figures of an evaluation in place of the last one of its corpus."""
    with _lock("evaluated"):
        known = _read("evaluated")
        _write("evaluated", {**known, told["corpus"]: dict(told)})


def latest(corpus: str) -> dict[str, Any] | None:
    """The last evaluation of a corpus on this machine, with a link for today; None if there is none."""
    found = _read("evaluated").get(corpus)
    return _linked(found) if found else None


def looks() -> list[dict[str, Any]]:
    """All looks at the held-out half, the first one first, with links for today."""
    return [_linked(look) for look in _read("held_out").get("looks", [])]


def keep_look(told: Told) -> None:
    """Keep the figures of a look, in place of what is kept of the look of the same number and corpus."""
    with _lock("held_out"):
        mark = (told["digest"], told["look"])
        others = [look for look in looks() if (look["digest"], look["look"]) != mark]
        _write("held_out", {"looks": [*others, dict(told)]})


def same_plan(told: Told, plan: Plan) -> bool:
    """Whether figures are those of a plan."""
    try:
        return Plan(**told["plan"]) == plan
    except TypeError:  # of a version that had other knobs
        return False


def _linked(told: Told) -> dict[str, Any]:
    return {**told, "url": store.link_now(told.get("url"))}


def _place(name: str) -> Path:
    return home_folder() / "level2" / f"{name}.json"


def _lock(name: str) -> FileLock:
    _place(name).parent.mkdir(parents=True, exist_ok=True)
    return FileLock(_place(name).with_suffix(".lock"), timeout=10)


def _read(name: str) -> dict[str, Any]:
    """What a file holds; nothing if it is missing, damaged or of another form."""
    try:
        found = json.loads(_place(name).read_text(encoding="utf-8"))
        return dict(found["kept"]) if found["form"] == FORM else {}
    except (OSError, ValueError, TypeError, KeyError):
        return {}


def _write(name: str, kept: Mapping[str, Any]) -> None:
    write_atomic(_place(name), json.dumps({"form": FORM, "kept": kept}, indent=1, ensure_ascii=False))
