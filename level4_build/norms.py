"""Normalisation by the root mean square: each token's vector gets the same length, whatever it was.

    y = RMSNorm(64)(x)  # (B, T, 64), the same shape

`rms_norm` says it in the open; `RMSNorm` calls torch's own, which does it in one pass over the memory. They
are tested against each other.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - as everywhere
from torch import Tensor, nn


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """weight · x / sqrt(mean(x²) + eps), over the last axis. (..., C) and (C,) -> (..., C).

    Zhang and Sennrich, arXiv 1910.07467, equation 4. A LayerNorm without the mean and without a bias. Half
    precision cannot hold the squares, so they are taken in float32 at least.
    """
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    scale = torch.rsqrt(wide.square().mean(-1, keepdim=True) + eps)  # (..., 1)
    return weight * (wide * scale).to(x.dtype)


class RMSNorm(nn.Module):
    """`rms_norm` with a weight that is learnt. (..., C) -> (..., C)."""

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, self.weight.shape, self.weight, self.eps)
