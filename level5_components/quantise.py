"""Rounding that a network can learn through: three values for weights, 255 for activations.

    levels, gamma = absmean_ternary(weight)      # levels are -1, 0 and 1
    q, step = absmax_int8(x)                     # q are whole numbers from -127 to 127

`fake_ternary` and `fake_int8` give the same values back on the scale of their input, with a gradient: this is
what a layer trains with. Everything here counts in float32 or better, also where autocast would not.
"""

from __future__ import annotations

import torch
from torch import Tensor

EPS = 1e-8  # keeps a division finite where everything is 0
Q_MAX = 127  # the largest whole number of a signed byte that has a negative twin


def absmean_ternary(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Round weights to -1, 0 and 1, on the scale of their mean absolute value.

        W~ = RoundClip(W / (γ + ε), -1, 1)    RoundClip(x, a, b) = max(a, min(b, round(x)))
        γ = mean |W|

    Equations (1) to (3) of BitNet b1.58, arXiv 2402.17764, section 2. One γ for the whole matrix.

    Args:
        weight: (out, in)

    Returns:
        W~: (out, in) of -1, 0 and 1, and γ: a scalar; both in the dtype that was counted in.
    """
    weight = in_float32(weight)
    gamma = weight.abs().mean()
    return (weight / (gamma + EPS)).round().clamp(-1, 1), gamma


def absmax_int8(x: Tensor) -> tuple[Tensor, Tensor]:
    """Round activations to whole numbers from -127 to 127, each token on the scale of its largest value.

        x~ = RoundClip(x · Q / η, -Q, Q)    η = max |x| of the token, Q = 127

    Equations (4) and (5) of BitNet, arXiv 2310.11453, section 2.1, taken per token and without a zero point
    as arXiv 2402.17764, section 2, has it. The paper writes Q = 2^7 = 128, which a signed byte cannot hold;
    its authors' code takes 127, and so do we.

    Args:
        x: (..., in)

    Returns:
        x~: (..., in), and one step: (..., 1) is η / Q, so that x~ · step is near x.
    """
    x = in_float32(x)
    step = x.abs().amax(dim=-1, keepdim=True).clamp(min=EPS) / Q_MAX
    return (x / step).round().clamp(-Q_MAX, Q_MAX), step


def straight_through(x: Tensor, rounded: Tensor) -> Tensor:
    """`rounded`, with the gradient of `x`: rounding has slope 0 nearly everywhere, so it is taken to be 1.

    The straight-through estimator of Bengio et al., arXiv 1308.3432, as BitNet uses it (arXiv 2310.11453,
    section 2.2). x - x is exactly 0, so the value is exactly `rounded`; the more usual
    x + (rounded - x).detach() is off by a rounding error.
    """
    return rounded.detach() + (x - x.detach())


def fake_ternary(weight: Tensor) -> Tensor:
    """γ · W~, with the gradient of W. Shape as `weight`."""
    levels, gamma = absmean_ternary(weight)
    return straight_through(in_float32(weight), levels * gamma)


def fake_int8(x: Tensor) -> Tensor:
    """x~ · step, with the gradient of x. Shape as `x`."""
    q, step = absmax_int8(x)
    return straight_through(in_float32(x), q * step)


def in_float32(x: Tensor) -> Tensor:
    """float64 stays, all else becomes float32: half precision would move values over the edge of a level."""
    return x if x.dtype == torch.float64 else x.float()
