"""The scenes: the same number is the same scene, splits differ, and the truth is where the shape is."""

from __future__ import annotations

from colorsys import rgb_to_hsv

import numpy as np
import pytest
import torch

from level4_build.scenes import (
    CLASSES,
    FROZEN,
    HUES,
    IGNORE,
    KINDS,
    MOST,
    PALETTE,
    SPLITS,
    TYPICAL,
    Scenes,
    Shape,
    draw,
    imagine,
    scene,
)
from shared.errors import BadUsage


def quiet() -> np.random.Generator:
    return np.random.default_rng(0)


def test_a_scene_depends_on_seed_split_and_number_alone() -> None:
    one = scene(0, "train", 7)
    scene(5, "val", 1)  # what was drawn in between does not matter
    again = scene(0, "train", 7)
    assert np.array_equal(one.image, again.image) and np.array_equal(one.mask, again.mask)
    others = [scene(1, "train", 7), scene(0, "train", 8), *(scene(0, split, 7) for split in SPLITS[1:])]
    for other in [*others, scene(0, "train", 7, difficulty=0.4)]:
        assert not np.array_equal(one.image, other.image)


def test_no_two_splits_share_a_scene() -> None:
    """Beyond 32 bits a seed is two words to numpy, and [5 + 2**32, 0, 0] draws what [5, 1, 0] draws."""
    draws = [np.random.default_rng([5 + 2**32, 0, 0]).random(), np.random.default_rng([5, 1, 0]).random()]
    assert draws[0] == draws[1], "that is why such seeds are refused"
    for seed, number in ((5 + 2**32, 0), (5, MOST), (-1, 0), (0, -1)):
        with pytest.raises(BadUsage, match="no scene"):
            scene(seed, "train", number)
    pixels = {scene(s, split, i, 16).image.tobytes() for s in (0, 1) for split in SPLITS for i in range(100)}
    assert len(pixels) == 2 * len(SPLITS) * 100


def test_the_frozen_scenes_are_those_that_were_measured() -> None:
    """Other pixels are another data set: every number measured on it would have to be measured anew."""
    assert Scenes("val", 64).digest() == "61bc69dbdfb5571b91ddf0115f789d212cde6a166de4d7f07d6dfe172c11ed94"
    assert Scenes("val", 64, difficulty=FROZEN).digest() == Scenes("val", 64).digest()


def test_the_set_gives_what_the_network_takes() -> None:
    images, masks = zip(*(Scenes("val", 5, size=40)[i] for i in range(5)), strict=True)
    image, mask = images[3], masks[3]
    assert (image.shape, image.dtype, mask.shape, mask.dtype) == (
        (3, 40, 40), torch.float32, (40, 40), torch.int64,
    )  # fmt: skip
    assert image.min() >= 0 and image.max() <= 1 and image.std() > 0.02
    every, truths = Scenes("val", 5, size=40).all()
    assert torch.equal(torch.stack(images), every.float() / 255)
    assert torch.equal(torch.stack(masks), truths.long())
    assert len(Scenes("val", 5)) == 5
    with pytest.raises(IndexError):
        Scenes("val", 5)[5]


def test_every_class_is_there_and_they_are_not_balanced() -> None:
    _, masks = Scenes("train", 200).all()
    counts = torch.bincount(masks.flatten().long(), minlength=256)
    assert set(torch.unique(masks).tolist()) == {*range(len(CLASSES)), IGNORE}
    assert counts[0] > 5 * counts[1] and counts[1] > 4 * counts[5] > 0
    assert set(PALETTE) == set(CLASSES)


def test_the_border_is_one_pixel_wherever_classes_meet() -> None:
    mask = draw([Shape("square", 0.5, 0.5, 0.25)], 40, quiet()).mask
    row = mask[20]
    assert [int(v) for v in row[np.flatnonzero(np.diff(row)) + 1]] == [IGNORE, 2, IGNORE, 0]
    assert (row == IGNORE).sum() == 2
    both = (mask[:, :-1] != mask[:, 1:]) & (mask[:, :-1] != IGNORE) & (mask[:, 1:] != IGNORE)
    assert not both.any(), "no two classes touch"


@pytest.mark.parametrize(
    ("kind", "area"),
    [
        ("circle", np.pi),
        ("square", 1.7**2),
        ("triangle", 1.8 * (1.8 / 3**0.5)),
        ("ring", np.pi * 0.7),
        ("bar", 2.7 * 0.6),
    ],
)
@pytest.mark.parametrize("angle", [0.0, 0.7])
def test_a_shape_covers_its_area_at_any_angle(kind: str, area: float, angle: float) -> None:
    mask = draw([Shape(kind, 0.5, 0.5, 0.3, angle)], 400, quiet()).mask
    share = (mask == CLASSES.index(kind)).mean()
    # At 400 pixels the border takes at most 2.5 % of these shapes' area, the ring and the bar more.
    assert share == pytest.approx(area * 0.3**2, rel=0.06)


