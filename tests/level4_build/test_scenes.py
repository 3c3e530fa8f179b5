"""The scenes: the same number is the same scene, splits differ, and the truth is where the shape is."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from level4_build.scenes import CLASSES, IGNORE, KINDS, PALETTE, Scenes, Shape, draw, scene
from shared.errors import BadUsage


def quiet() -> np.random.Generator:
    return np.random.default_rng(0)


def test_a_scene_depends_on_seed_split_and_number_alone() -> None:
    one = scene(0, "train", 7)
    scene(5, "val", 1)  # what was drawn in between does not matter
    again = scene(0, "train", 7)
    assert np.array_equal(one.image, again.image) and np.array_equal(one.mask, again.mask)
    for other in (scene(1, "train", 7), scene(0, "val", 7), scene(0, "train", 8)):
        assert not np.array_equal(one.image, other.image)


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
    from colorsys import rgb_to_hsv

    from level4_build.scenes import HUES, TYPICAL, imagine

    rng = np.random.default_rng(0)
    shapes = [shape for _ in range(300) for shape in imagine(rng)]
    far = [abs((rgb_to_hsv(*s.colour)[0] - HUES[KINDS.index(s.kind)] + 0.5) % 1 - 0.5) for s in shapes]
    # Of those of any hue a fifth lies near the usual one by chance; 1,500 shapes: 3 sigma are 0.03.
    assert np.mean(np.array(far) < 0.1) == pytest.approx(TYPICAL + (1 - TYPICAL) * 0.2, abs=0.03)


def test_the_digest_changes_with_any_of_what_decides_the_data() -> None:
    digests = {
        Scenes(*given).digest()  # type: ignore[arg-type]
        for given in [("train", 4, 32, 0), ("val", 4, 32, 0), ("train", 5, 32, 0), ("train", 4, 32, 1)]
    }
    assert len(digests) == 4
    assert Scenes("train", 4, 32, 0).digest() in digests


@pytest.mark.parametrize(
    "given", [("test", 1, 64, 0), ("train", 0, 64, 0), ("val", 1, 4, 0), ("val", 1, 64, -1)]
)
def test_a_set_that_cannot_be_is_refused(given: tuple[object, ...]) -> None:
    with pytest.raises(BadUsage):
        Scenes(*given)  # type: ignore[arg-type]
    with pytest.raises(BadUsage, match="hexagon"):
        Shape("hexagon", 0, 0, 1)
