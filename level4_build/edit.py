"""Changes of a declaration, one at a time: a block added, removed, moved, or a setting of it.

    declared = read("example:unet")
    declared = change(add(declared, 3, "norm"), 3, by="group")

A block is counted from 0 here. Where blocks are called by their number, a change may give them other names:
one that names another goes on naming the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from level4_build.declaration import Declaration, declare
from level4_build.flow import Flow, Kind
from level4_build.shapes import steps
from level4_build.specs import BLOCKS, Spec
from shared.errors import LadderError

FIRST: dict[Kind, tuple[int, ...]] = {  # the shape that an input of each kind begins with
    "picture": (3, 64, 64),
    "tokens": (16, 64),
    "vector": (64,),
    "numbers": (128,),
}
WIDEST = 8192


def add(declared: Declaration, at: int, kind: str) -> Declaration:
    """A new block of this kind in this place, with settings that fit there as well as they can."""
    known = flows(declared, at)
    given = list(known.values())[-1]
    line = {"block": kind, **_begin(kind, given, known)}
    return _kept(declared, [*declared.blocks[:at], BLOCKS[kind].model_validate(line), *declared.blocks[at:]])


def remove(declared: Declaration, at: int) -> Declaration:
    """Without this block. The last one stays: a network has at least one."""
    left = [*declared.blocks[:at], *declared.blocks[at + 1 :]]
    return _kept(declared, left) if left else declared


def move(declared: Declaration, at: int, by: int) -> Declaration:
    """The block `by` places later, or earlier if it is negative; as far as there are places."""
    blocks = list(declared.blocks)
    blocks.insert(max(0, at + by), blocks.pop(at))
    return _kept(declared, blocks)


def change(declared: Declaration, at: int, **settings: Any) -> Declaration:
    """The block with other settings.

    Raises:
        LadderError: a setting is out of range; it says which, and what may be.
    """
    lines = [
        {"block": s.block, **s.model_dump(exclude_unset=True, exclude={"block"}, mode="json")}
        for s in declared.blocks
    ]
    lines[at] |= settings
    return declare({"input": declared.input.model_dump(), "blocks": lines})


def feed(declared: Declaration, kind: Kind, shape: tuple[int, ...]) -> Declaration:
    """The blocks for another input; a shape that is not of this kind gives way to that of FIRST.

    Raises:
        BadUsage: the input cannot have this shape.
    """
    if kind != declared.input.kind:
        return replace(declared, input=Flow(kind=kind, shape=FIRST[kind]))
    return declared.of(shape)


def flows(declared: Declaration, before: int) -> dict[str, Flow]:
    """What the input and each block before this place give, by name, as far as they fit."""
    found = {"input": declared.input}
    try:
        for step in steps(declared):
            if step.number > before:
                break
            found[step.name] = step.gives
    except LadderError:  # what does not fit gives nothing
        pass
    return found


# Parts -----------------------------------------------------------------------------------------------


def _begin(kind: str, given: Flow, known: Mapping[str, Flow]) -> dict[str, Any]:
    """The settings that a block cannot do without."""
    wide = min(max(given.channels, 16), WIDEST // 2)
    tokens = [name for name, flow in known.items() if flow.kind == "tokens"]
    needed: dict[str, dict[str, Any]] = {
        "conv": {"width": wide},
        "down": {"width": 2 * wide},
        "up": {"width": max(wide // 2, 8), "skip": _twice(given, known)},
        "patches": {"width": 64},
        "embed": {"vocab": 4096, "width": 128},
        "queries": {"count": 8},
        "decoder": {"source": tokens[0] if tokens else "input"},
        "norm": {"by": "group" if given.kind == "picture" else "layer"},
        "connected": {"widths": [wide]},
        "scores": {"classes": 6},
    }
    return needed.get(kind, {})


def _twice(given: Flow, known: Mapping[str, Flow]) -> str:
    """The last block before that gives a picture of twice the size; the input if none does."""
    if given.kind == "picture":
        for name, flow in reversed(list(known.items())):
            if flow.kind == "picture" and all(
                abs(2 * a - b) <= 1 for a, b in zip(given.shape[1:], flow.shape[1:], strict=True)
            ):
                return name
    return "input"


def _kept(before: Declaration, blocks: Sequence[Spec]) -> Declaration:
    """These blocks, each naming the block that it named before, where that is still there."""
    after = replace(before, blocks=tuple(blocks))
    called = {id(spec): name for name, spec in after.named().items()}
    now = {name: called[id(spec)] for name, spec in before.named().items() if id(spec) in called}
    return replace(after, blocks=tuple(_naming(spec, now) for spec in blocks))


def _naming(spec: Spec, now: Mapping[str, str]) -> Spec:
    """The block with the present name of what it names."""
    named = {field: getattr(spec, field) for field in ("skip", "source") if hasattr(spec, field)}
    changed = {field: now[name] for field, name in named.items() if now.get(name, name) != name}
    return spec.model_copy(update=changed) if changed else spec