def test_the_later_shape_hides_the_earlier() -> None:
    shapes = [Shape("circle", 0.5, 0.5, 0.3), Shape("square", 0.5, 0.5, 0.1)]
    assert draw(shapes, 64, quiet()).mask[32, 32] == CLASSES.index("square")
    assert draw(shapes[::-1], 64, quiet()).mask[32, 32] == CLASSES.index("circle")


def test_colour_tells_the_kind_mostly_but_not_always() -> None:
    rng = np.random.default_rng(0)
    shapes = [shape for _ in range(300) for shape in imagine(rng)]
    far = [abs((rgb_to_hsv(*s.colour)[0] - HUES[KINDS.index(s.kind)] + 0.5) % 1 - 0.5) for s in shapes]
    # Of those of any hue a fifth lies near the usual one by chance; 1,500 shapes: 3 sigma are 0.03.
    assert np.mean(np.array(far) < 0.1) == pytest.approx(TYPICAL + (1 - TYPICAL) * 0.2, abs=0.03)


def test_the_dial_turns_everything_that_is_hard() -> None:
    easy, usual, hard = ([imagine(np.random.default_rng(i), d) for i in range(300)] for d in (0, FROZEN, 1))
    assert {len(shapes) for shapes in easy} == {1}
    assert {len(shapes) for shapes in usual} == set(range(3, 8))
    assert {len(shapes) for shapes in hard} == set(range(5, 14))
    bars = [np.mean([s.kind == "bar" for shapes in drawn for s in shapes]) for drawn in (easy, usual, hard)]
    # Of 300, 1,500 and 2,700 shapes; 3 sigma are 0.07, 0.022 and 0.011.
    assert bars == [
        pytest.approx(0.2, abs=0.07),
        pytest.approx(0.09, abs=0.022),
        pytest.approx(0.035, abs=0.011),
    ]
    odd = [
        np.mean(
            [abs((rgb_to_hsv(*s.colour)[0] - HUES[KINDS.index(s.kind)] + 0.5) % 1 - 0.5) > 0.12 for s in flat]
        )
        for flat in ([s for shapes in drawn for s in shapes] for drawn in (easy, usual, hard))
    ]
    assert odd[0] == 0 < odd[1] < odd[2]


def test_without_difficulty_a_surface_is_plain_and_without_noise() -> None:
    shape = Shape("square", 0.5, 0.5, 0.3, colour=(0.8, 0.2, 0.4), stripes=5)
    drawn = draw([shape], 64, quiet(), 0)
    assert np.unique(drawn.image[drawn.mask == 2], axis=0).tolist() == [[204, 51, 102]]
    assert len(np.unique(drawn.image[drawn.mask == 0], axis=0)) == 1
    spread = [draw([shape], 64, quiet(), d).image[drawn.mask == 2].std(0).mean() for d in (0, 0.25, 0.5, 1)]
    assert spread == sorted(spread) and len(set(spread)) == 4


@pytest.mark.parametrize("difficulty", [-0.1, 1.1, float("nan")])
def test_a_dial_beyond_its_ends_is_refused(difficulty: float) -> None:
    with pytest.raises(BadUsage, match="difficulty"):
        Scenes("train", 1, difficulty=difficulty)
    with pytest.raises(BadUsage, match="difficulty"):
        scene(0, "train", 1, difficulty=difficulty)


def test_the_digest_changes_with_any_of_what_decides_the_data() -> None:
    digests = {
        Scenes(*given).digest()  # type: ignore[arg-type]
        for given in [("train", 4, 32, 0), ("val", 4, 32, 0), ("train", 5, 32, 0), ("train", 4, 32, 1)]
    }
    assert len(digests) == 4
    assert Scenes("train", 4, 32, 0).digest() in digests


@pytest.mark.parametrize(
    "given",
    [("tset", 1, 64, 0), ("train", 0, 64, 0), ("val", 1, 4, 0), ("val", 1, 64, -1), ("val", 1, 64, 2**32)],
)
def test_a_set_that_cannot_be_is_refused(given: tuple[object, ...]) -> None:
    with pytest.raises(BadUsage):
        Scenes(*given)  # type: ignore[arg-type]
    with pytest.raises(BadUsage, match="hexagon"):
        Shape("hexagon", 0, 0, 1)
