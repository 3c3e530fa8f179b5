"""The blocks: small modules of one repeated shape, each with what goes in and what comes out.

A picture flows as (B, C, H, W): batch, channels, height, width. A sequence flows as (B, T, C): batch, tokens,
channels. Every block keeps to one of the two, and `UNet` turns one into the other and back.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812 - as everywhere
from torch import Tensor, nn

GROUPS = 8  # channels are normalised in so many groups, or in as many as divide them


class ConvBlock(nn.Module):
    """Two times: convolve 3 by 3, normalise, activate. (B, inputs, H, W) -> (B, outputs, H, W).

    GroupNorm (Wu and He, arXiv 1803.08494) and not BatchNorm: it does the same in training and in use, and
    does not mind a batch of one.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.norm1 = nn.GroupNorm(math.gcd(GROUPS, outputs), outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.GroupNorm(math.gcd(GROUPS, outputs), outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = F.silu(self.norm1(self.conv1(x)))
        return F.silu(self.norm2(self.conv2(x)))


class Down(nn.Module):
    """Half the size, more channels. (B, inputs, H, W) -> (B, outputs, ceil(H/2), ceil(W/2))."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.block = ConvBlock(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.block(F.max_pool2d(x, 2, ceil_mode=True))


class Up(nn.Module):
    """Twice the size, cut to the skip's, and joined with it.

    (B, inputs, h, w) and the skip (B, outputs, H, W) -> (B, outputs, H, W), where h = ceil(H/2): an odd size
    comes back one pixel too large, and is cropped.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(inputs, outputs, 1)
        self.block = ConvBlock(2 * outputs, outputs)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = F.interpolate(self.reduce(x), scale_factor=2.0, mode="nearest")
        x = x[..., : skip.shape[-2], : skip.shape[-1]]  # (B, outputs, H, W)
        return self.block(torch.cat([x, skip], dim=1))


class Attention(nn.Module):
    """Each token looks at every token. (B, T, C) -> (B, T, C).

    softmax(q kᵀ / sqrt(C / heads)) v (Vaswani et al., arXiv 1706.03762, equation 1), in several heads.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        B, T, C = x.shape  # noqa: N806 - the field's own names
        qkv = self.qkv(x).view(B, T, 3, self.heads, C // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (B, heads, T, C / heads)
        y = F.scaled_dot_product_attention(q, k, v)
        return self.out(y.transpose(1, 2).reshape(B, T, C))


class FeedForward(nn.Module):
    """Each token thinks for itself: wider, activate, narrow again. (B, T, C) -> (B, T, C)."""

    def __init__(self, channels: int, times: int = 4) -> None:
        super().__init__()
        self.widen = nn.Linear(channels, times * channels)
        self.narrow = nn.Linear(times * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.narrow(F.gelu(self.widen(x)))


class TransformerBlock(nn.Module):
    """Look around, then think; each added to what was there. (B, T, C) -> (B, T, C).

    The norms come first (pre-norm, Xiong et al., arXiv 2002.04745), so that it trains without a long warm-up.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels)
        self.attention = Attention(channels, heads)
        self.norm2 = nn.LayerNorm(channels)
        self.feed_forward = FeedForward(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.feed_forward(self.norm2(x))


def positions(height: int, width: int, channels: int) -> Tensor:
    """Where each cell of a grid is, as fixed waves: (height * width, channels), for any height and width.

    Half of the channels tell the row, half the column, each by sines and cosines of falling frequency
    (Vaswani et al., section 3.5, in two dimensions). `channels` must be a multiple of 4.
    """
    quarter = channels // 4
    frequency = 10_000.0 ** (-torch.arange(quarter) / quarter)  # (quarter,)
    rows = torch.arange(height)[:, None] * frequency  # (height, quarter)
    columns = torch.arange(width)[:, None] * frequency
    row = torch.cat([rows.sin(), rows.cos()], dim=1)[:, None].expand(height, width, -1)
    column = torch.cat([columns.sin(), columns.cos()], dim=1)[None].expand(height, width, -1)
    return torch.cat([row, column], dim=2).reshape(height * width, channels)


def initialise(model: nn.Module, generator: torch.Generator) -> nn.Module:
    """Draw all weights of convolutions and linear layers anew, from this generator alone.

    He et al. (arXiv 1502.01852) for convolutions; for linear layers a normal so small that each Transformer
    block begins as almost nothing added; zero for biases.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.02, generator=generator)
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    return model
