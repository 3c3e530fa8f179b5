"""Graphs so small that the chain rule can be done by hand, then random ones against torch in float64."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np
import torch

from shared.study.case import Case

Formula = Callable[..., Any]  # of values of the learner's, or of tensors
NEAR = 1e-9  # float64: two orders of the same sum, of numbers up to some thousands
OPERATIONS = 12


def cases(work: ModuleType, rng: np.random.Generator) -> Iterator[Case]:
    yield _case(
        "a sum",
        "x + y",
        lambda x, y: x + y,
        [3.0, -4.0],
        {"no-beginning": [0.0, 0.0]},
    )
    yield _case("a product", "x * y", lambda x, y: x * y, [3.0, -4.0], {"own-slope": [3.0, -4.0]})
    yield _case(
        "relu of a negative number, of 0 and of a positive one",
        "x.relu() + y.relu() + z.relu()",
        lambda x, y, z: x.relu() + y.relu() + z.relu(),
        [-2.0, 0.0, 5.0],
        {"relu-lets-through": [1.0, 1.0, 1.0]},
    )
    yield _case(
        "a value that is used twice",
        "x * y + x",
        lambda x, y: x * y + x,
        [3.0, -4.0],
        {"assigned": lambda got: abs(got[0]) in (1.0, 4.0)},  # one of the two shares, whichever came last
    )
    yield _case(
        "a value on the way that is used twice",
        "a * (a + x), where a is x * y",
        lambda x, y: (a := x * y) * (a + x),
        [2.0, 3.0],
        {"too-early": [30.0, 16.0], "handed-on-twice": [72.0, 44.0]},
    )
    yield Case(
        "one weight in two graphs, one backward after the other",
        call="backward",
        run=_two_graphs,
        given="w = Value(2.0); backward(w * Value(3.0)); backward(w * Value(5.0)); w.grad",
        expected=8.0,
        tolerance=NEAR,
        mistakes={"resets": 5.0, "assigned": 5.0},
    )
    for number in (1, 2):
        formula, numbers = _draw(rng)
        words = f"a graph of {OPERATIONS} operations and more, drawn at random"
        yield _case(f"random graph {number} of 2, compared with torch", words, formula, numbers, {})


def _case(title: str, words: str, formula: Formula, numbers: list[float], mistakes: dict[str, Any]) -> Case:
    names = "xyz" if len(numbers) < 4 else "abcd"
    began = ", ".join(f"{name} = {number:g}" for name, number in zip(names, numbers, strict=False))

    def gradients(work: ModuleType) -> list[float]:
        values = [work.Value(number) for number in numbers]
        work.backward(formula(*values))
        return [value.grad for value in values]

    return Case(
        title,
        call="backward",
        run=gradients,
        given=f"the gradients of {words}, with {began}",
        expected=_by_torch(formula, numbers),
        tolerance=NEAR,
        mistakes=mistakes,
    )


def _by_torch(formula: Formula, numbers: Sequence[float]) -> list[float]:
    """The oracle: the same formula of float64 tensors."""
    leaves = [torch.tensor(number, dtype=torch.float64, requires_grad=True) for number in numbers]
    formula(*leaves).backward()
    return [0.0 if leaf.grad is None else leaf.grad.item() for leaf in leaves]


def _two_graphs(work: ModuleType) -> float:
    w = work.Value(2.0)
    work.backward(w * work.Value(3.0))
    work.backward(w * work.Value(5.0))
    return w.grad


def _draw(rng: np.random.Generator) -> tuple[Formula, list[float]]:
    """A formula of four numbers, and numbers for which no gradient is so large that NEAR is too little."""
    while True:
        numbers = rng.uniform(-2, 2, 4).round(3).tolist()
        steps = [
            (int(rng.integers(3)), int(rng.integers(4 + done)), int(rng.integers(done, 4 + done)))
            for done in range(OPERATIONS)
        ]  # which operation, and which of the values so far it takes
        formula = partial(_build, steps)
        if max(map(abs, _by_torch(formula, numbers))) < 1000:
            return formula, numbers


def _build(steps: Sequence[tuple[int, int, int]], *given: Any) -> Any:
    values = list(given)
    for kind, left, right in steps:
        one, other = values[left], values[right]
        values.append((one + other, one * other, one + other.relu())[kind])
    total = values[-1]
    for value in values[:-1]:  # so that every value has its say
        total = total + value
    return total
