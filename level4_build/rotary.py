"""Rotary positions: a token's place turns its queries and keys, so that they feel how far apart they are.

    cos, sin = angles(torch.arange(10), channels=64)  # (10, 64) each
    q, k = rotate(q, cos, sin), rotate(k, cos, sin)   # (B, heads, 10, 64)

Su et al., "RoFormer", arXiv 2104.09864: equation 34, with the frequencies of section 3.2.2. The paper turns
neighbouring channels (0 and 1, 2 and 3, …). Llama's weights pair channel i with i + D/2, and so do we: the
same turn, in another order.
"""

from __future__ import annotations

import torch
from torch import Tensor


def angles(positions: Tensor, channels: int, theta: float = 10_000.0) -> tuple[Tensor, Tensor]:
    """The cosine and the sine of each position's turn, in float32: (..., T) -> two of (..., T, channels).

    Not in float64: others' weights were trained with just these roundings.

    Args:
        positions: whole numbers from 0.
        channels: D, of one head; even.
        theta: the base of the frequencies; a larger one turns more slowly, for longer texts.
    """
    steps = torch.arange(0, channels, 2, dtype=torch.float32, device=positions.device)  # (D / 2,)
    frequencies = 1.0 / theta ** (steps / channels)
    turn = positions[..., None].float() * frequencies  # (..., T, D / 2)
    turn = torch.cat([turn, turn], dim=-1)  # (..., T, D)
    return turn.cos(), turn.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn the plane of channels i and i + D/2 by the angle of the token's place. (B, heads, T, D), the same.

    Args:
        cos, sin: from `angles`, (T, D), or (B, 1, T, D) where each text has positions of its own.
    """
    first, second = x.chunk(2, dim=-1)  # (B, heads, T, D / 2)
    return x * cos + torch.cat([-second, first], dim=-1) * sin
