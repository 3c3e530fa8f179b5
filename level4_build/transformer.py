"""The blocks for sequences: the Transformer's encoder and decoder, and the ways from a picture to tokens.

    tokens = Patches(3, 64, size=8)(torch.rand(1, 3, 64, 64))  # (1, 64, 64)
    seen = EncoderBlock(64, heads=4)(tokens)                   # (1, 64, 64)
    asked = Queries(5, 64)(seen)                               # (1, 5, 64)
    DecoderBlock(64, heads=4)(asked, seen)                     # (1, 5, 64)

Vaswani et al., arXiv 1706.03762, figure 1. The norms come first (pre-norm, Xiong et al., arXiv 2002.04745),
so that it trains without a long warm-up.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - as everywhere
from torch import Tensor, nn

from level4_build.attention import Attention, CrossAttention


class FeedForward(nn.Module):
    """Each token thinks for itself: wider, activate, narrow again. (B, T, C) -> (B, T, C)."""

    def __init__(self, channels: int, times: int = 4) -> None:
        super().__init__()
        self.widen = nn.Linear(channels, times * channels)
        self.narrow = nn.Linear(times * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.narrow(F.gelu(self.widen(x)))


class EncoderBlock(nn.Module):
    """Look around, then think; each added to what was there. (B, T, C) -> (B, T, C).

    Args: as in `Attention`; a causal one is the block of a language model.
    """

    def __init__(
        self, channels: int, heads: int, causal: bool = False, rotary: bool = False, written_out: bool = False
    ) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels)
        self.attention = Attention(channels, heads, causal, rotary, written_out)
        self.norm2 = nn.LayerNorm(channels)
        self.feed_forward = FeedForward(channels)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        x = x + self.attention(self.norm1(x), mask)
        return x + self.feed_forward(self.norm2(x))


class DecoderBlock(nn.Module):
    """Look back, look at the source, then think; each added. (B, T, C) and (B, S, C) -> (B, T, C).

    Args: as in `Attention`.
    """

    def __init__(
        self, channels: int, heads: int, causal: bool = True, rotary: bool = False, written_out: bool = False
    ) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels)
        self.attention = Attention(channels, heads, causal, rotary, written_out)
        self.norm2 = nn.LayerNorm(channels)
        self.cross = CrossAttention(channels, heads, written_out)
        self.norm3 = nn.LayerNorm(channels)
        self.feed_forward = FeedForward(channels)

    def forward(
        self, x: Tensor, source: Tensor, mask: Tensor | None = None, source_mask: Tensor | None = None
    ) -> Tensor:
        x = x + self.attention(self.norm1(x), mask)
        x = x + self.cross(self.norm2(x), source, source_mask)
        return x + self.feed_forward(self.norm3(x))


class Decoder(nn.ModuleList):
    """Decoder blocks in a row, each of which looks at the same source. (B, T, C), (B, S, C) -> (B, T, C)."""

    def forward(self, x: Tensor, source: Tensor) -> Tensor:
        for block in self:
            x = block(x, source)
        return x


class PictureTransformer(nn.Sequential):
    """Encoder blocks over the cells of a picture. (B, C, H, W) -> (B, C, H, W), any H and W.

    Cells become tokens that know their place, look at each other, and become cells again; C is a multiple of
    4. The cost grows with (H · W)², so it belongs where the picture is small.
    """

    def __init__(self, channels: int, heads: int, layers: int) -> None:
        super().__init__(*(EncoderBlock(channels, heads) for _ in range(layers)))

    def forward(self, x: Tensor) -> Tensor:
        B, C, H, W = x.shape  # noqa: N806 - the field's own names
        tokens = x.flatten(2).transpose(1, 2)  # (B, H · W, C)
        tokens = tokens + positions(H, W, C, x.device).to(x.dtype)
        return super().forward(tokens).transpose(1, 2).reshape(B, C, H, W)


class Patches(nn.Module):
    """Squares of a picture as tokens that know their place. (B, inputs, H, W) -> (B, T, outputs).

    T = H/size · W/size. Dosovitskiy et al., arXiv 2010.11929, equation 1, with fixed positions, so that any
    size will do. `outputs` is a multiple of 4; rows and columns beyond a multiple of `size` are not seen.
    """

    def __init__(self, inputs: int, outputs: int, size: int) -> None:
        super().__init__()
        self.project = nn.Conv2d(inputs, outputs, size, stride=size)

    def forward(self, x: Tensor) -> Tensor:
        x = self.project(x)  # (B, outputs, h, w)
        _, C, h, w = x.shape  # noqa: N806
        return x.flatten(2).transpose(1, 2) + positions(h, w, C, x.device).to(x.dtype)  # (B, h · w, outputs)


class Queries(nn.Module):
    """Learnt tokens to begin a decoder with, whatever comes in. (B, …) -> (B, count, channels).

    Carion et al., arXiv 2005.12872, section 3.2: each learns to ask the source for something else.
    """

    def __init__(self, count: int, channels: int) -> None:
        super().__init__()
        self.asked = nn.Embedding(count, channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.asked.weight.expand(x.shape[0], -1, -1)


class Mean(nn.Module):
    """One vector for the whole. (B, C, H, W) -> (B, C), or (B, T, C) -> (B, C)."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3)) if x.ndim == 4 else x.mean(1)


def positions(height: int, width: int, channels: int, device: torch.device | None = None) -> Tensor:
    """Where each cell of a grid is, as fixed waves: (height · width, channels), for any height and width.

    Half of the channels tell the row, half the column, each by sines and cosines of falling frequency
    (Vaswani et al., section 3.5, in two dimensions). `channels` must be a multiple of 4.
    """
    quarter = channels // 4
    frequency = 10_000.0 ** (-torch.arange(quarter, device=device) / quarter)  # (quarter,)
    rows = torch.arange(height, device=device)[:, None] * frequency  # (height, quarter)
    columns = torch.arange(width, device=device)[:, None] * frequency
    row = torch.cat([rows.sin(), rows.cos()], dim=1)[:, None].expand(height, width, -1)
    column = torch.cat([columns.sin(), columns.cos()], dim=1)[None].expand(height, width, -1)
    return torch.cat([row, column], dim=2).reshape(height * width, channels)
