"""The scalar engine against float64 torch on random graphs, and the perceptron that stands on it."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from level4_build.autograd import Value
from level4_build.graph import layout, neuron_example, svg
from level4_build.perceptron import MLP, MoonsConfig, datasets, loss_of, train
from shared.errors import BadUsage, LadderError

# An operation, the values that it takes (counted from the first), and a plain number that it may use. Numbers
# are kept small and away from poles, where a rounding error of the last bit would grow without bound.
OPERATIONS = {
    "add": lambda a, b, n: a + b,
    "subtract": lambda a, b, n: a - b,
    "multiply": lambda a, b, n: a * b,
    "divide": lambda a, b, n: a / (b * b + 1),
    "from the left": lambda a, b, n: n + n * (n - (n / (a * a + 1))),
    "with a number": lambda a, b, n: (a + n) * n / 2 - n,
    "negate": lambda a, b, n: -a,
    "square": lambda a, b, n: a**2,
    "root": lambda a, b, n: (a * a + 1) ** 0.5,
    "power 0": lambda a, b, n: a**0,
    "exp": lambda a, b, n: a.tanh().exp(),
    "log": lambda a, b, n: (a * a + 1).log(),
    "tanh": lambda a, b, n: a.tanh(),
    "relu": lambda a, b, n: a.relu(),
}
STEP = st.tuples(
    st.sampled_from(sorted(OPERATIONS)), st.integers(0, 99), st.integers(0, 99), st.floats(0.1, 2.0)
)
LARGEST = 1e4  # squares of squares grow fast: tanh brings a value above this back


def built(leaves: Sequence[Any], steps: Sequence[tuple[str, int, int, float]]) -> Any:
    """The sum of all values of a random program: the same code for values of ours and for torch's tensors."""
    values = list(leaves)
    for name, first, second, number in steps:
        new = OPERATIONS[name](values[first % len(values)], values[second % len(values)], number)
        size = float(new.data if isinstance(new, Value) else new.detach())
        values.append(new.tanh() if abs(size) > LARGEST else new)
    total = values[0]
    for value in values[1:]:
        total = total + value
    return total


@settings(max_examples=300)
@given(st.lists(st.floats(-2, 2), min_size=1, max_size=4), st.lists(STEP, max_size=15))
def test_random_graphs_have_torch_s_values_and_gradients(
    numbers: list[float], steps: list[tuple[str, int, int, float]]
) -> None:
    """To 1e-10 of the largest number that takes part.

    Both round each operation at 1e-16, in another order. Where terms cancel, the error is as large as that of
    the terms and not of their difference, hence the largest; some tens of operations leave it far below
    1e-10, and a wrong slope is far above.
    """
    ours = [Value(number) for number in numbers]
    theirs = [torch.tensor(number, dtype=torch.float64, requires_grad=True) for number in numbers]
    result, expected = built(ours, steps), built(theirs, steps)
    result.backward()
    expected.backward()
    inside = result.order()
    largest = max(1.0, *(abs(v.data) for v in inside), *(abs(v.grad) for v in inside))
    largest = max(largest, *(abs(slope * v.grad) for v in inside for slope in v.slopes), 0.0)
    assert result.data == pytest.approx(expected.item(), rel=0, abs=1e-10 * largest)
    for value, tensor in zip(ours, theirs, strict=True):
        assert value.grad == pytest.approx(tensor.grad.item(), rel=0, abs=1e-10 * largest)


def test_gradients_add_up_over_uses_and_over_calls() -> None:
    x = Value(3.0)
    y = x * x + x
    y.backward()
    assert x.grad == 7.0, "both factors and the term are x"
    y.backward()
    assert x.grad == 14.0, "a second call adds as much again, as in torch"
    (y * 2).backward()
    assert x.grad == 28.0, "and so does another end of the same graph"
    x.backward()
    assert x.grad == 29.0


def test_a_graph_deeper_than_python_can_recurse() -> None:
    x = Value(1.0)
    total = x
    for _ in range(100_000):
        total = total + x
    total.backward()
    assert (total.data, x.grad, len(total.order())) == (100_001.0, 100_001.0, 100_001)
    del total  # nor does taking it down recurse


