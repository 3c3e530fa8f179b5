"""Attention on a few tokens, then on many, against torch's own in float64."""

from __future__ import annotations

import math
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from shared.study.case import Case

FLOAT32 = 1e-5  # of sums of values of size 1, whose weights add up to 1
Q = torch.tensor([[1.0, 2.0, 0.0, -1.0], [0.0, 1.0, 1.0, 3.0], [2.0, 0.0, -1.0, 1.0]])
K = torch.tensor([[1.0, 0.0, 1.0, 2.0], [2.0, 1.0, 0.0, -1.0], [-1.0, 1.0, 2.0, 0.0]])
V = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.5, -1.0]])


def cases(work: ModuleType, rng: np.random.Generator) -> Iterator[Case]:
    seen = Q @ K.mT / 2  # (T, S), the square root of 4 is 2
    yield _case(
        "three tokens that see each other",
        Q,
        K,
        V,
        causal=False,
        mistakes={
            "no-scale": _oracle(Q, K, V, scale=1.0),
            "scale-by-d": _oracle(Q, K, V, scale=1 / 4),
            "wrong-axis": seen.softmax(dim=0) @ V,
        },
    )
    kept, hidden = torch.ones(3, 3).tril(), torch.ones(3, 3).triu(1).bool()
    yield _case(
        "three tokens that see what was before",
        Q,
        K,
        V,
        causal=True,
        mistakes={
            "mask-after-softmax": (seen.softmax(-1) * kept) @ V,
            "masked-to-zero": (seen * kept).softmax(-1) @ V,
            "wrong-triangle": seen.masked_fill(hidden.mT, -math.inf).softmax(-1) @ V,
            "not-even-itself": lambda got: bool(got[0].isnan().all()),
        },
    )
    yield _case(
        "scores as large as 400",
        40 * Q,
        10 * K,
        V,
        causal=False,
        mistakes={"overflows": lambda got: bool(got.isnan().any())},
    )
    q, k, v = _draw(rng, (2, 3), 5, 5)
    yield _case(
        "two texts and three heads",
        q,
        k,
        v,
        causal=True,
        mistakes={"first-axes-only": lambda got: got.shape == (2, 3, 5, 6)},
        given="attention(q, k, v, causal=True) of random q, k (2, 3, 5, 8) and v (2, 3, 5, 6)",
    )
    queries, keys = int(rng.integers(1, 9)), int(rng.integers(9, 70))
    q, k, v = _draw(rng, (2,), queries, keys)
    yield _case(
        f"{queries} queries and {keys} keys",
        q,
        k,
        v,
        causal=False,
        mistakes={},
        given=f"attention(q, k, v, causal=False) of random q (2, {queries}, 8), k (2, {keys}, 8) and v",
    )


def _case(
    title: str, q: Tensor, k: Tensor, v: Tensor, causal: bool, mistakes: dict[str, Any], given: str = ""
) -> Case:
    return Case(
        title,
        call="attention",
        args=(q, k, v, causal),
        given=given,
        expected=_oracle(q, k, v, causal),
        tolerance=FLOAT32,
        mistakes=mistakes,
    )


def _oracle(q: Tensor, k: Tensor, v: Tensor, causal: bool = False, scale: float | None = None) -> Tensor:
    """torch's own attention in float64, as float32."""
    q, k, v = (tensor.double()[None] for tensor in (q, k, v))
    return scaled_dot_product_attention(q, k, v, is_causal=causal, scale=scale)[0].float()


def _draw(
    rng: np.random.Generator, front: tuple[int, ...], queries: int, keys: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Queries and keys of 8 numbers, values of 6."""
    shapes = ((*front, queries, 8), (*front, keys, 8), (*front, keys, 6))
    q, k, v = (torch.from_numpy(rng.normal(size=shape)).float() for shape in shapes)
    return q, k, v
