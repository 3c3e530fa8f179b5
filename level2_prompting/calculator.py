"""A calculator that runs no code: numbers, + - * / **, brackets, and nothing else.

    calculate("2 * (3 + 4) ** 2")      # 98

The expression is parsed into a tree, and the tree is walked. What is in it and is no number and no such sign
is refused, and so is what would take more than a moment or more than a line to write down.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable

LONGEST = 200  # characters of an expression
LARGEST = 10**100  # of any number on the way
HIGHEST = 1000  # exponent

Number = int | float
OPERATIONS: dict[type[ast.operator], Callable[[Number, Number], Number]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}  # fmt: skip


def calculate(expression: str) -> Number:
    """The value of an expression.

    Raises:
        ValueError: it is no such expression, or too large; the message is one sentence.
    """
    if len(expression) > LONGEST:
        raise ValueError(f"The expression has {len(expression)} characters, more than {LONGEST}.")
    try:
        tree = ast.parse(expression.strip(), mode="eval")
    except (SyntaxError, ValueError):
        raise ValueError(f"{expression!r} is no expression of numbers and + - * / **.") from None
    return _value(tree.body)


def _value(node: ast.expr) -> Number:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return _bounded(number)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _value(operand)
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in OPERATIONS:
            return _bounded(_result(sign, _value(left), _value(right)))
    raise ValueError(f"{ast.unparse(node)} is neither a number nor one of + - * / **.")


def _result(sign: ast.operator, left: Number, right: Number) -> Number:
    if isinstance(sign, ast.Pow):
        if abs(right) > HIGHEST:
            raise ValueError(f"The exponent {right} is beyond {HIGHEST}.")
        if left < 0 and right != int(right):
            raise ValueError(f"{left} ** {right} is no real number.")
    try:
        return OPERATIONS[type(sign)](left, right)
    except ZeroDivisionError:
        raise ValueError("A division by zero has no value.") from None
    except OverflowError:
        raise ValueError("The number gets too large.") from None


def _bounded(number: Number) -> Number:
    if not math.isfinite(number) or abs(number) > LARGEST:
        raise ValueError("The number gets too large.")
    return number
