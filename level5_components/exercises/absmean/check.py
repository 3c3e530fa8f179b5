"""Levels and gradient by hand and against level 5's slow reference, then a network that learns so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from types import ModuleType

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - its usual name

from level5_components import quantise, reference
from shared.study.case import Case

FLOAT32 = 1e-6  # values of size 1, which float32 knows to 1e-7
SMALL = torch.tensor([[0.125, -0.375, 1.625], [-0.125, 0.375, -0.375]])  # γ = 0.5
TRAINED_ON, HIDDEN, STEPS, BATCH, RATE = 1200, 32, 300, 128, 0.01


def cases(work: ModuleType, rng: np.random.Generator) -> Iterator[Case]:
    yield Case(
        "one scale for the whole matrix",
        call="absmean",
        args=(SMALL,),
        expected=torch.tensor(0.5),
        tolerance=FLOAT32,
        mistakes={"scale-per-row": lambda got: got.numel() == len(SMALL)},
    )
    yield Case(
        "three levels",
        call="ternary",
        args=(torch.tensor([[0.125, -0.375, 0.625], [-0.125, 0.375, -0.625]]), torch.tensor(0.5)),
        expected=torch.tensor([[0.0, -1.0, 1.0], [0.0, 1.0, -1.0]]),
        mistakes={"sign-alone": torch.tensor([[1.0, -1.0, 1.0], [-1.0, 1.0, -1.0]])},
    )
    yield Case(
        "weights far out stay at one step",
        call="ternary",
        args=(torch.tensor([[1.625, -0.875, 0.125]]), torch.tensor(0.5)),
        expected=torch.tensor([[1.0, -1.0, 0.0]]),
        mistakes={"no-clip": torch.tensor([[3.0, -2.0, 0.0]])},
    )
    yield Case(
        "a matrix of zeros",
        call="ternary",
        args=(torch.zeros(2, 3), torch.tensor(0.0)),
        expected=torch.zeros(2, 3),
        mistakes={"no-epsilon": lambda got: bool(got.isnan().any())},
    )
    upstream = torch.from_numpy(rng.normal(size=SMALL.shape)).float()
    yield Case(
        "the gradient passes as if nothing had been rounded",
        call="straight_through",
        run=lambda work: gradient(work.fake_ternary, SMALL, upstream),
        given="the gradient of (fake_ternary(weight) * upstream).sum() with respect to weight",
        expected=upstream,
        tolerance=FLOAT32,
        mistakes={"no-gradient": lambda got: got.norm() < upstream.norm() / 2},
    )
    weight = clear_of_edges(rng)
    levels, gamma = reference.ternary(weight.tolist())
    yield Case(
        "a random matrix of an awkward size, compared with the reference in float64",
        call="fake_ternary",
        run=lambda work: work.fake_ternary(weight.clone()).detach(),
        given="fake_ternary(weight) of a random weight, (59, 33)",
        expected=torch.tensor(levels) * gamma,
        tolerance=FLOAT32,
    )
    seed = int(rng.integers(2**31))
    yield Case(
        "a network that reads digits, trained through your rounding",
        call="fake_ternary",
        run=lambda work: accuracy(work.fake_ternary, work.fake_ternary, seed),
        given=f"{STEPS} steps on {TRAINED_ON} digits of 8 by 8 pixels, two layers of three values",
        expected="more digits read than when full precision is rounded at the end",
        holds=lambda got: got > rounded_at_the_end(seed),
        measures=lambda got: {
            "accuracy": got,
            "baseline": rounded_at_the_end(seed),
            "chance": commonest(seed),
        },
    )


def gradient(fake: Callable[[Tensor], Tensor], weight: Tensor, upstream: Tensor) -> Tensor:
    """What comes back to the weight from this gradient of the output; zeros if nothing does."""
    weight = weight.clone().requires_grad_()
    found = fake(weight)
    if found.requires_grad:
        found.backward(upstream)
    return torch.zeros_like(weight) if weight.grad is None else weight.grad


def clear_of_edges(rng: np.random.Generator) -> Tensor:
    """A weight (59, 33) none of which lies so near to γ / 2 that float32 could round it the other way."""
    while True:
        weight = torch.from_numpy(rng.normal(0, 0.05, (59, 33))).float()
        share = weight.double().abs() / weight.double().abs().mean()
        if (share - 0.5).abs().min() > 1e-5:
            return weight


def accuracy(in_training: Callable[[Tensor], Tensor], in_use: Callable[[Tensor], Tensor], seed: int) -> float:
    """Train two layers on digits with one treatment of their weights and use them with another.

    Returns:
        The share of the digits not trained on that are read right.
    """
    (x, y), (unseen, wanted) = digits(seed)
    rng = torch.Generator().manual_seed(seed)
    first = (torch.randn(HIDDEN, 64, generator=rng) / 64**0.5).requires_grad_()
    second = (torch.randn(10, HIDDEN, generator=rng) / HIDDEN**0.5).requires_grad_()
    optimiser = torch.optim.Adam([first, second], lr=RATE)

    def network(x: Tensor, treat: Callable[[Tensor], Tensor]) -> Tensor:
        return F.relu(x @ treat(first).T) @ treat(second).T  # (B, 10)

    for _ in range(STEPS):
        batch = torch.randint(len(x), (BATCH,), generator=rng)
        optimiser.zero_grad()
        F.cross_entropy(network(x[batch], in_training), y[batch]).backward()
        optimiser.step()
    return (network(unseen, in_use).argmax(1) == wanted).double().mean().item()


@cache
def rounded_at_the_end(seed: int) -> float:
    """The same for a network that knew nothing of rounding while it was trained."""
    return accuracy(lambda weight: weight, quantise.fake_ternary, seed)


def digits(seed: int) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """scikit-learn's digits, (N, 64) from 0 to 1 and (N,): those to train on, and the rest."""
    from sklearn.datasets import load_digits  # seconds, which only the last case has to spend

    pixels, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(labels))
    x, y = torch.from_numpy(pixels[order] / 16).float(), torch.from_numpy(labels[order])
    return (x[:TRAINED_ON], y[:TRAINED_ON]), (x[TRAINED_ON:], y[TRAINED_ON:])


def commonest(seed: int) -> float:
    """How often the commonest digit comes among those not trained on."""
    _, (_, wanted) = digits(seed)
    return wanted.bincount().max().item() / len(wanted)
