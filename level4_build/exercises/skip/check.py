"""Maps of numbers that say where they came from. The oracle looks up each pixel's place."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - its usual name

from shared.study.case import Case


def cases(work: ModuleType, rng: np.random.Generator) -> Iterator[Case]:
    coarse, skip = _numbers(2, 2, 3), -_numbers(2, 4, 6)
    yield _case(
        "a skip of exactly twice the size",
        coarse,
        skip,
        {
            "adds": lambda got: got.shape == skip.shape,
            "skip-first": _oracle(coarse, skip).roll(2, dims=1),
            "stretches-channels": lambda got: got.shape[1] == 2 * skip.shape[1],
        },
    )
    yield _odd("a skip with one row and one column less", _numbers(3, 3, 3), -_numbers(2, 5, 5))
    yield _odd("a skip with one row more", _numbers(3, 2, 3), -_numbers(2, 5, 6))
    yield _odd("a skip with one column more", _numbers(3, 3, 2), -_numbers(2, 6, 5))
    height, width, channels = (int(n) for n in rng.integers(7, 40, 3))
    picture = torch.from_numpy(rng.normal(size=(2, channels, height, width))).float()
    for ceil_mode in (True, False):
        coarse = F.max_pool2d(picture, 2, ceil_mode=ceil_mode)
        yield _case(
            f"a picture of {height} by {width} that was pooled, {'up' if ceil_mode else 'down'} where odd",
            coarse,
            picture,
            {},
            given=f"join(coarse {tuple(coarse.shape)}, skip {tuple(picture.shape)})",
        )


def _odd(title: str, coarse: Tensor, skip: Tensor) -> Case:
    """A skip whose size is not the double. Numbers of the coarse map are positive, the skip's negative."""
    expected = _oracle(coarse, skip)
    channels, (height, width) = coarse.shape[1], skip.shape[-2:]
    enlarged = _by_place(coarse, 2 * coarse.shape[-2], 2 * coarse.shape[-1])  # (B, C, 2h, 2w)
    stretched = F.interpolate(enlarged, size=(height, width))
    return _case(
        title,
        coarse,
        skip,
        {
            "crops-skip": lambda got: got[0, 0].numel() < height * width,
            "pads-skip": lambda got: got[0, 0].numel() > height * width,
            "stretches-channels": lambda got: got.shape[1] != expected.shape[1],
            "dark-edge": lambda got: bool((got[:, :channels] == 0).any()),
            "stretches": torch.cat([stretched, skip], dim=1),
            "shifts": lambda got: bool((got[:, :channels, -1, -1] == enlarged[..., -1, -1]).all()),
        },
    )


def _case(title: str, coarse: Tensor, skip: Tensor, mistakes: dict[str, Any], given: str = "") -> Case:
    return Case(
        title,
        call="join",
        args=(coarse, skip),
        given=given,
        expected=_oracle(coarse, skip),
        mistakes=mistakes,
    )


def _numbers(channels: int, height: int, width: int) -> Tensor:
    """1, 2, 3 … as a map (1, C, H, W)."""
    return torch.arange(1.0, 1 + channels * height * width).view(1, channels, height, width)


def _oracle(coarse: Tensor, skip: Tensor) -> Tensor:
    return torch.cat([_by_place(coarse, *skip.shape[-2:]), skip], dim=1)


def _by_place(coarse: Tensor, height: int, width: int) -> Tensor:
    """Each pixel looked up: (i, j) lies over (i // 2, j // 2), and beyond the last over the last."""
    rows = (torch.arange(height) // 2).clamp(max=coarse.shape[-2] - 1)
    columns = (torch.arange(width) // 2).clamp(max=coarse.shape[-1] - 1)
    return coarse[..., rows[:, None], columns]
