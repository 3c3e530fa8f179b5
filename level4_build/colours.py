"""A colour for each class, the same in every picture: `colours_of(("background", "leaf"))`."""

from __future__ import annotations

from collections.abc import Sequence
from colorsys import hsv_to_rgb

from level4_build.scenes import PALETTE

GOLDEN = 0.618034  # of the circle of hues: steps of this length never come back to the same place


def colours_of(classes: Sequence[str]) -> list[str]:
    """For each class that of PALETTE where it is one of ours, else the next that is free, as "#rrggbb"."""
    free = (colour for name, colour in PALETTE.items() if name not in classes)
    more = (_hex(hsv_to_rgb(step * GOLDEN % 1, 0.75, 0.8)) for step in range(len(classes)))
    return [PALETTE.get(name) or next(free, None) or next(more) for name in classes]


def _hex(colour: tuple[float, float, float]) -> str:
    return "#" + "".join(f"{round(255 * part):02x}" for part in colour)
