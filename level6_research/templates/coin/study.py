"""One trial: toss one coin many times."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

EVERY = 100  # tosses between two points of the curve

Report = Callable[[int, Mapping[str, float]], None]


def run(config: dict[str, Any], seed: int, report: Report) -> dict[str, float]:
    """Toss the coin and return the share of heads.

    Both arms of a seed get the same random numbers, so what differs between them is the coin alone.
    """
    rng = np.random.default_rng(seed)
    heads = rng.random(config["tosses"]) < config["p"]  # (tosses,)
    for step in range(EVERY, config["tosses"] + 1, EVERY):
        report(step, {"heads/so_far": float(heads[:step].mean())})
    return {"heads": float(heads.mean())}
