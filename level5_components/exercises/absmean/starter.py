"""Weights of three values that can still be trained: BitNet b1.58, arXiv 2402.17764, equations (1) to (3).

    W~ = RoundClip(W / (γ + ε), -1, 1)      RoundClip(x, a, b) = max(a, min(b, round(x)))      γ = mean |W|

With γ = 0.5 the weights 0.1, -0.4 and 1.6 become 0, -1 and 1. Rounding has slope 0 nearly everywhere, so
`straight_through` gives the value of what was rounded with the gradient of what was not.

Check with: ladder check absmean
"""

from __future__ import annotations

import torch
from torch import Tensor

EPS = 1e-8


def absmean(weight: Tensor) -> Tensor:
    """γ, the one scale of a matrix: (out, in) -> a scalar."""
    # TODO: the third equation at the top of this file.
    raise NotImplementedError


def ternary(weight: Tensor, gamma: Tensor) -> Tensor:
    """W~, the levels -1, 0 and 1: (out, in) -> (out, in)."""
    # TODO: the first equation at the top of this file.
    raise NotImplementedError


def straight_through(weight: Tensor, rounded: Tensor) -> Tensor:
    """The value of `rounded`, with the gradient of `weight`. All have the same shape."""
    # TODO: look at Tensor.detach, which keeps the value and cuts the gradient.
    raise NotImplementedError


def fake_ternary(weight: Tensor) -> Tensor:
    """γ · W~, with the gradient of W: (out, in) -> (out, in). This is what a layer trains with."""
    gamma = absmean(weight)
    return straight_through(weight, gamma * ternary(weight, gamma))


if __name__ == "__main__":
    weight = torch.randn(3, 5, generator=torch.Generator().manual_seed(0), requires_grad=True)
    fake = fake_ternary(weight)
    fake.sum().backward()
    print(weight, fake, weight.grad, sep="\n")  # the gradient of a sum is 1 everywhere
