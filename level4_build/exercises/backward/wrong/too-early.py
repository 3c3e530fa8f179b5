"""Backward: from the end of a calculation to the slope in every number it began with.

Each `Value` remembers its parents, which it was made from, and its slope in each of them. `backward(end)`
gives every value its gradient: how fast `end` grows with it. It is a sum over the value's children: the
gradient of each child, times the child's slope in the value.

    x, y = Value(3.0), Value(-4.0)
    backward(x * y + x)
    x.grad, y.grad          must be (-3.0, 3.0): x is used twice, and y + 1 is -3

As in torch, what a value has in `grad` already is added to, and relu has the slope 0 at 0.

Check with: ladder check backward
"""

from __future__ import annotations


class Value:
    """A number that remembers what it was made from."""

    def __init__(self, data: float, parents: tuple[Value, ...] = (), slopes: tuple[float, ...] = ()) -> None:
        self.data, self.parents, self.slopes, self.grad = data, parents, slopes, 0.0

    def __add__(self, other: Value) -> Value:
        return Value(self.data + other.data, (self, other), (1.0, 1.0))

    def __mul__(self, other: Value) -> Value:
        return Value(self.data * other.data, (self, other), (other.data, self.data))

    def relu(self) -> Value:
        return Value(max(self.data, 0.0), (self,), (float(self.data > 0),))


def order(end: Value) -> list[Value]:
    """All that `end` came from, each once and after its parents; `end` is last."""
    ordered = [end]
    for value in ordered:
        ordered += [parent for parent in value.parents if parent not in ordered]
    return ordered[::-1]


def backward(end: Value) -> None:
    """Add to the `grad` of every value that `end` came from the derivative of `end` in it."""
    end.grad += 1.0
    for value in reversed(order(end)):  # all its children have told it their share
        for parent, slope in zip(value.parents, value.slopes, strict=True):
            parent.grad += slope * value.grad


if __name__ == "__main__":
    x, y = Value(3.0), Value(-4.0)
    backward(x * y + x)
    print(x.grad, y.grad)
