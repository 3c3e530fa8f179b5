"""The same loop with one part after another taken out shows what each mistake looks like.

With plain SGD and fixed first weights every loss is determined, so the losses tell which loop they are of.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from types import ModuleType

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - its usual name

from shared.study.case import Case

FLOAT32 = 1e-4  # of a loss of size 1, after some steps in another order of the same sums
Batches = Iterator[tuple[Tensor, Tensor]]


def cases(work: ModuleType, rng: np.random.Generator) -> Iterator[Case]:
    yield _case("one step", 0, steps=1)
    yield Case(
        "what three steps do to the weights",
        call="overfit",
        run=lambda work: _traces(work, seed=0),
        given="the same network; it has five tensors of weights, norm and bias included",
        expected="five tensors that have moved",
        holds=lambda got: got["moved"] == 5,
        mistakes={
            "cut-off": lambda got: got["given a gradient"] == 0,
            "last-layer-alone": lambda got: 0 < got["moved"] < 5,
            "another-network": lambda got: got["moved"] == 0 and got["with a gradient at the end"] > 0,
            "reset-too-late": lambda got: got["moved"] == 0,
        },
    )
    yield _case("three steps", 0, steps=3)
    seed = int(rng.integers(2**31))
    yield _case("ten steps with another network and other numbers", seed, steps=10)
    yield Case(
        "labels that mean nothing, learnt by heart",
        call="overfit",
        run=lambda work: work.overfit(_network(seed), _batches(seed))[-1],
        given="overfit(network, batches) of random numbers and classes, 200 steps",
        expected="a last loss below 0.1, where guessing gives 1.1",
        holds=lambda got: got < 0.1,
    )


def _case(title: str, seed: int, steps: int) -> Case:
    return Case(
        title,
        call="overfit",
        run=lambda work: work.overfit(_network(seed), _batches(seed), steps, 0.1),
        given=f"overfit(network, batches, steps={steps}, rate=0.1): 8 examples a batch, three classes",
        expected=_losses(seed, steps),
        tolerance=FLOAT32,
        mistakes={
            "keeps-graphs": lambda got: isinstance(got[0], Tensor),
            "eval-mode": _losses(seed, steps, training=False),
            "not-reset": _losses(seed, steps, reset=False),
            "new-batch": _losses(seed, steps, same=False),
        },
    )


def _network(seed: int) -> nn.Module:
    """Three classes from four numbers, by a norm that wants to know whether it is trained. It is not, yet."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = nn.Sequential(nn.Linear(4, 32, bias=False), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 3))
    return network.eval()


def _batches(seed: int) -> Batches:
    rng = torch.Generator().manual_seed(seed)
    while True:
        yield torch.randn(8, 4, generator=rng), torch.randint(3, (8,), generator=rng)


def _traces(work: ModuleType, seed: int) -> dict[str, int]:
    """What three steps leave behind, counted in tensors of weights."""
    network, reached = _network(seed), set()
    learnt = dict(network.named_parameters())
    before = deepcopy(learnt)
    for name, each in learnt.items():
        each.register_hook(lambda _, name=name: reached.add(name))
    work.overfit(network, _batches(seed), 3, 0.1)
    return {
        "moved": sum(not torch.equal(before[name], each) for name, each in learnt.items()),
        "given a gradient": len(reached),
        "with a gradient at the end": sum(
            each.grad is not None and bool(each.grad.any()) for each in learnt.values()
        ),
    }


def _losses(
    seed: int, steps: int, training: bool = True, reset: bool = True, same: bool = True
) -> list[float]:
    """Gradient descent written out, and with one part taken out what that mistake gives."""
    network, batches = _network(seed).train(training), _batches(seed)
    learnt = list(network.parameters())
    gradients = [torch.zeros_like(each) for each in learnt]
    losses, (x, y) = [], next(batches)
    for _ in range(steps):
        loss = F.cross_entropy(network(x), y)
        new = torch.autograd.grad(loss, learnt)
        gradients = [g if reset else old + g for old, g in zip(gradients, new, strict=True)]
        with torch.no_grad():
            for each, gradient in zip(learnt, gradients, strict=True):
                each.sub_(0.1 * gradient)
        losses.append(loss.item())
        if not same:
            x, y = next(batches)
    return losses
