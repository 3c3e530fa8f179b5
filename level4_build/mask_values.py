"""What the values in the files of masks mean, and what to do if they mean nothing.

    table = meaning_of_values(("ground", "leaf"), {0: 0, 255: 1})
    mask = table[values]  # (H, W), classes

The classic is a mask of black and white, 0 and 255: read as it is, it has one class, and 255 is not counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from level4_build.scenes import IGNORE
from shared.errors import BadUsage, LadderError

SHOWN = 5  # values that are named; of more one reads that there are more


def meaning_of_values(classes: Sequence[str], values: Mapping[int, int] | None = None) -> np.ndarray:
    """The class of each of the 256 values that a mask can hold; IGNORE for those that are none. (256,)"""
    n = len(classes)
    if not 2 <= n <= IGNORE:
        raise BadUsage(
            f"{n} classes cannot be.", f"Name 2 to {IGNORE} of them; {IGNORE} itself is not counted."
        )
    table = np.full(256, IGNORE, np.uint8)
    for value, label in _named(n, values).items():
        if not 0 <= value <= 255 or not (0 <= label < n or label == IGNORE):
            raise BadUsage(
                f"The value {value} cannot mean class {label}.",
                f"Values are 0 to 255, classes 0 to {n - 1}, or {IGNORE} for what is not counted.",
            )
        table[value] = label
    return table


def _named(n: int, values: Mapping[int, int] | None) -> dict[int, int]:
    """Which class a value means; IGNORE means itself unless told otherwise."""
    return {IGNORE: IGNORE} | (dict(values) if values is not None else {label: label for label in range(n)})


def complaints(
    held: Mapping[str, set[int]], classes: Sequence[str], values: Mapping[int, int] | None
) -> Iterator[LadderError]:
    """Complaints about values that mean no class, and about the classic: masks of 0 and 255 alone."""
    known = set(_named(len(classes), values))
    every = sorted(set().union(*held.values()))
    for file, there in held.items():
        if strange := sorted(there - known):
            meant = (
                f"The classes are 0 to {len(classes) - 1}" if values is None else "`values` does not name it"
            )
            yield LadderError(
                f"{file} holds the value {_listed(strange)}. {meant}.", _way_out(every, classes)
            )
    if values is None and IGNORE in every and set(every) <= {0, IGNORE}:
        yield LadderError(
            f"The masks hold {_listed(every)} alone, and {IGNORE} is what is not counted: "
            f"no {classes[1]} would be left.",
            _way_out(every, classes),
        )


def _way_out(every: Sequence[int], classes: Sequence[str]) -> str:
    """What to do about masks that hold these values."""
    if len(every) == len(classes):
        meaning = ", ".join(f"{value}: {label}" for label, value in enumerate(every))
        return f"If they are the classes in their order, give values={{{meaning}}}."
    if len(every) > len(classes) + 1:
        return (
            f"The masks hold {len(every)} values in all, for {len(classes)} classes: name more, or look "
            "for greys between two classes, which come from smooth edges, resizing or JPEG."
        )
    return (
        f"The masks hold {_listed(every)} in all: say which class each means, as values={{{every[0]}: 0, …}}."
    )


def _listed(values: Sequence[int]) -> str:
    return ", ".join(map(str, values[:SHOWN])) + (" …" if len(values) > SHOWN else "")
