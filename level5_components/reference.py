"""BitLinear once more, slowly: the paper's equations in plain Python, one number at a time, in float64.

It shares no line with the layer, so that an error must be made twice to stay hidden.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

Row = Sequence[float]


def bitlinear(x: Sequence[Row], weight: Sequence[Row], bias: Row | None, norm: bool) -> list[list[float]]:
    """y = γ W~ · Quant(RMSNorm(x)) + b (arXiv 2402.17764, section 2; 2310.11453, equation 11).

    Args:
        x: (tokens, in)
        weight: (out, in)
        bias: (out,) or None

    Returns:
        (tokens, out)
    """
    levels, gamma = ternary(weight)
    outputs = []
    for token in x:
        q, step = int8(rms_norm(token) if norm else token)
        row = []
        for o, level in enumerate(levels):
            total = sum(w * n for w, n in zip(level, q, strict=True))  # whole numbers: exact
            row.append(total * gamma * step + (bias[o] if bias is not None else 0.0))
        outputs.append(row)
    return outputs


def ternary(weight: Sequence[Row]) -> tuple[list[list[int]], float]:
    """W~ = RoundClip(W / γ, -1, 1) and γ = mean |W|."""
    values = [abs(w) for row in weight for w in row]
    gamma = math.fsum(values) / len(values)
    return [[clip(round(w / gamma), 1) if gamma else 0 for w in row] for row in weight], gamma


def int8(token: Row) -> tuple[list[int], float]:
    """x~ = RoundClip(x · 127 / max |x|, -127, 127), and what one step is worth."""
    largest = max(abs(v) for v in token)
    return [clip(round(v * 127 / largest), 127) if largest else 0 for v in token], largest / 127


def rms_norm(token: Row, eps: float = 1e-5) -> list[float]:
    """x / sqrt(mean(x²) + eps)."""
    mean_square = math.fsum(v * v for v in token) / len(token)
    return [v / math.sqrt(mean_square + eps) for v in token]


def clip(value: int, limit: int) -> int:
    return max(-limit, min(limit, value))
