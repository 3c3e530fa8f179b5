"""Reverse-mode differentiation of scalars: the chain rule, kept as a graph and walked once from its end.

x, y = Value(2.0, "x"), Value(-3.0, "y")
z = x * y + x.tanh()
z.backward()
print(x.grad)  # y + 1 - tanh(x)² = -2.9293

Every operation has one shape: the result, what it was made from, and the slope of the result in each of
these. `backward` is then two lines: to the gradient of what it was made from, each value adds its own times
that slope. torch does the same with tensors in place of numbers, and these are its names.

Baydin et al., Automatic Differentiation in Machine Learning: a Survey, arXiv 1502.05767, section 3.2.
"""

from __future__ import annotations

import math


class Value:
    """A number that remembers how it came about.

    Attributes:
        data: the number.
        label: its name where it is drawn.
        op: what made it; empty for one that was given.
        parents: the values that it was made from.
        slopes: its derivative in each of them, as they are now.
        grad: the derivative in this value of all that `backward` was called on. It adds up until it is set to
            0, so that a weight that is used twice, or in two batches, gets the sum: forget to reset it, and
            every step follows the steps before.
    """

    __slots__ = ("data", "grad", "label", "op", "parents", "slopes")

    def __init__(
        self,
        data: float,
        label: str = "",
        op: str = "",
        parents: tuple[Value, ...] = (),
        slopes: tuple[float, ...] = (),
    ) -> None:
        self.data, self.label, self.op = float(data), label, op
        self.parents, self.slopes = parents, slopes
        self.grad = 0.0

    def __add__(self, other: Value | float) -> Value:
        other = as_value(other)
        return Value(self.data + other.data, op="+", parents=(self, other), slopes=(1.0, 1.0))

    def __mul__(self, other: Value | float) -> Value:
        other = as_value(other)
        return Value(self.data * other.data, op="×", parents=(self, other), slopes=(other.data, self.data))

    def __pow__(self, power: float) -> Value:
        """To a power that is a plain number. ValueError for 0 ** -1 and for (-1) ** 0.5."""
        slope = power * math.pow(self.data, power - 1) if power else 0.0
        return Value(math.pow(self.data, power), op=f"^{power:g}", parents=(self,), slopes=(slope,))

    def exp(self) -> Value:
        y = math.exp(self.data)
        return Value(y, op="exp", parents=(self,), slopes=(y,))

    def log(self) -> Value:
        """The natural logarithm. ValueError unless the number is above 0."""
        return Value(math.log(self.data), op="log", parents=(self,), slopes=(1 / self.data,))

    def tanh(self) -> Value:
        y = math.tanh(self.data)
        return Value(y, op="tanh", parents=(self,), slopes=(1 - y * y,))

    def relu(self) -> Value:
        """The number where it is above 0, else 0. At 0 it has no slope; 0 is taken, as by torch."""
        return Value(max(self.data, 0.0), op="relu", parents=(self,), slopes=(float(self.data > 0),))

    # The rest is made of these.

    def __neg__(self) -> Value:
        return self * -1.0

    def __sub__(self, other: Value | float) -> Value:
        return self + -as_value(other)

    def __truediv__(self, other: Value | float) -> Value:
        return self * as_value(other) ** -1

    def __radd__(self, other: float) -> Value:
        return self + other

    def __rmul__(self, other: float) -> Value:
        return self * other

    def __rsub__(self, other: float) -> Value:
        return as_value(other) - self

    def __rtruediv__(self, other: float) -> Value:
        return as_value(other) / self

    def __repr__(self) -> str:
        return f"Value({self.data:g}{f', {self.label!r}' if self.label else ''}, grad={self.grad:g})"

    def order(self) -> list[Value]:
        """All that this value came from, each after what it was made from; itself last.

        Depth first with a stack of our own: a recursive function would end at Python's limit of about 1,000
        calls, and the graph of a batch is deeper than that.
        """
        ordered: list[Value] = []
        seen: set[Value] = set()
        stack = [(self, False)]
        while stack:
            value, parents_done = stack.pop()
            if parents_done:
                ordered.append(value)
            elif value not in seen:
                seen.add(value)
                stack.append((value, True))
                stack.extend((parent, False) for parent in reversed(value.parents))
        return ordered

    def backward(self) -> None:
        """Add to the `grad` of each given value the derivative of this one in it.

        Values on the way begin at 0 in each call; those that were given, such as weights, add up over calls.
        """
        ordered = self.order()
        for value in ordered:
            if value.parents:
                value.grad = 0.0
        self.grad += 1.0
        for value in reversed(ordered):  # a value's own gradient is complete before it is passed on
            for parent, slope in zip(value.parents, value.slopes, strict=True):
                parent.grad += slope * value.grad


def as_value(number: Value | float) -> Value:
    """A plain number as a value that was given."""
    return number if isinstance(number, Value) else Value(number)
