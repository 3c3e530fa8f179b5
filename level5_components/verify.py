"""Is a layer what its paper says? A table of checks, each a measured error against a stated tolerance.

findings = verify(BitLinear, LINEAR)      # LINEAR is in checks.py
all(finding.passed for finding in findings)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from shared.tables import table

Make = Callable[..., Any]  # make(in_features, out_features, bias=False, norm="rms" or None) -> a layer


@dataclass(frozen=True)
class Trial:
    """A layer's class and a generator: all that a check needs."""

    make: Make
    rng: torch.Generator

    def layer(self, in_features: int, out_features: int, **options: Any) -> Any:
        """A layer whose parameters are drawn here, uniform on ±1/sqrt(in) as `nn.Linear` has them."""
        layer: nn.Module = self.make(in_features, out_features, **options)
        bound = in_features**-0.5
        with torch.no_grad():
            for parameter in layer.parameters():
                parameter.uniform_(-bound, bound, generator=self.rng)
        return layer

    def randn(self, *shape: int) -> Tensor:
        return torch.randn(shape, generator=self.rng)


@dataclass(frozen=True)
class Check:
    """One question to a layer.

    Attributes:
        name: a few words.
        sentence: what is wrong if it fails, and the likely mistake.
        tolerance: the largest error that passes.
        measure: gives the error, never negative; the smaller the better.
    """

    name: str
    sentence: str
    tolerance: float
    measure: Callable[[Trial], float]


@dataclass(frozen=True)
class Finding:
    """What a check found.

    Attributes:
        error: what was measured; None if that is no number, or the check raised.
        sentence: what is wrong; empty if it passed.
    """

    name: str
    passed: bool
    error: float | None
    tolerance: float
    sentence: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


Measure = Callable[[Trial], float]


class Checks(list[Check]):
    """A table of checks; `@CHECKS.add(name, sentence, tolerance)` puts a function into it."""

    def add(self, name: str, sentence: str, tolerance: float) -> Callable[[Measure], Measure]:
        def put(measure: Measure) -> Measure:
            self.append(Check(name, sentence, tolerance, measure))
            return measure

        return put


def verify(make: Make, checks: Sequence[Check], seed: int = 0) -> list[Finding]:
    """Put every check to a layer. One that raises has failed, and its sentence says what was raised."""
    return [_find(check, Trial(make, torch.Generator().manual_seed(seed))) for check in checks]


def _find(check: Check, trial: Trial) -> Finding:
    try:
        error = check.measure(trial)
    except Exception as raised:  # a learner's layer may do anything
        told = f"{check.sentence} ({type(raised).__name__}: {raised})"
        return Finding(check.name, False, None, check.tolerance, told)
    passed = error <= check.tolerance  # not so for NaN
    told = "" if passed else check.sentence
    return Finding(check.name, passed, error if math.isfinite(error) else None, check.tolerance, told)


def verify_table(findings: Sequence[Finding]) -> str:
    """The findings as text for the terminal."""
    rows = [
        ("PASS" if f.passed else "FAIL", f.name, short(f.error), short(f.tolerance), f.sentence)
        for f in findings
    ]
    return table(["", "check", "error", "tolerance", "what is wrong"], rows, right=["error", "tolerance"])


def short(error: float | None) -> str:
    """An error with two digits; a dash where there is none."""
    return "–" if error is None else f"{error:.2g}"
