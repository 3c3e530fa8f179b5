"""The blocks for pictures: small modules of one repeated shape, each with what goes in and what comes out.

    x = torch.rand(1, 3, 37, 53)
    fine = ConvBlock(3, 16)(x)              # (1, 16, 37, 53)
    coarse = Down(16, 32)(fine)             # (1, 32, 19, 27)
    Up(32, 16)(coarse, fine)                # (1, 16, 37, 53)

A picture flows as (B, C, H, W): batch, channels, height, width. A sequence flows as (B, T, C): batch, tokens,
channels; its blocks are in `transformer.py`.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
import torch.nn.functional as F  # noqa: N812 - as everywhere
from torch import Tensor, nn

GROUPS = 8  # channels are normalised in so many groups, or in as many as divide them


class GroupNorm(nn.Module):
    """Each group of channels of each picture gets mean 0 and variance 1. (B, C, …) -> (B, C, …).

    weight · (x - mean) / sqrt(variance + eps) + bias (Wu and He, arXiv 1803.08494, equations 1, 2 and 7). Not
    BatchNorm: it does the same in training and in use, and does not mind a batch of one.

    Args:
        written_out: compute it by the formula above, to be read; by default torch's kernel does, faster.
    """

    def __init__(self, groups: int, channels: int, eps: float = 1e-5, written_out: bool = False) -> None:
        super().__init__()
        self.groups, self.eps, self.written_out = groups, eps, written_out
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        if not self.written_out:
            return F.group_norm(x, self.groups, self.weight, self.bias, self.eps)
        grouped = x.reshape(len(x), self.groups, -1)  # (B, groups, C / groups · H · W)
        mean = grouped.mean(-1, keepdim=True)  # (B, groups, 1)
        variance = grouped.var(-1, keepdim=True, correction=0)
        y = ((grouped - mean) / torch.sqrt(variance + self.eps)).reshape(x.shape)
        each = (-1, *[1] * (x.ndim - 2))  # one weight a channel
        return y * self.weight.view(each) + self.bias.view(each)


class ConvBlock(nn.Module):
    """Two times: convolve 3 by 3, normalise, activate. (B, inputs, H, W) -> (B, outputs, H, W).

    Ronneberger et al., arXiv 1505.04597, section 2, with padding, so that the size stays, and with norms.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.norm1 = GroupNorm(math.gcd(GROUPS, outputs), outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = GroupNorm(math.gcd(GROUPS, outputs), outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = F.silu(self.norm1(self.conv1(x)))
        return F.silu(self.norm2(self.conv2(x)))


class Down(nn.Module):
    """Half the size, more channels. (B, inputs, H, W) -> (B, outputs, ceil(H/2), ceil(W/2)).

    The largest of each 2 by 2 pixels; an odd size keeps its last row and column.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.block = ConvBlock(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.block(F.max_pool2d(x, 2, ceil_mode=True))


class Up(nn.Module):
    """Back to the skip's size, and joined with it: the skip says where the edges were.

    (B, inputs, h, w) and the skip (B, skips, H, W) -> (B, outputs, H, W). A pixel becomes 2 by 2; where
    the size is odd the last ones are cut. A skip of more than twice the size stretches the map (nearest
    pixel). `skips` is by default `outputs`.
    """

    def __init__(self, inputs: int, outputs: int, skips: int | None = None) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(inputs, outputs, 1)
        self.block = ConvBlock(outputs + (outputs if skips is None else skips), outputs)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = F.interpolate(self.reduce(x), size=skip.shape[-2:], mode="nearest")  # (B, outputs, H, W)
        return self.block(torch.cat([x, skip], dim=1))


class FullyConnected(nn.Module):
    """Linear layers with an activation between two. (…, widths[0]) -> (…, widths[-1]).

    Args:
        widths: of the input, of each layer's output; two or more.
    """

    def __init__(self, *widths: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(inputs, outputs) for inputs, outputs in pairwise(widths))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers[:-1]:
            x = F.silu(layer(x))
        return self.layers[-1](x)


def initialise(model: nn.Module, generator: torch.Generator) -> nn.Module:
    """Draw all weights of convolutions, linear layers and embeddings anew, from this generator alone.

    He et al. (arXiv 1502.01852) for convolutions; for linear layers a normal so small that each Transformer
    block begins as almost nothing added; zero for biases.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
        elif isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, std=0.02, generator=generator)
        else:
            continue
        if not isinstance(module, nn.Embedding) and module.bias is not None:
            nn.init.zeros_(module.bias)
    return model
