"""From a picture to its mask: read it, ask the network, show what it found.

trained = weights.load()
found = segment(trained, asked("scene:3"))
found.shares()  # {"background": 0.71, "circle": 0.12, …}
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont, UnidentifiedImageError
from torch import nn

from level4_build.scenes import CLASSES, IGNORE, PALETTE, Scene, scene
from level4_build.score import SegmentationScore
from level4_build.weights import Trained
from shared.errors import BadUsage, LadderError
from shared.files import home_folder, write_atomic

LONGEST = 256  # pixels: larger pictures are made smaller, as attention costs the fourth power of the side
SMALLEST = 8
SHOWN = 192  # pixels: how large each picture of a panel is drawn
GAP = 8


@dataclass(frozen=True)
class Found:
    """What the network sees in one picture.

    Attributes:
        name: the picture's.
        image: (H, W, 3) uint8, as the network saw it.
        mask: (H, W) uint8, the class of each pixel.
        truth: the true mask, where it is known.
        note: what was done to the picture; empty if nothing.
    """

    name: str
    image: np.ndarray
    mask: np.ndarray
    truth: np.ndarray | None = None
    note: str = ""

    def shares(self) -> dict[str, float]:
        """How much of the picture each class takes, from 0 to 1."""
        counts = np.bincount(self.mask.ravel(), minlength=len(CLASSES))
        return {name: float(count / self.mask.size) for name, count in zip(CLASSES, counts, strict=True)}

    def score(self) -> SegmentationScore | None:
        """How right it is, where the truth is known."""
        if self.truth is None:
            return None
        counted = SegmentationScore(CLASSES)
        counted.add(torch.from_numpy(self.mask), torch.from_numpy(self.truth))
        return counted


class Picture(NamedTuple):
    """A picture file that was read: (H, W, 3) uint8, and what was done to it."""

    name: str
    image: np.ndarray
    note: str = ""


def asked(name: str) -> Picture | int:
    """What a name means, known before there is a network: a file, or N of `scene:N`.

    Raises:
        LadderError: there is no such picture or scene.
    """
    if name.startswith("scene:"):
        number = name.removeprefix("scene:")
        if not (number.isascii() and number.isdigit() and len(number) < 10):
            raise BadUsage(f"There is no scene {number!r}.", "Number it from 0 on: scene:3")
        return int(number)
    path = Path(name)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise LadderError(
            f"The picture {path} cannot be read ({error.strerror}).", "Name a picture file, or scene:3."
        ) from None
    return read_picture(data, path.name)


def segment(trained: Trained, what: Picture | int) -> Found:
    """The mask of a picture, or of the validation scene with this number, of the network's own training."""
    if isinstance(what, int):
        drawn = scene(trained.config.seed, "val", what, trained.config.size)
        return look(trained.model, drawn, f"scene:{what}")
    return Found(what.name, what.image, predict(trained.model, what.image), note=what.note)


def look(model: nn.Module, drawn: Scene, name: str) -> Found:
    """The mask of a scene, beside its truth."""
    return Found(name, drawn.image, predict(model, drawn.image), drawn.mask)


@torch.no_grad()
def predict(model: nn.Module, image: np.ndarray) -> np.ndarray:
    """The class of each pixel: (H, W, 3) uint8 -> (H, W) uint8."""
    batch = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255  # (1, 3, H, W)
    return model(batch)[0].argmax(dim=0).to(torch.uint8).numpy()


def read_picture(data: bytes, name: str) -> Picture:
    """A picture file's bytes, at most LONGEST pixels a side, with a note if it was made smaller.

    Raises:
        LadderError: it is no picture, or too small.
    """
    try:
        picture = Image.open(io.BytesIO(data)).convert("RGB")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise LadderError(f"{name} is no picture that can be read.", "Give a PNG or JPEG file.") from None
    was = picture.size
    picture.thumbnail((LONGEST, LONGEST))
    if min(picture.size) < SMALLEST:
        raise LadderError(
            f"{name} is {was[0]} by {was[1]} pixels.", f"Give one with sides of at least {SMALLEST} pixels."
        )
    note = "" if picture.size == was else f"Made smaller, from {was[0]} by {was[1]} pixels."
    return Picture(name, np.array(picture), note)


# Pictures of it --------------------------------------------------------------------------------------


def coloured(mask: np.ndarray) -> np.ndarray:
    """A mask in the colours of PALETTE, (H, W) -> (H, W, 3) uint8; ignored pixels are white."""
    table = np.full((256, 3), 255, np.uint8)
    table[: len(CLASSES)] = [_rgb(PALETTE[name]) for name in CLASSES]
    return table[mask]


def mask_png(mask: np.ndarray) -> bytes:
    """A mask as a PNG whose values are the classes themselves, shown in the colours of PALETTE."""
    picture = Image.fromarray(mask.astype(np.uint8)).convert("P")
    colours = [_rgb(PALETTE[name]) for name in CLASSES]
    palette = colours + [(0, 0, 0)] * (IGNORE - len(colours)) + [(255, 255, 255)]
    picture.putpalette([value for colour in palette for value in colour])
    return _png(picture)


def panel(rows: Sequence[Found]) -> Image.Image:
    """Each picture beside its truth, where known, and what was found, with the colours explained below."""
    titles = ["picture", "truth", "prediction"] if rows[0].truth is not None else ["picture", "prediction"]
    font = ImageFont.load_default(14)
    width = max(len(titles) * (SHOWN + GAP) + GAP, 4 * (SHOWN // 2 + GAP) + GAP)
    sheet = Image.new("RGB", (width, 26 + len(rows) * (SHOWN + GAP) + 54), "white")
    pen = ImageDraw.Draw(sheet)
    for column, title in enumerate(titles):
        pen.text((GAP + column * (SHOWN + GAP), 4), title, "black", font)
    for row, found in enumerate(rows):
        masks = [found.mask] if found.truth is None else [found.truth, found.mask]
        for column, pixels in enumerate([found.image, *map(coloured, masks)]):
            tile = Image.fromarray(pixels)
            scale = SHOWN / max(tile.size)
            size = (max(1, round(tile.width * scale)), max(1, round(tile.height * scale)))
            tile = tile.resize(size, Image.Resampling.NEAREST)
            sheet.paste(tile, (GAP + column * (SHOWN + GAP), 26 + row * (SHOWN + GAP)))
    for index, name in enumerate(CLASSES):
        x = GAP + index % 3 * (width // 3)
        y = sheet.height - 46 + index // 3 * 22
        pen.rectangle((x, y + 2, x + 14, y + 14), PALETTE[name])
        pen.text((x + 20, y), name, "black", font)
    return sheet


def panel_png(rows: Sequence[Found]) -> bytes:
    """`panel` as a PNG file's bytes."""
    return _png(panel(rows))


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def write(found: Found, out: Path | None = None) -> tuple[Path, Path]:
    """Write the mask and, beside it, the panel; by default into the home. Returns where both are."""
    name = re.sub(r"[^\w.-]+", "-", found.name)
    mask = (
        out or home_folder() / "level4" / "predictions" / f"{Path(name).stem or 'picture'}.png"
    ).absolute()
    panel = mask.with_name(f"{mask.stem}-panel.png")
    try:
        return write_atomic(mask, mask_png(found.mask)), write_atomic(panel, panel_png([found]))
    except OSError as error:
        raise LadderError(
            f"The mask {mask} cannot be written ({error.strerror}).", "Name another file with --out."
        ) from None
