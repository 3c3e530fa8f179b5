"""Normalisation by the root mean square: each token's vector gets the same length, whatever it was."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class RMSNorm(nn.Module):
    """weight · x / sqrt(mean(x²) + eps), over the last axis. (..., C) -> (..., C).

    Zhang and Sennrich, arXiv 1910.07467, equation 4. A LayerNorm without the mean and without a bias. Half
    precision cannot hold the squares, so they are taken in float32 at least.
    """

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        wide = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + self.eps)
        return self.weight * wide.to(x.dtype)
