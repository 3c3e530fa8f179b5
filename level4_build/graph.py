"""The graph behind a value as a picture: what it was made from on the left, itself on the right.

loss = neuron_example()
loss.backward()
Path("graph.svg").write_text(svg(loss))

Each box is a value: its name or what made it, the number, and the gradient below. Each edge carries the slope
of the right box in the left one. Read the numbers from left to right, as they came about, and the gradients
from right to left, as they flowed back: a box's gradient is that of the box on its right, times the slope
between them; where several edges leave a box, their sum.
"""

from __future__ import annotations

from html import escape
from typing import Any

from level4_build.autograd import Value
from shared.errors import BadUsage

WIDTH, HEIGHT = 96, 58  # pixels, of a box
GAP_X, GAP_Y, MARGIN = 64, 16, 12
MOST = 60  # values, so that a picture can be read
GIVEN, MADE, EDGE, INK, FLOW = "#fff3d6", "#e6eefc", "#6b7484", "#1d2433", "#b3541e"


def neuron_example(w: float = 0.8, x: float = 1.5, b: float = -0.4, target: float = -1.0) -> Value:
    """The squared error of one neuron, (tanh(w · x + b) - target)²: the smallest network with a loss."""
    weight, given, bias = Value(w, "weight"), Value(x, "input"), Value(b, "bias")
    output = (weight * given + bias).tanh()
    output.label = "output"
    loss = (output + Value(-target, "-target")) ** 2
    loss.label = "loss"
    return loss


def rows(root: Value) -> list[dict[str, Any]]:
    """Each value of the graph in the order of its computation: name, what made it, number, gradient."""
    return [{"value": v.label, "made by": v.op, "data": v.data, "grad": v.grad} for v in root.order()]


def svg(root: Value) -> str:
    """The graph of `root`, with the gradients as they are now. Call `backward` first.

    Raises:
        BadUsage: it has too many values for a picture that can be read.
    """
    values = root.order()
    if len(values) > MOST:
        raise BadUsage(
            f"This graph has {len(values)} values; at most {MOST} can be drawn.",
            "Draw a part of it: any value on the way is the end of a smaller graph.",
        )
    place = layout(values)
    width = max(x for x, _ in place.values()) + WIDTH + MARGIN
    height = max(y for _, y in place.values()) + HEIGHT + MARGIN
    edges = "".join(
        _edge(place[parent], place[value], slope)
        for value in values
        for parent, slope in zip(value.parents, value.slopes, strict=True)
    )
    boxes = "".join(_box(value, *place[value]) for value in values)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" role="img" font-family="sans-serif">'
        "<title>The graph of an expression, with each value and its gradient</title>"
        f'<rect width="100%" height="100%" fill="white"/>{edges}{boxes}</svg>'
    )


def layout(values: list[Value]) -> dict[Value, tuple[float, float]]:
    """The upper left corner of each box, in pixels.

    A value stands one column right of the last that it was made from, and a given one just left of where it
    is first used. In a column, boxes are sorted by the mean height of what they are used for, so that few
    edges cross, and the columns are centred on each other.

    Args:
        values: in the order of `Value.order`.
    """
    column: dict[Value, int] = {}
    users: dict[Value, list[Value]] = {value: [] for value in values}
    for value in values:
        column[value] = 1 + max((column[parent] for parent in value.parents), default=-1)
        for parent in value.parents:
            users[parent].append(value)
    for value in values:
        if not value.parents and users[value]:
            column[value] = min(column[user] for user in users[value]) - 1
    columns: list[list[Value]] = [[] for _ in range(max(column.values()) + 1)]
    for value in values:
        columns[column[value]].append(value)

    tallest = max(map(len, columns))
    place: dict[Value, tuple[float, float]] = {}
    for number in reversed(range(len(columns))):  # from the end, where all users have a place already
        inside = columns[number]
        inside.sort(key=lambda v: sum(place[user][1] for user in users[v]) / max(1, len(users[v])))
        top = MARGIN + (tallest - len(inside)) * (HEIGHT + GAP_Y) / 2
        for row, value in enumerate(inside):
            place[value] = (MARGIN + number * (WIDTH + GAP_X), top + row * (HEIGHT + GAP_Y))
    return place


def _edge(start: tuple[float, float], end: tuple[float, float], slope: float) -> str:
    """A curve from the right side of one box to the left side of another, with the slope at its middle."""
    x1, y1 = start[0] + WIDTH, start[1] + HEIGHT / 2
    x2, y2 = end[0], end[1] + HEIGHT / 2
    middle = (x1 + x2) / 2
    return (
        f'<path d="M{x1:.1f} {y1:.1f} C{middle:.1f} {y1:.1f} {middle:.1f} {y2:.1f} {x2:.1f} {y2:.1f}" '
        f'fill="none" stroke="{EDGE}" stroke-width="1.5"/>'
        f'<text x="{middle:.1f}" y="{(y1 + y2) / 2 + 3:.1f}" font-size="10" fill="{EDGE}" '
        f'text-anchor="middle" stroke="white" stroke-width="4" paint-order="stroke">{slope:.3g}</text>'
    )


def _box(value: Value, x: float, y: float) -> str:
    """One value: its name or what made it above, its number in the middle, its gradient below."""
    name = " = ".join(filter(None, [value.label, value.op])) or "given"
    lines = [
        (name, 15, 11, INK),
        (f"{value.data:.4g}", 33, 15, INK),
        (f"grad {value.grad:.4g}", 50, 11, FLOW),
    ]
    texts = "".join(
        f'<text x="{x + WIDTH / 2:.1f}" y="{y + down:.1f}" font-size="{size}" fill="{colour}" '
        f'text-anchor="middle">{escape(text)}</text>'
        for text, down, size, colour in lines
    )
    fill = MADE if value.parents else GIVEN
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{WIDTH}" height="{HEIGHT}" rx="6" fill="{fill}" '
        f'stroke="{EDGE}"/>{texts}'
    )
