"""Scales, levels, and what is left of the encoder of level 3 when all its weights are rounded like this."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import cache
from types import ModuleType

import numpy as np
import torch
from torch import Tensor, nn

from level3_modify.search import spread
from level3_modify.slim import original
from shared.encoder import Encoder
from shared.study.case import Case

FLOAT32 = 1e-6  # of scales of up to 1, which float32 knows to 1e-7


def cases(work: ModuleType, rng: np.random.Generator) -> Iterator[Case]:
    yield Case(
        "a scale for each row",
        call="row_scales",
        args=(torch.tensor([[127.0, -50.0], [-63.5, 20.0]]),),
        expected=torch.tensor([[1.0], [0.5]]),
        tolerance=FLOAT32,
        mistakes={"one-scale": lambda got: got.unique().numel() == 1},
    )
    yield Case(
        "a scale that one can divide by, for a row of zeros too",
        call="row_scales",
        args=(torch.tensor([[0.0, 0.0], [20.0, -63.5]]),),
        expected="a scale above 0 for the first row, 0.5 for the second",
        holds=lambda got: bool(got[0, 0] > 0) and abs(got[1, 0].item() - 0.5) <= FLOAT32,
        mistakes={"zero-row": lambda got: got[0, 0].item() == 0},
    )
    yield Case(
        "the nearest whole number",
        call="quantise",
        args=(torch.tensor([[0.625, -0.625, 1.375, -1.625, 2.0]]), torch.tensor([[1.0]])),
        expected=torch.tensor([[1, -1, 1, -2, 2]], dtype=torch.int8),
        mistakes={"truncates": torch.tensor([[0, 0, 1, -1, 2]], dtype=torch.int8)},
    )
    yield Case(
        "a half goes to its even neighbour",
        call="quantise",
        args=(torch.tensor([[0.5, 1.5, 2.5, -0.5]]), torch.tensor([[1.0]])),
        expected=torch.tensor([[0, 2, 2, 0]], dtype=torch.int8),
    )
    yield Case(
        "a weight beyond 127 steps keeps its sign",
        call="quantise",
        args=(torch.tensor([[300.0, -300.0, 50.0]]), torch.tensor([[1.0]])),
        expected=torch.tensor([[127, -127, 50]], dtype=torch.int8),
        mistakes={"wraps": lambda got: got[0, 0].item() < 0},
    )
    weight, levels = made_of_levels(rng)
    yield Case(
        "a matrix of an awkward size, each row of another magnitude",
        call="quantise",
        run=lambda work: work.quantise(weight.clone(), work.row_scales(weight.clone())),
        given="quantise(weight, row_scales(weight)) of a random weight, (59, 33)",
        expected=levels,
    )
    yield Case(
        "every linear layer of the encoder, rounded and restored",
        call="quantise",
        run=lambda work: error_of_vectors(lambda weight: there_and_back(work, weight)),
        given="all linear layers of all-MiniLM-L6-v2, and 8 passages of level 2 to encode",
        expected="vectors nearer to the original ones than with one scale a matrix",
        holds=lambda got: got < with_one_scale(),
        measures=lambda got: {"relative_error": got, "baseline": with_one_scale()},
    )


def made_of_levels(rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """A weight (59, 33) and the levels that it was made from, in float64 and far from any half."""
    levels = rng.integers(-126, 127, (59, 33))
    fraction = rng.uniform(-0.4, 0.4, levels.shape)
    levels[:, 0], fraction[:, 0] = 127 * rng.choice([-1, 1], 59), 0  # the largest of its row, exactly
    scales = 10 ** rng.uniform(-4, 0, (59, 1))
    weight = (levels + fraction) * scales
    return torch.from_numpy(weight).float(), torch.from_numpy(levels).to(torch.int8)


def error_of_vectors(rounded: Callable[[Tensor], Tensor]) -> float:
    """How far the encoder's vectors move when each weight matrix is rounded, as a share of their length."""
    encoder, texts = original(), spread(8)
    model = deepcopy(encoder.model)
    with torch.no_grad():
        for layer in model.modules():
            if isinstance(layer, nn.Linear):
                layer.weight.copy_(rounded(layer.weight.detach().clone()))
    changed = Encoder(model, encoder.tokenizer, encoder.max_tokens).encode(texts)
    before = encoder.encode(texts)
    return float(np.linalg.norm(changed - before) / np.linalg.norm(before))


def there_and_back(work: ModuleType, weight: Tensor) -> Tensor:
    scales = work.row_scales(weight)
    return work.restore(work.quantise(weight, scales), scales)


@cache
def with_one_scale() -> float:
    """The same where all rows of a matrix share one scale."""

    def rounded(weight: Tensor) -> Tensor:
        scale = weight.abs().max() / 127
        return (weight / scale).round().clamp(-127, 127) * scale

    return error_of_vectors(rounded)
