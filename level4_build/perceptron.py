"""A network of two layers on scalars alone, trained to tell two half-moons apart.

fit = train(MoonsConfig(steps=300))
print(fit.accuracy)  # on points that it was not trained on

It is slow, as each number is an object of its own; torch does the same with whole tensors at once. But all of
a training is here: a forward pass, a loss, `backward`, a step against the gradient.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from level4_build.autograd import Value, as_value
from shared.errors import BadUsage, LadderError


class Neuron:
    """tanh(w · x + b), or without the tanh. n numbers -> one."""

    def __init__(self, inputs: int, rng: np.random.Generator, active: bool = True) -> None:
        self.w = [Value(w) for w in rng.normal(0, inputs**-0.5, inputs)]  # so that the sum has variance 1
        self.b = Value(0.0)
        self.active = active

    def __call__(self, x: Sequence[Value]) -> Value:
        total = self.b
        for w, xi in zip(self.w, x, strict=True):
            total = total + w * xi
        return total.tanh() if self.active else total

    def parameters(self) -> list[Value]:
        return [*self.w, self.b]


class Layer:
    """Neurons side by side on the same numbers. `inputs` numbers -> `outputs` numbers."""

    def __init__(self, inputs: int, outputs: int, rng: np.random.Generator, active: bool = True) -> None:
        self.neurons = [Neuron(inputs, rng, active) for _ in range(outputs)]

    def __call__(self, x: Sequence[Value]) -> list[Value]:
        return [neuron(x) for neuron in self.neurons]

    def parameters(self) -> list[Value]:
        return [p for neuron in self.neurons for p in neuron.parameters()]


class MLP:
    """Layers one after the other, the last without tanh. widths[0] numbers -> widths[-1] numbers."""

    def __init__(self, widths: Sequence[int], rng: np.random.Generator) -> None:
        pairs = list(pairwise(widths))
        self.layers = [Layer(n, m, rng, active=i < len(pairs)) for i, (n, m) in enumerate(pairs, start=1)]

    def __call__(self, x: Sequence[Value | float]) -> list[Value]:
        values = [as_value(xi) for xi in x]
        for layer in self.layers:
            values = layer(values)
        return values

    def parameters(self) -> list[Value]:
        return [p for layer in self.layers for p in layer.parameters()]


@dataclass(frozen=True)
class MoonsConfig:
    """What decides a training.

    Attributes:
        steps: how many batches.
        lr: the learning rate at the beginning; it falls to a tenth in a straight line.
        batch: points in each.
        hidden: neurons of the first layer; the second has one.
        noise: standard deviation of the points around their moon, whose radius is 1.
        count: points to train on, and as many more to measure on.
        seed: decides the points, the first weights and the batches.
    """

    steps: int = 300
    lr: float = 2.0
    batch: int = 20
    hidden: int = 12
    noise: float = 0.12
    count: int = 200
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "hidden", "count"):
            if getattr(self, name) < 1:
                raise BadUsage(f"{name} is {getattr(self, name)}.", f"Give a {name} of 1 or more.")
        if not (math.isfinite(self.lr) and self.lr > 0):
            raise BadUsage(f"The learning rate is {self.lr}.", "Give a number above 0, such as 2.0.")

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class MoonsFit:
    """What came of a training.

    Attributes:
        losses: the mean loss of each batch.
        train_accuracy, accuracy: the share told rightly of the points trained on, and of others.
        nodes: values in the graph of the last batch.
    """

    config: MoonsConfig
    model: MLP
    losses: list[float]
    train_accuracy: float
    accuracy: float
    nodes: int
    wall_s: float


def moons(count: int, noise: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two half-circles of radius 1, each with its end inside the other.

    Returns:
        Points (count, 2), and for each -1 (the upper moon) or 1 (the lower one): (count,).
    """
    which = rng.permutation(np.arange(count) % 2) * 2 - 1  # (count,) as many of one as of the other
    angle = rng.uniform(0, np.pi, count)
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)  # (count, 2)
    lower = np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], axis=1)
    points = np.where(which[:, None] < 0, upper, lower)
    return points + rng.normal(0, noise, points.shape), which


def datasets(config: MoonsConfig) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """The points to train on and those to measure on, each as from `moons`."""
    streams = np.random.default_rng(config.seed).spawn(2)
    train, val = (moons(config.count, config.noise, rng) for rng in streams)
    return train, val


def loss_of(score: Value, label: int) -> Value:
    """Logistic loss, log(1 + exp(-m)) with m = label · score: 0 where the label is -1 or 1 with certainty.

    Written as relu(-m) + log(1 + exp(-|m|)), which is the same and cannot overflow.
    """
    m = score * float(label)
    size = m.relu() + (-m).relu()  # |m|
    return (-m).relu() + (1.0 + (-size).exp()).log()


def train(config: MoonsConfig, on_step: Callable[[int, float], None] | None = None) -> MoonsFit:
    """Fit a perceptron to half-moons by stochastic gradient descent.

    Args:
        on_step: called after each step with its number, from 1, and its loss.

    Raises:
        LadderError: the loss is no longer a number, as the learning rate is too high.
    """
    began = time.perf_counter()
    (points, labels), (unseen, truth) = datasets(config)
    rng = np.random.default_rng([config.seed, 1])  # apart from the points: they stay if `hidden` changes
    model = MLP([2, config.hidden, 1], rng)
    losses: list[float] = []
    for step in range(config.steps):
        chosen = rng.integers(0, config.count, config.batch)
        loss = as_value(0.0)
        for point, label in zip(points[chosen], labels[chosen], strict=True):
            loss = loss + loss_of(model(point)[0], label)
        loss = loss / config.batch
        if not math.isfinite(loss.data):
            raise LadderError(
                f"At step {step + 1} the loss is {loss.data}.", f"Try a lower --lr than {config.lr:g}."
            )
        loss.backward()
        lr = config.lr * (1 - 0.9 * step / config.steps)
        for parameter in model.parameters():
            parameter.data -= lr * parameter.grad
            parameter.grad = 0.0
        losses.append(loss.data)
        if on_step:
            on_step(step + 1, loss.data)
    known, new = accuracy(model, points, labels), accuracy(model, unseen, truth)
    return MoonsFit(config, model, losses, known, new, len(loss.order()), time.perf_counter() - began)


def scores(model: MLP, points: np.ndarray) -> np.ndarray:
    """What the network says of each point: above 0 is the lower moon. (n, 2) -> (n,)."""
    return np.array([model(point)[0].data for point in points])


def accuracy(model: MLP, points: np.ndarray, labels: np.ndarray) -> float:
    """The share of points (n, 2) on the side of their label (n,)."""
    return float(np.mean(np.sign(scores(model, points)) == labels))