def test_what_has_no_value_is_refused_as_by_math() -> None:
    for wrong in (lambda: Value(0.0) ** -1, lambda: Value(-1.0) ** 0.5, lambda: Value(0.0).log()):
        with pytest.raises(ValueError):
            wrong()
    assert Value(0.0).relu().slopes == (0.0,)


def torch_twin(model: MLP) -> list[torch.Tensor]:
    """The weights of a model as float64 tensors: (outputs, inputs + 1) of each layer, the bias last."""
    return [
        torch.tensor(
            [[p.data for p in n.parameters()] for n in layer.neurons], dtype=torch.float64
        ).requires_grad_()
        for layer in model.layers
    ]


def test_the_perceptron_s_gradients_are_torch_s() -> None:
    rng = np.random.default_rng(0)
    model = MLP([2, 5, 1], rng)
    hidden, last = torch_twin(model)
    points, labels = rng.normal(size=(7, 2)), np.array([-1, 1, 1, -1, 1, -1, 1])
    loss = sum((loss_of(model(p)[0], y) for p, y in zip(points, labels, strict=True)), Value(0.0))
    loss.backward()
    x = torch.tensor(points)
    h = torch.tanh(x @ hidden[:, :2].T + hidden[:, 2])  # (7, 5)
    z = (h @ last[:, :5].T + last[:, 5])[:, 0]  # (7,)
    expected = torch.nn.functional.softplus(-torch.tensor(labels) * z).sum()
    expected.backward()
    assert loss.data == pytest.approx(expected.item(), rel=1e-12)
    assert hidden.grad is not None and last.grad is not None
    theirs = torch.cat([hidden.grad.flatten(), last.grad.flatten()]).tolist()
    assert [p.grad for p in model.parameters()] == pytest.approx(theirs, rel=1e-10, abs=1e-14)


def test_the_loss_of_a_far_score_does_not_overflow() -> None:
    for score, expected in ((-5000.0, 5000.0), (5000.0, 0.0), (0.0, math.log(2))):
        assert loss_of(Value(score), 1).data == pytest.approx(expected)


def test_it_learns_what_no_straight_line_can_tell() -> None:
    from sklearn.linear_model import LogisticRegression

    config = MoonsConfig()
    told: list[int] = []
    fit = train(config, lambda step, loss: told.append(step))
    known, unseen = datasets(config)
    line = LogisticRegression().fit(*known).score(*unseen)
    assert fit.accuracy > 0.97 > line
    assert told == list(range(1, config.steps + 1)) and len(fit.losses) == config.steps
    assert not np.array_equal(known[0], unseen[0])


def test_the_same_seed_is_the_same_training_and_0_is_a_seed() -> None:
    one, same, other = (train(MoonsConfig(steps=3, seed=seed)) for seed in (0, 0, 1))
    assert one.losses == same.losses != other.losses


def test_a_training_that_bursts_says_so() -> None:
    with pytest.raises(LadderError, match=r"--lr"):
        train(MoonsConfig(steps=20, lr=1e308))
    with pytest.raises(BadUsage, match="learning rate"):
        MoonsConfig(lr=0)
    with pytest.raises(BadUsage, match="hidden"):
        MoonsConfig(hidden=0)


def test_the_drawing_holds_every_value_and_edge() -> None:
    loss = neuron_example()
    loss.label = "<loss> & co"
    loss.backward()
    values = loss.order()
    root = ET.fromstring(svg(loss))
    tag = "{http://www.w3.org/2000/svg}"
    texts = [element.text or "" for element in root.iter(f"{tag}text")]
    for value in values:
        assert any(value.label in text for text in texts)
        assert f"{value.data:.4g}" in texts and f"grad {value.grad:.4g}" in texts
    assert len(list(root.iter(f"{tag}path"))) == sum(len(value.parents) for value in values)
    place = layout(values)
    assert len(set(place.values())) == len(values), "no box lies on another"
    column = {value.label: place[value][0] for value in values}
    assert column["-target"] == column["output"] > column["input"] == column["weight"], (
        "given where it is used"
    )
    assert all(place[parent][0] < place[value][0] for value in values for parent in value.parents)


def test_a_graph_too_large_to_read_is_not_drawn() -> None:
    long = sum((Value(1.0) for _ in range(50)), Value(0.0))
    with pytest.raises(BadUsage, match="101 values"):
        svg(long)
