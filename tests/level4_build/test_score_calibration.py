"""Calibration against torchmetrics, by hand, and in parts."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torchmetrics.classification import MulticlassCalibrationError

from level4_build.calibration import Calibration
from level4_build.scenes import IGNORE
from shared.errors import BadUsage


def pictures(seed: int, sharp: float = 2.0) -> tuple[Tensor, Tensor]:
    """Logits (3, 5, 16, 16) and masks that agree with them more often than by chance."""
    g = torch.Generator().manual_seed(seed)
    logits = sharp * torch.randn(3, 5, 16, 16, generator=g)
    mask = torch.where(
        torch.rand(3, 16, 16, generator=g) < 0.5,
        logits.argmax(1),
        torch.randint(0, 5, (3, 16, 16), generator=g),
    )
    mask[torch.rand(mask.shape, generator=g) < 0.2] = IGNORE
    return logits, mask


@pytest.mark.parametrize("bins", [1, 10, 15])
@pytest.mark.parametrize("sharp", [0.0, 0.5, 2.0, 50.0])
def test_the_error_is_torchmetrics(bins: int, sharp: float) -> None:
    """Given probabilities: it takes logits for such if all lie in 0 to 1. Its bins are closed left, while
    the paper's and ours are on the right; only a confidence on the very edge tells them apart."""
    logits, mask = pictures(1, sharp)
    ours = Calibration(bins)
    ours.add(logits, mask)
    theirs = MulticlassCalibrationError(5, n_bins=bins, ignore_index=IGNORE)(logits.softmax(1), mask)
    assert ours.error() == pytest.approx(float(theirs), abs=1e-5)


def test_a_small_one_by_hand() -> None:
    """Two pixels called with 0.75, one of them right; two with 0.5625, both right."""
    logits = torch.tensor([0.75, 0.75, 0.5625, 0.5625]).log()
    others = torch.tensor([0.25, 0.25, 0.4375, 0.4375]).log()
    calibration = Calibration(2)
    calibration.add(torch.stack([logits, others])[None, :, None], torch.tensor([[[0, 1, 0, 0]]]))
    assert calibration.pixels.tolist() == [0, 4]
    assert calibration.error() == pytest.approx(abs(3 / 4 - (0.75 + 0.5625) / 2))
    fine = Calibration(10)
    fine.add(torch.stack([logits, others])[None, :, None], torch.tensor([[[0, 1, 0, 0]]]))
    assert [tuple(each) for each in fine.filled()] == [
        pytest.approx((0.55, 2, 0.5625, 1)),
        pytest.approx((0.75, 2, 0.75, 0.5)),
    ]
    assert fine.error() == pytest.approx((0.4375 * 2 + 0.25 * 2) / 4)


def test_who_says_what_is_so_is_calibrated() -> None:
    """Truths drawn with the very probabilities that the logits give: the error is that of 30,720 draws."""
    g = torch.Generator().manual_seed(2)
    logits = 2 * torch.randn(30, 4, 32, 32, generator=g)
    chances = logits.softmax(1).permute(0, 2, 3, 1).reshape(-1, 4)
    mask = torch.multinomial(chances, 1, generator=g).view(30, 32, 32)
    honest, boasting = Calibration(), Calibration()
    honest.add(logits, mask)
    boasting.add(3 * logits, mask)
    assert honest.error() < 0.01 < 0.1 < boasting.error()


def test_parts_that_are_added_give_the_whole() -> None:
    logits, mask = pictures(3)
    whole, first, second = Calibration(), Calibration(), Calibration()
    whole.add(logits, mask)
    first.add(logits[:1], mask[:1])
    second.add(logits[1:], mask[1:])
    assert (first + second).error() == pytest.approx(whole.error())
    assert (first + second).pixels.tolist() == whole.pixels.tolist()


def test_nothing_and_what_does_not_fit() -> None:
    empty = Calibration()
    empty.add(torch.zeros(1, 3, 2, 2), torch.full((1, 2, 2), IGNORE))
    assert math.isnan(empty.error()) and empty.filled() == []
    with pytest.raises(BadUsage, match="logits are"):
        empty.add(torch.zeros(1, 3, 2, 2), torch.zeros(1, 3, 3))
    with pytest.raises(BadUsage, match="15 and 3 bins"):
        empty + Calibration(3)
