"""One thing that an exercise asks of the learner's code: what is given, and what must come back.

The `check.py` of an exercise is a function that lists such cases, the simplest first:

    def cases(work: ModuleType, rng: np.random.Generator) -> Iterator[Case]:
        yield Case("a whole second", call="srt_time", args=(1.0,), expected="00:00:01,000")
        yield Case(
            "half a millisecond is rounded up, not cut",
            call="srt_time", args=(1.0005,), expected="00:00:01,001",
            mistakes={"truncates": "00:00:01,000"},
        )

The oracle is whatever computes `expected`: a library, a formula, a slow readable reference. No code of the
learner runs while the cases are listed; each runs in its turn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any


@dataclass(frozen=True)
class Case:
    """What is given, what is expected, and which known mistakes give what instead.

    Attributes:
        title: what is looked at, in a few words.
        call: the learner's function; its place in the file is shown where the case fails.
        args: what it is called with. The learner gets a copy.
        expected: the value that must come back; in words if `holds` decides.
        holds: whether what came back is right, where more than one answer is.
        run: what to do with the learner's module, where it is more than `call(*args)`.
        given: what was given, in words; by default the call as one would type it.
        tolerance: how far a number may be from the expected one: |got - expected| <= tolerance.
        mistakes: names from `exercise.toml`, each with the value that this mistake gives, or with a
            function that recognises it in what came back.
        measures: numbers that are worth recording, computed from what came back; see `[measure]`.
    """

    title: str
    call: str
    args: tuple[Any, ...] = ()
    expected: Any = None
    holds: Callable[[Any], bool] | None = None
    run: Callable[[ModuleType], Any] | None = None
    given: str = ""
    tolerance: float = 0.0
    mistakes: Mapping[str, Any] = field(default_factory=dict)
    measures: Callable[[Any], Mapping[str, float]] | None = None


def raised(call: Callable[[], Any]) -> Any:
    """The name of the exception that a call raises, or what it returns if it raises none.

    For cases in which the learner's code must refuse: `expected="ValueError"`.
    """
    try:
        return call()
    except NotImplementedError:
        raise
    except Exception as error:
        return type(error).__name__
