"""All scores against a slow reference, scikit-learn and torchmetrics; and parts that give the whole."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix
from torch import Tensor
from torchmetrics.classification import MulticlassAccuracy, MulticlassJaccardIndex
from torchmetrics.segmentation import DiceScore, MeanIoU

from level4_build.scenes import IGNORE
from level4_build.score import SegmentationScore, mean_of
from shared.errors import BadUsage

NAMES = ("a", "b", "c", "d")
Pixels = list[tuple[int, int]]  # of one image: truth and prediction, without ignored ones


def pictures(seed: int, count: int, classes: int = 4, ignored: float = 0.2) -> tuple[Tensor, Tensor]:
    """Predictions and masks (count, 7, 5), classes below `classes`, and some pixels that do not count."""
    g = torch.Generator().manual_seed(seed)
    guess, mask = torch.randint(0, classes, (2, count, 7, 5), generator=g)
    mask[torch.rand(mask.shape, generator=g) < ignored] = IGNORE
    return guess, mask


def scored(guess: Tensor, mask: Tensor) -> SegmentationScore:
    score = SegmentationScore(NAMES)
    score.add(guess, mask)
    return score


# A slow reference: plain Python, one pixel at a time ---------------------------------------------------


def listed(guess: Tensor, mask: Tensor) -> list[Pixels]:
    pairs = [
        zip(m.flatten().tolist(), g.flatten().tolist(), strict=True) for g, m in zip(guess, mask, strict=True)
    ]
    return [[(m, g) for m, g in image if m != IGNORE] for image in pairs]


def iou_of(pixels: Pixels, label: int) -> float | None:
    both = sum(m == label and g == label for m, g in pixels)
    either = sum(m == label or g == label for m, g in pixels)
    return both / either if either else None


def dice_of(pixels: Pixels, label: int) -> float | None:
    both = sum(m == label and g == label for m, g in pixels)
    sizes = sum(m == label for m, _ in pixels) + sum(g == label for _, g in pixels)
    return 2 * both / sizes if sizes else None


def mean(values: list[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return sum(there) / len(there) if there else None


@given(st.integers(0, 2**31), st.integers(1, 4), st.integers(1, 4), st.sampled_from([0.0, 0.3, 0.95, 1.0]))
def test_every_score_is_that_of_the_slow_reference(
    seed: int, count: int, classes: int, ignored: float
) -> None:
    guess, mask = pictures(seed, count, classes, ignored)
    images = listed(guess, mask)
    whole = [pixel for image in images for pixel in image]
    for label, row in enumerate(scored(guess, mask).by_class()):
        assert row.iou == pytest.approx(iou_of(whole, label))
        assert row.dice == pytest.approx(dice_of(whole, label))
        assert row.imagewise_iou == pytest.approx(mean([iou_of(image, label) for image in images]))
        assert row.imagewise_dice == pytest.approx(mean([dice_of(image, label) for image in images]))
        assert row.pixels == sum(m == label for m, _ in whole)
        assert row.images == sum(any(m == label for m, _ in image) for image in images)
    told = scored(guess, mask).summary()
    if not whole:
        assert all(math.isnan(value) for value in told.values())
        return
    right = sum(m == g for m, g in whole)
    assert told["accuracy"] == told["dice_micro"] == pytest.approx(right / len(whole))
    assert told["iou_micro"] == pytest.approx(right / (2 * len(whole) - right))
    assert told["iou"] == pytest.approx(mean([iou_of(whole, label) for label in range(4)]))
    assert told["dice"] == pytest.approx(mean([dice_of(whole, label) for label in range(4)]))


@given(st.integers(0, 2**31), st.integers(1, 4), st.integers(0, 4))
def test_parts_that_are_added_give_the_whole(seed: int, ahead: int, behind: int) -> None:
    """As two processes would, each with its share, the counts sent as one vector."""
    guess, mask = pictures(seed, ahead + behind)
    whole = scored(guess, mask)
    first, second = scored(guess[:ahead], mask[:ahead]), scored(guess[ahead:], mask[ahead:])
    sent = SegmentationScore.of_counts(first.counts() + second.counts(), NAMES)
    for merged in (first + second, second + first, sent):
        assert torch.equal(merged.confusion, whole.confusion)
        assert merged.support() == whole.support()
        for got, expected in zip(merged.by_class(), whole.by_class(), strict=True):
            assert got[1:] == pytest.approx(expected[1:])


def test_scores_of_other_classes_are_not_added() -> None:
    with pytest.raises(BadUsage, match="4 classes"):
        scored(*pictures(0, 1)) + SegmentationScore(("a", "b"))


def test_an_absent_class_is_reported_and_in_no_mean() -> None:
    guess, mask = pictures(0, 3, classes=3)
    score = scored(guess, mask)
    assert score.absent() == ("d",)
    last = score.by_class()[-1]
    assert (last.iou, last.dice, last.imagewise_iou, last.pixels, last.images) == (None, None, None, 0, 0)
    assert score.macro_iou() == pytest.approx(sum(iou or 0 for iou in score.iou().values()) / 3)
    assert mean_of(score.imagewise_dice()) > 0


# Oracles from outside ----------------------------------------------------------------------------------


def test_the_confusion_matrix_is_scikit_learns() -> None:
    guess, mask = pictures(3, 6)
    counted = mask != IGNORE
    expected = confusion_matrix(mask[counted].numpy(), guess[counted].numpy(), labels=range(4))
    assert (scored(guess, mask).confusion.numpy() == expected).all()


@pytest.mark.parametrize("classes", [3, 4])
def test_the_sums_over_the_set_are_torchmetrics(classes: int) -> None:
    """With 3 classes "d" is absent: torchmetrics too leaves it out of the mean, but calls its own IoU 0."""
    guess, mask = pictures(4, 6, classes)
    score = scored(guess, mask)

    def theirs(average: str) -> Tensor:
        return MulticlassJaccardIndex(4, average=average, ignore_index=IGNORE)(guess, mask)  # type: ignore[arg-type]

    each = theirs("none")
    assert each.tolist() == pytest.approx([value or 0 for value in score.iou().values()], abs=1e-6)
    assert (
        score.iou()["d"] is None
        if classes == 3
        else score.iou()["d"] == pytest.approx(float(each[3]), abs=1e-6)
    )
    assert float(theirs("macro")) == pytest.approx(score.macro_iou(), abs=1e-6)
    assert float(theirs("micro")) == pytest.approx(score.micro_iou(), abs=1e-6)
    accuracy = MulticlassAccuracy(4, average="micro", ignore_index=IGNORE)(guess, mask)
    assert float(accuracy) == pytest.approx(score.accuracy(), abs=1e-6)


def test_dice_is_torchmetrics_where_every_pixel_counts() -> None:
    """Its DiceScore knows no pixels to ignore, and calls an absent class nan."""
    guess, mask = pictures(5, 6, classes=3, ignored=0)

    def theirs(average: str, level: str = "global") -> Tensor:
        return DiceScore(4, average=average, aggregation_level=level, input_format="index")(guess, mask)  # type: ignore[arg-type]

    score = scored(guess, mask)
    assert theirs("none")[:3].tolist() == pytest.approx(list(score.dice().values())[:3], abs=1e-6)
    assert math.isnan(theirs("none")[3]) and score.dice()["d"] is None
    assert float(theirs("macro")) == pytest.approx(score.macro_dice(), abs=1e-6)
    assert float(theirs("micro")) == pytest.approx(score.accuracy(), abs=1e-6)


def test_imagewise_iou_is_torchmetrics_for_each_class_but_not_in_the_mean() -> None:
    """MeanIoU is image-wise. Its mean is first over the classes of an image, ours over the images of a class:
    a class that few images hold weighs there as much as these images, and here as much as any other class."""
    guess, mask = (
        torch.tensor([[[0, 1], [1, 0]], [[0, 0], [0, 2]]]),
        torch.tensor([[[0, 1], [0, 0]], [[0, 0], [0, 0]]]),
    )
    score = scored(guess, mask)
    assert score.imagewise_iou() == pytest.approx({"a": (2 / 3 + 3 / 4) / 2, "b": 1 / 2, "c": 0.0, "d": None})
    each = MeanIoU(4, per_class=True, input_format="index")(guess, mask)
    assert each.tolist() == pytest.approx([17 / 24, 1 / 2, 0, -1]), "-1 is its word for absent"
    theirs = MeanIoU(4, input_format="index")(guess, mask)
    assert float(theirs) == pytest.approx(((2 / 3 + 1 / 2) / 2 + (3 / 4 + 0) / 2) / 2)
    assert mean_of(score.imagewise_iou()) == pytest.approx((17 / 24 + 1 / 2 + 0) / 3)


# What it is given --------------------------------------------------------------------------------------


def test_a_picture_alone_counts_as_a_batch_of_one() -> None:
    guess, mask = pictures(6, 1)
    assert torch.equal(scored(guess[0], mask[0]).counts(), scored(guess, mask).counts())


@pytest.mark.parametrize("shape", [(4,), (1, 1, 2, 2)])
def test_what_is_no_picture_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(BadUsage, match="same size"):
        scored(torch.zeros(shape, dtype=torch.long), torch.zeros(shape, dtype=torch.long))
