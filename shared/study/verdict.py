"""What a check found: a state for the whole, and a finding for each case, read from what the child told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from shared.study.exercise import Exercise, Measure

State = Literal["TODO", "FAIL", "ERROR", "BLOCKED", "PASS"]
RETURNS_NONE = "The function returns nothing: is there a `return` at its end?"
DEFECT = "the check of this exercise is broken, not your code: please report it"
CUT_OFF = "the process ended in the middle of the check"


@dataclass(frozen=True)
class Finding:
    """What came of one case, or of what stands before all cases (then without a title)."""

    title: str
    state: State
    given: str = ""
    expected: str = ""
    got: str = ""
    why: str = ""
    likely: str = ""
    line: int | None = None
    message: str = ""
    traceback: str = ""
    seconds: float | None = None
    measures: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """What a check found. Its state is that of the earliest finding that did not pass."""

    name: str
    file: Path
    findings: tuple[Finding, ...]
    total: int = 0  # cases
    seconds: float = 0.0
    printed: str = ""
    restored: bool = False  # the code deleted its own file, which was put back

    @property
    def first(self) -> Finding | None:
        """The earliest that did not pass."""
        return next((finding for finding in self.findings if finding.state != "PASS"), None)

    @property
    def state(self) -> State:
        """The one word for all of it."""
        return self.first.state if self.first else "PASS"

    @property
    def passed(self) -> int:
        """How many cases passed."""
        return sum(finding.state == "PASS" for finding in self.findings)

    @property
    def measures(self) -> dict[str, float]:
        """What the cases measured."""
        return {name: value for finding in self.findings for name, value in finding.measures.items()}

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        found = {**asdict(self), "file": str(self.file), "state": self.state, "passed": self.passed}
        return {**found, "measures": self.measures}


def alone(one: Exercise, file: Path, state: State, message: str) -> Verdict:
    """A verdict before any case could be tried."""
    return Verdict(one.name, file, (Finding("", state, message=message),))


def from_events(one: Exercise, file: Path, told: str, end: str, **about: Any) -> Verdict:
    """The verdict of what a child told.

    Args:
        told: the lines of its `events.jsonl`.
        end: why it was ended from outside, empty if it was not.
        about: the other fields of the verdict.
    """
    titles: list[str] = []
    findings: list[Finding] = []
    running, last = "", ""
    for event in _events(told):
        last = event.pop("kind")
        if last == "cases":
            titles = event["titles"]
        elif last == "start":
            running = titles[event["number"]]
        elif last in ("case", "broken"):
            running = ""
            findings.append(_needed(one.about.measure, _finding(one, event)))
        elif last == "timeout":
            message = f"it did not end within {one.about.seconds:g} s: is there a loop without an end?"
            findings.append(Finding(running, "ERROR", message=message, line=event["line"]))
        elif last == "defect":
            findings.append(Finding("", "ERROR", message=DEFECT, traceback=event["traceback"]))
    if last not in ("end", "broken", "timeout", "defect"):
        findings.append(Finding(running, "ERROR", message=end or CUT_OFF))
    return Verdict(one.name, file, tuple(findings), len(titles), **about)


def _finding(one: Exercise, event: dict[str, Any]) -> Finding:
    likely = event.pop("likely", "")
    sentence = RETURNS_NONE if likely == "returns_none" else one.about.mistakes.get(likely, "")
    return Finding(**{"title": "", **event, "likely": sentence})


def _needed(measure: Measure | None, found: Finding) -> Finding:
    """A case that measures passes only if the measure is good enough."""
    value = found.measures.get(measure.metric) if measure else None
    if measure is None or value is None or found.state != "PASS" or measure.good(value):
        return found
    return replace(found, state="FAIL", expected=str(measure), got=f"{measure.metric} = {value:.4g}")


def _events(told: str) -> Iterator[dict[str, Any]]:
    """The events that were written whole."""
    for line in told.split("\n"):
        try:
            yield json.loads(line)
        except ValueError:  # the end, or cut off in the middle
            return
