"""Attention: each token asks, each token answers as far as it has what is asked for.

    x = torch.rand(2, 10, 64)
    Attention(64, heads=4)(x)                             # (2, 10, 64)
    Attention(64, heads=4, causal=True, rotary=True)(x)   # each looks back alone, and feels how far
    CrossAttention(64, heads=4)(x, torch.rand(2, 7, 64))  # (2, 10, 64): what is asked is in another sequence

Vaswani et al., "Attention Is All You Need", arXiv 1706.03762, section 3.2. A mask is True where a token
may look, False elsewhere: (T, S) or (B, T, S).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812 - as everywhere
from torch import Tensor, nn

from level4_build.rotary import angles, rotate


def attend(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor | None = None,
    causal: bool = False,
    written_out: bool = False,
) -> Tensor:
    """softmax(q kᵀ / sqrt(D)) v, equation 1. q (B, heads, T, D), k and v (B, heads, S, D) -> as q.

    A token that may look nowhere gets zeros.

    Args:
        mask: where each may look, (T, S) or (B, T, S).
        causal: token t may look at the tokens 0 to t alone.
        written_out: compute it by the formula, to be read; by default by torch's kernel, which does not keep
            the (T, S) weights and is faster. The result is the same.
    """
    if mask is not None and mask.ndim == 3:
        mask = mask[:, None]  # (B, 1, T, S): the same for each head
    if causal and (written_out or mask is not None):
        past = torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool, device=q.device).tril()  # (T, S)
        mask, causal = past if mask is None else mask & past, False
    if not written_out:
        return F.scaled_dot_product_attention(q, k, v, mask, is_causal=causal)
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])  # (B, heads, T, S)
    if mask is None:
        return scores.softmax(-1) @ v
    scores = scores.masked_fill(
        ~mask, torch.finfo(scores.dtype).min
    )  # not -inf: 0 / 0 where none may be seen
    return scores.softmax(-1).masked_fill(~mask, 0) @ v


def split_heads(x: Tensor, heads: int) -> Tensor:
    """Each head its own channels: (B, T, C) -> (B, heads, T, C / heads)."""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def join_heads(x: Tensor) -> Tensor:
    """The heads side by side again: (B, heads, T, D) -> (B, T, heads · D)."""
    return x.transpose(1, 2).flatten(2)


class Attention(nn.Module):
    """Each token looks at the tokens of its own sequence. (B, T, C) -> (B, T, C).

    Args:
        channels, heads: C, and how many looks side by side, each over C / heads channels (section 3.2.2).
        causal: look at oneself and back alone.
        rotary: turn queries and keys by their place (`rotary.py`); C / heads is then even.
        written_out: as in `attend`.
    """

    def __init__(
        self, channels: int, heads: int, causal: bool = False, rotary: bool = False, written_out: bool = False
    ) -> None:
        super().__init__()
        self.heads, self.causal, self.rotary, self.written_out = heads, causal, rotary, written_out
        self.qkv = nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        q, k, v = (split_heads(part, self.heads) for part in self.qkv(x).chunk(3, dim=-1))  # (B, heads, T, D)
        if self.rotary:
            cos, sin = angles(torch.arange(x.shape[1], device=x.device), q.shape[-1])  # (T, D)
            cos, sin = cos.to(q), sin.to(q)
            q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        return self.out(join_heads(attend(q, k, v, mask, self.causal, self.written_out)))


class CrossAttention(nn.Module):
    """Each token looks at the tokens of another sequence. (B, T, C) and (B, S, C) -> (B, T, C).

    Queries from the one, keys and values from the other (section 3.2.3). Args: as in `Attention`.
    """

    def __init__(self, channels: int, heads: int, written_out: bool = False) -> None:
        super().__init__()
        self.heads, self.written_out = heads, written_out
        self.query = nn.Linear(channels, channels)
        self.key_value = nn.Linear(channels, 2 * channels)
        self.out = nn.Linear(channels, channels)

    def forward(self, x: Tensor, source: Tensor, mask: Tensor | None = None) -> Tensor:
        q = split_heads(self.query(x), self.heads)  # (B, heads, T, D)
        k, v = (split_heads(part, self.heads) for part in self.key_value(source).chunk(2, dim=-1))
        return self.out(join_heads(attend(q, k, v, mask, written_out=self.written_out)))
