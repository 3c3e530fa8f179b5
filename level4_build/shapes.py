"""What each block gives, what it costs, and why two do not fit: worked out before anything is computed.

    for step in steps(read("example:unet")):
        print(step.name, step.gives, step.parameters)

Each block is made on torch's "meta" device, where a tensor has a shape and no numbers, and is called once. So
its shape and its cost come from torch itself; only the words for a wrong one are ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from level4_build.declaration import Declaration
from level4_build.flow import WORDS, Flow, Kind, Misfit, WrongShape
from level4_build.specs import Spec

ROUTES: dict[tuple[Kind, Kind], str] = {  # from what there is to what is needed
    ("picture", "tokens"): "Put a `patches` before it.",
    ("picture", "vector"): "Put a `mean` before it.",
    ("numbers", "tokens"): "Put an `embed` before it.",
    ("tokens", "picture"): "Put it before the block that makes tokens of the picture.",
    ("vector", "picture"): "Put it before the block that makes one vector of the picture.",
    ("vector", "tokens"): "Put it before the block that makes one vector of the tokens.",
}


@dataclass(frozen=True)
class Step:
    """A block in its place.

    Attributes:
        number: counted from 1.
        given, other: what comes in from the block before, and from the one it names; None if it names none.
        gives: what goes out.
        parameters: how many numbers it learns.
        multiply_adds: of its convolutions, matrix products and attention, for one item; the rest is small.
    """

    number: int
    name: str
    spec: Spec
    given: Flow
    other: Flow | None
    gives: Flow
    parameters: int
    multiply_adds: int


def steps(declaration: Declaration) -> Iterator[Step]:
    """Every block in its place, one by one, so that those before a wrong one are seen.

    Raises:
        WrongShape: a block cannot take what it is given; which, what it needs, and what to change.
        LadderError: two blocks have one name.
    """
    given = declaration.input
    known = {"input": given}
    for number, (name, spec) in enumerate(declaration.named().items(), start=1):
        try:
            other = _other(spec, known)
            _check_kind(spec, given)
            spec.check(given, other)
        except Misfit as misfit:
            raise WrongShape(number, name, given, misfit) from None
        step = Step(number, name, spec, given, other, *_tried(spec, given, other))
        yield step
        given = known[name] = step.gives


def describe(declaration: Declaration, shape: tuple[int, ...] | None = None) -> list[dict[str, Any]]:
    """A row for each block: number, block, settings, takes, gives, kind, shape, parameters, multiply_adds.

    Args:
        shape: of the input without the batch; by default the declaration's own.

    Raises:
        WrongShape, LadderError: as `steps`. BadUsage: the input cannot have this shape.
    """
    return [row(step) for step in steps(declaration.of(shape) if shape else declaration)]


def as_far_as_it_fits(declaration: Declaration) -> tuple[list[dict[str, Any]], WrongShape | None]:
    """The rows of `describe` up to the first block that does not fit, and what is wrong; None if all fit.

    Raises:
        LadderError: two blocks have one name.
    """
    rows = []
    try:
        for step in steps(declaration):
            rows.append(row(step))
    except WrongShape as wrong:
        return rows, wrong
    return rows, None


def totals(rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """What all blocks cost together: parameters, multiply_adds."""
    return {name: sum(row[name] for row in rows) for name in ("parameters", "multiply_adds")}


def row(step: Step) -> dict[str, Any]:
    """A block as plain values for a table or for JSON."""
    return {
        "number": step.number, "block": step.name, "settings": step.spec.settings,
        "takes": list(step.given.shape), "gives": list(step.gives.shape), "kind": step.gives.kind,
        "words": ", ".join(f"{name} {_word(value)}" for name, value in step.spec.settings.items()),
        "shape": str(step.gives).removeprefix("a "),
        "parameters": step.parameters, "multiply_adds": step.multiply_adds,
    }  # fmt: skip


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)


def _other(spec: Spec, known: Mapping[str, Flow]) -> Flow | None:
    """What the block that this one names has given."""
    name = spec.also()
    if name is None:
        return None
    if name not in known:
        raise Misfit(f"No block before it is called {name}.", f"There are {', '.join(known)}.")
    return known[name]


def _check_kind(spec: Spec, given: Flow) -> None:
    if given.kind not in spec.takes:
        ways = [ROUTES[given.kind, kind] for kind in spec.takes if (given.kind, kind) in ROUTES]
        raise Misfit(
            f"It takes {' or '.join(WORDS[kind] for kind in spec.takes)}.",
            ways[0] if ways else "Leave it out.",
        )


def _tried(spec: Spec, given: Flow, other: Flow | None) -> tuple[Flow, int, int]:
    """What a block gives, its parameters and its multiply-adds, by a call without numbers."""
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        module = spec.module(given, other)
        out = module(given.meta()) if other is None else module(given.meta(), other.meta())
    parameters = sum(p.numel() for p in module.parameters())
    return Flow.of(out), parameters, counter.get_total_flops() // 2  # torch counts both of each pair
