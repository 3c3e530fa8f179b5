"""One's own pictures: what is read is what was painted, and each thing that can be wrong is told by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from level4_build.folder import Folder
from level4_build.scenes import IGNORE
from shared.errors import BadUsage, LadderError

CLASSES = ("ground", "leaf", "stem")
PALETTE = [0, 0, 0, 255, 0, 0, 0, 255, 0] + [0] * 759


def painted(number: int) -> tuple[np.ndarray, np.ndarray]:
    """An image (32, 32, 3) and its mask (32, 32), another for each number."""
    rng = np.random.default_rng(number)
    return rng.integers(0, 256, (32, 32, 3), np.uint8), rng.integers(0, 3, (32, 32), np.uint8)


class Album:
    """Two folders that tests put pictures into."""

    def __init__(self, folder: Path) -> None:
        self.images, self.masks = folder / "photos", folder / "masks"
        for each in (self.images, self.masks):
            each.mkdir()

    def put(self, name: str, image: np.ndarray | None, mask: np.ndarray | None, **told: object) -> None:
        if image is not None:
            Image.fromarray(image).save(self.images / f"{name}.png", **told)  # type: ignore[arg-type]
        if mask is not None:
            Image.fromarray(mask).save(self.masks / f"{name}.png")

    def fill(self, count: int = 6) -> None:
        for number in range(count):
            self.put(f"p{number}", *painted(number))

    def folder(self, classes: tuple[str, ...] = CLASSES, **told: object) -> Folder:
        return Folder(self.images, self.masks, classes, **({"size": 32} | told))  # type: ignore[arg-type]


@pytest.fixture
def album(tmp_path: Path) -> Album:
    return Album(tmp_path)


GREY = np.full((32, 32, 3), 90, np.uint8)
HALVES = np.repeat([[0] * 16 + [1] * 16], 32, axis=0).astype(np.uint8)  # (32, 32), left 0 and right 1


def test_pictures_come_as_they_were_painted(album: Album) -> None:
    album.fill()
    folder = album.folder()
    assert folder.names == ("p0", "p1", "p2", "p3", "p4", "p5")
    image, mask = folder[2]
    pixels, labels = painted(2)
    assert np.array_equal((image * 255).round().byte().permute(1, 2, 0).numpy(), pixels)
    assert np.array_equal(mask.numpy(), labels)
    assert (image.dtype, mask.dtype) == (torch.float32, torch.int64)
    images, masks = folder.all()
    assert torch.equal(images[2].float() / 255, image) and torch.equal(masks[2].long(), mask)
    with pytest.raises(IndexError):
        folder[6]


def test_a_palette_and_a_grey_mask_and_one_bit_say_the_same(album: Album) -> None:
    palette = Image.fromarray(HALVES).convert("P")
    palette.putpalette(PALETTE)
    for name, mask in (
        ("bit", Image.fromarray(HALVES.astype(bool))),
        ("grey", Image.fromarray(HALVES)),
        ("palette", palette),
        ("three", Image.merge("RGB", [Image.fromarray(HALVES)] * 3)),
    ):
        album.put(name, GREY, None)
        mask.save(album.masks / f"{name}.PNG" if name == "bit" else album.masks / f"{name}.png")
    folder = album.folder()
    assert folder.names == ("bit", "grey", "palette", "three")
    assert (folder.masks.numpy() == HALVES).all()


def test_an_oblong_picture_is_not_stretched_and_what_is_beside_it_does_not_count(album: Album) -> None:
    mask = np.zeros((32, 64), np.uint8)
    mask[:, 32:] = 2
    album.put("wide", np.full((32, 64, 3), 200, np.uint8), mask)
    image, small = album.folder()[0]
    assert (small[:8] == IGNORE).all() and (small[24:] == IGNORE).all()
    assert (small[8:24, :16] == 0).all() and (small[8:24, 16:] == 2).all(), "no class 1 between 0 and 2"
    assert (image[:, :8] == 0).all() and image[:, 8:24].min() == pytest.approx(200 / 255)


def test_a_photo_that_lies_on_its_side_is_turned_as_its_tag_says(album: Album) -> None:
    upright = np.zeros((32, 16, 3), np.uint8)
    upright[:8] = 255  # white on top
    mask = np.zeros((32, 16), np.uint8)
    mask[:8] = 1
    exif = Image.Exif()
    exif[0x0112] = 6  # shown after a quarter turn to the right
    album.put("side", np.rot90(upright), mask, exif=exif)
    image, seen = album.folder()[0]
    assert ((image[0] > 0.5) == (seen == 1)).all()
    album.put("side", None, np.rot90(mask).copy())
    with pytest.raises(
        LadderError, match=r"side.png is 16 by 32 pixels, and its mask side.png 32 by 16"
    ) as told:
        album.folder()
    assert "EXIF" in told.value.fix


def test_black_and_white_masks_need_a_word(album: Album) -> None:
    for number in range(3):
        album.put(f"m{number}", GREY, HALVES * 255)
    with pytest.raises(LadderError, match="0, 255 alone, and 255 is what is not counted: no leaf") as told:
        album.folder(("ground", "leaf"))
    assert "values={0: 0, 255: 1}" in told.value.fix
    assert (album.folder(("ground", "leaf"), values={0: 0, 255: 1}).masks.numpy() == HALVES).all()
    meant = album.folder(("ground", "leaf"), values={0: 0, 255: IGNORE})
    assert set(meant.masks.unique().tolist()) == {0, IGNORE}, "who says so may have it"


@pytest.mark.parametrize(
    ("greys", "values", "fix"),
    [
        ((0, 127, 255), None, "values={0: 0, 127: 1, 255: 2}"),
        ((0, 9), None, "The masks hold 0, 9 in all: say which class each means"),
        (tuple(range(40)), None, "40 values in all, for 3 classes: name more, or look for greys"),
        ((0, 1, 7), {0: 0, 1: 1}, "values={0: 0, 1: 1, 7: 2}"),
    ],
)
def test_values_that_mean_no_class_are_told_with_what_to_do(
    album: Album, greys: tuple[int, ...], values: dict[int, int] | None, fix: str
) -> None:
    album.put("odd", GREY, np.resize(np.array(greys, np.uint8), (32, 32)))
    with pytest.raises(LadderError, match=r"^odd\.png holds the value") as told:
        album.folder(values=values)
    assert fix in told.value.fix


def truncated(album: Album) -> None:
    data = (album.images / "bad.png").read_bytes()
    (album.images / "bad.png").write_bytes(data[: len(data) // 2])


def deep(album: Album) -> None:
    Image.fromarray(np.full((32, 32), 3000, np.uint16)).save(album.images / "bad.png")


def deep_mask(album: Album) -> None:
    Image.fromarray(np.ones((32, 32), np.uint16)).save(album.masks / "bad.png")


def glass(album: Album) -> None:
    Image.fromarray(np.full((32, 32, 4), 100, np.uint8)).save(album.images / "bad.png")


def glass_mask(album: Album) -> None:
    Image.fromarray(np.full((32, 32, 2), 1, np.uint8), "LA").save(album.masks / "bad.png")


def colourful(album: Album) -> None:
    Image.fromarray(np.full((32, 32, 3), (200, 0, 0), np.uint8)).save(album.masks / "bad.png")


def blurred(album: Album) -> None:
    Image.fromarray(HALVES).save(album.masks / "bad.png", "JPEG")


def larger(album: Album) -> None:
    Image.fromarray(np.zeros((33, 32), np.uint8)).save(album.masks / "bad.png")


def tiny(album: Album) -> None:
    Image.fromarray(GREY[:4, :4]).save(album.images / "bad.png")


def twice(album: Album) -> None:
    Image.fromarray(GREY).save(album.images / "bad.jpg")


def alone(album: Album) -> None:
    (album.masks / "bad.png").unlink()


def imageless(album: Album) -> None:
    (album.images / "bad.png").unlink()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (truncated, "bad.png cannot be read"),
        (deep, "bad.png has more than 8 bits"),
        (deep_mask, "bad.png has more than 8 bits"),
        (glass, "bad.png has transparent pixels"),
        (glass_mask, "bad.png has transparent pixels"),
        (colourful, "bad.png holds colours"),
        (blurred, "bad.png is a JPEG inside. JPEG blurs"),
        (larger, "bad.png is 32 by 32 pixels, and its mask bad.png 32 by 33"),
        (tiny, "bad.png is 4 by 4 pixels"),
        (twice, "bad.jpg and bad.png in"),
        (alone, "bad.png has no mask in"),
        (imageless, "bad.png has no image in"),
    ],
)
def test_a_file_that_is_wrong_is_named(album: Album, spoil: Callable[[Album], None], said: str) -> None:
    album.fill(2)
    album.put("bad", GREY, HALVES)
    assert len(album.folder()) == 3
    spoil(album)
    with pytest.raises(LadderError) as told:
        album.folder()
    assert told.value.message.startswith(said) and told.value.fix


def test_all_problems_are_told_at_once(album: Album) -> None:
    album.fill(2)
    for number in range(8):
        album.put(f"lonely{number}", GREY, None)
    album.put("bad", GREY, HALVES)
    colourful(album)
    with pytest.raises(LadderError, match="9 things are wrong") as told:
        album.folder()
    assert told.value.message.count("lonely") == 5 and "4 more" in told.value.message


def test_nothing_to_read_and_arguments_that_cannot_be(album: Album, tmp_path: Path) -> None:
    (album.images / "notes.txt").write_text("not a picture")
    with pytest.raises(LadderError, match="holds no pictures"):
        album.folder()
    with pytest.raises(LadderError, match="nowhere cannot be read"):
        Folder(tmp_path / "nowhere", album.masks, CLASSES)
    album.fill(1)
    for told in ({"size": 4}, {"values": {0: 7}}, {"values": {300: 1}}, {"classes": ("one",)}):
        with pytest.raises(BadUsage):
            album.folder(**told)  # type: ignore[arg-type]
    with pytest.raises(BadUsage, match="single picture"):
        album.folder().split()


# Splitting ---------------------------------------------------------------------------------------------


def test_a_split_depends_on_the_pictures_and_the_seed_alone(album: Album) -> None:
    album.fill(20)
    train, val = album.folder().split(0.25)
    assert (len(train), len(val)) == (15, 5) and not set(train.names) & set(val.names)
    assert (
        album.folder().split(0.25)[1].digest()
        == val.digest()
        != album.folder().split(0.25, seed=1)[1].digest()
    )
    for name, (image, mask) in zip(val.names, (val[i] for i in range(5)), strict=True):
        whole = album.folder()
        there = whole[whole.names.index(name)]
        assert torch.equal(image, there[0]) and torch.equal(mask, there[1])
    with pytest.raises(BadUsage, match="share"):
        train.split(1.0)


def test_the_same_picture_under_two_names_is_on_one_side(album: Album) -> None:
    album.fill(8)
    for number in range(8):
        for folder in (album.images, album.masks):
            (folder / f"copy{number}.png").write_bytes((folder / f"p{number}.png").read_bytes())
    for seed in range(5):
        sides = [{name[-1] for name in part.names} for part in album.folder().split(0.4, seed)]
        assert not sides[0] & sides[1] and len(sides[1]) == 3
