"""The score against a slow reference that counts pixel by pixel."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from level4_build.scenes import IGNORE
from level4_build.score import SegmentationScore
from shared.errors import BadUsage

NAMES = ("a", "b", "c", "d")


def slowly(batches: list[tuple[Tensor, Tensor]]) -> dict[str, float | None]:
    """Intersection over union with two sets of places for each class."""
    found: dict[str, float | None] = {}
    for number, name in enumerate(NAMES):
        both = either = 0
        for guess, mask in batches:
            for g, m in zip(guess.flatten().tolist(), mask.flatten().tolist(), strict=True):
                if m != IGNORE:
                    both += g == number and m == number
                    either += g == number or m == number
        found[name] = both / either if either else None
    return found


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 3), st.integers(1, 4), st.integers(1, 9), st.integers(1, 9))
def test_it_counts_as_the_slow_reference(seed: int, parts: int, classes: int, h: int, w: int) -> None:
    g = torch.Generator().manual_seed(seed)
    batches = []
    for _ in range(parts):
        mask = torch.randint(0, classes, (2, h, w), generator=g)
        mask[torch.rand(2, h, w, generator=g) < 0.2] = IGNORE
        batches.append((torch.randint(0, classes, (2, h, w), generator=g), mask))
    score = SegmentationScore(NAMES)
    for guess, mask in batches:
        score.add(guess, mask)
    expected = slowly(batches)
    assert score.iou() == expected
    there = [value for value in expected.values() if value is not None]
    if there:
        assert score.macro_iou() == pytest.approx(sum(there) / len(there))


def test_counts_are_summed_before_they_are_divided() -> None:
    score = SegmentationScore(("ground", "thing"))
    score.add(torch.tensor([[1, 1, 1, 1]]), torch.tensor([[1, 1, 1, 1]]))  # alone: 1.0
    score.add(torch.tensor([[0, 0, 0, 1]]), torch.tensor([[0, 0, 1, 0]]))  # alone: 0.0
    assert score.iou()["thing"] == 4 / 6, "and not the mean of both, 0.5"


def test_a_class_that_is_nowhere_has_no_score() -> None:
    score = SegmentationScore(NAMES)
    score.add(torch.tensor([[0, 1]]), torch.tensor([[0, 0]]))
    assert score.iou() == {"a": 0.5, "b": 0.0, "c": None, "d": None}
    assert score.macro_iou() == 0.25
    assert score.support() == {"a": 2, "b": 0, "c": 0, "d": 0}
    assert math.isnan(SegmentationScore(NAMES).macro_iou())


def test_logits_count_as_their_highest_class() -> None:
    logits = torch.randn(2, 4, 5, 6, generator=torch.Generator().manual_seed(0))
    mask = torch.randint(0, 4, (2, 5, 6), generator=torch.Generator().manual_seed(1))
    one, other = SegmentationScore(NAMES), SegmentationScore(NAMES)
    one.add(logits, mask)
    other.add(logits.argmax(1), mask)
    assert torch.equal(one.confusion, other.confusion) and one.confusion.sum() == 60


@pytest.mark.parametrize(
    ("guess", "mask", "said"),
    [
        (torch.zeros(1, 2, dtype=torch.long), torch.tensor([[0, 200]]), "200"),
        (torch.zeros(1, 2, dtype=torch.long), torch.tensor([[0.0, 1.0]]), "float32"),
        (torch.zeros(1, 2, dtype=torch.long), torch.tensor([[True, False]]), "bool"),
        (torch.zeros(1, 3, dtype=torch.long), torch.tensor([[0, 1]]), "same size"),
        (torch.tensor([[0, 9]]), torch.tensor([[0, 1]]), "up to 9"),
        (torch.tensor([[0, -1]]), torch.tensor([[0, 1]]), "numbered 0 to 3"),
    ],
)
def test_a_mask_that_is_none_is_explained(guess: Tensor, mask: Tensor, said: str) -> None:
    score = SegmentationScore(NAMES)
    with pytest.raises(BadUsage) as told:
        score.add(guess, mask)
    assert said in str(told.value)
    assert score.confusion.sum() == 0
