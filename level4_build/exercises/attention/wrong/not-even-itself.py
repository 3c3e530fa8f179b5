"""Attention: each token asks, every earlier one answers, and the answers that fit best weigh most.

    scores = q · k / sqrt(D)                    how well each key fits each query
    weights = softmax of the scores             over the keys, so that a query's weights add up to 1
    out = the sum of the values by these weights

With `causal` a query at place t must not see keys after t: their weight is exactly 0, and the others add
up to 1 still. That is what lets a language model learn all places of a text at once.

    eye = torch.eye(2)
    attention(eye, eye, eye, causal=True)[0]        must be [1.0, 0.0]: the first token sees itself alone

Write it with torch, but without its own attention. Check with: ladder check attention
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def attention(q: Tensor, k: Tensor, v: Tensor, causal: bool) -> Tensor:
    """Scaled dot-product attention.

    Args:
        q: queries (…, T, D); in front any number of axes, such as batch and heads.
        k, v: keys (…, S, D) and values (…, S, E). With `causal`, S is T.

    Returns:
        For each query the weighted sum of the values: (…, T, E).
    """
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])  # (…, T, S)
    if causal:
        future = torch.ones(scores.shape[-2:], dtype=torch.bool).triu()  # (T, S)
        scores = scores.masked_fill(future, -math.inf)
    weights = scores.softmax(dim=-1)
    return weights @ v


if __name__ == "__main__":
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 4, 8)  # one head of 4 tokens
    print(attention(q, k, v, causal=True))
