"""Weights as bytes, and back.

A weight matrix (out, in) becomes whole numbers from -127 to 127, which fit into a byte. Each row has a scale,
what one step is worth, so that levels · scale is near the weights. Two things must come back:

    row_scales(torch.tensor([[127.0, -50.0], [-63.5, 20.0]]))           [[1.0], [0.5]]
    quantise(torch.tensor([[-63.5, 20.1]]), torch.tensor([[0.5]]))      [[-127, 40]], int8

Check with: ladder check quantise
"""

from __future__ import annotations

import torch
from torch import Tensor


def row_scales(weight: Tensor) -> Tensor:
    """What one step is worth in each row, never 0: (out, in) -> (out, 1)."""
    farthest = weight.abs().amax(dim=1, keepdim=True)
    # A row of zeros would get a scale of 0, and 0 / 0 is NaN. With any other scale it becomes zeros again.
    return farthest.clamp(min=torch.finfo(weight.dtype).eps) / 127


def quantise(weight: Tensor, scales: Tensor) -> Tensor:
    """The nearest whole number of steps, 127 at most either way: (out, in) float -> (out, in) int8."""
    # Clamp before the cast: a byte has no room for 128, and the cast does not say so.
    return (weight / scales).round().clamp(-127, 127).to(torch.int8)


def restore(levels: Tensor, scales: Tensor) -> Tensor:
    """What the levels are worth: (out, in) int8 -> (out, in) float."""
    return levels * scales


if __name__ == "__main__":
    weight = torch.randn(3, 5, generator=torch.Generator().manual_seed(0))
    scales = row_scales(weight)
    levels = quantise(weight, scales)
    print(weight, levels, restore(levels, scales), sep="\n")
    print("largest error in steps:", ((restore(levels, scales) - weight).abs() / scales).max().item())
