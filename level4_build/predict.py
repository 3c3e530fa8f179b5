"""From a picture to its mask: read it, ask the network, show what it found.

trained = weights.load()
(wanted,) = asked("scene:3")
found = segment(trained, wanted)
found.shares()  # {"background": 0.71, "circle": 0.12, …}
found.surer_than(0.6).mask  # IGNORE where the network is less sure of its class
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont, ImageOps, UnidentifiedImageError
from torch import nn

from level4_build.colours import colours_of
from level4_build.scenes import CLASSES, IGNORE, Scene, scene
from level4_build.score import SegmentationScore
from level4_build.weights import Trained
from shared.errors import BadUsage, LadderError
from shared.files import home_folder, write_atomic

LONGEST = 256  # pixels: larger pictures are made smaller, as attention costs the fourth power of the side
SMALLEST = 8
SHOWN = 192  # pixels: how large each picture of a panel is drawn
GAP = 8
VEIL = 0.55  # how much of an overlay is the mask
ENDINGS = (".png", ".jpg", ".jpeg", ".webp")  # of the pictures of a folder


@dataclass(frozen=True)
class Found:
    """What the network sees in one picture.

    Attributes:
        name: the picture's.
        image: (H, W, 3) uint8, as the network saw it.
        mask: (H, W) uint8, the class of each pixel, or IGNORE where the network was not sure enough.
        truth: the true mask, where it is known.
        note: what was done to the picture; empty if nothing.
        confidence: (H, W) float32, how likely the network holds the class of each pixel, from 0 to 1.
        classes: what the numbers in the masks mean.
    """

    name: str
    image: np.ndarray
    mask: np.ndarray
    truth: np.ndarray | None = None
    note: str = ""
    confidence: np.ndarray | None = None
    classes: tuple[str, ...] = CLASSES

    def shares(self) -> dict[str, float]:
        """How much of the picture each class takes, from 0 to 1; what is left is `unsure`."""
        counts = np.bincount(self.mask.ravel(), minlength=len(self.classes))
        pairs = zip(self.classes, counts[: len(self.classes)], strict=True)
        return {name: float(count / self.mask.size) for name, count in pairs}

    def unsure(self) -> float:
        """How much of the picture has no class, as the network was not sure enough of it."""
        return float((self.mask == IGNORE).mean())

    def surer_than(self, least: float) -> Found:
        """The same without the pixels of whose class the network is less sure: they become IGNORE.

        Raises:
            BadUsage: `least` is not from 0 to 1, or how sure it was is not known.
        """
        if self.confidence is None or not 0 <= least <= 1:
            raise BadUsage(f"A confidence of {least} cannot be asked for.", "Take a number from 0 to 1.")
        return replace(self, mask=np.where(self.confidence < least, np.uint8(IGNORE), self.mask))

    def score(self) -> SegmentationScore | None:
        """How right it is where it has a class and the truth is known; None without a truth."""
        if self.truth is None:
            return None
        sure = self.mask != IGNORE
        truth, mask = np.where(sure, self.truth, IGNORE), np.where(sure, self.mask, 0)
        counted = SegmentationScore(self.classes)
        counted.add(torch.from_numpy(mask), torch.from_numpy(truth))
        return counted


class Picture(NamedTuple):
    """A picture file that was read: (H, W, 3) uint8, and what was done to it."""

    name: str
    image: np.ndarray
    note: str = ""


def asked(name: str) -> list[Picture | int]:
    """What a name means, known before there is a network: a file, a folder's files, or N of `scene:N`.

    Raises:
        LadderError: there is no such picture or scene, or the folder holds none.
    """
    if name.startswith("scene:"):
        number = name.removeprefix("scene:")
        if not (number.isascii() and number.isdigit() and len(number) < 10):
            raise BadUsage(f"There is no scene {number!r}.", "Number it from 0 on: scene:3")
        return [int(number)]
    path = Path(name)
    try:
        files = [path]
        if path.is_dir():
            files = sorted(f for f in path.iterdir() if f.suffix.lower() in ENDINGS and f.name[0] != ".")
            if not files:
                raise LadderError(
                    f"The folder {path} holds no pictures.", f"Put some there ({', '.join(ENDINGS)})."
                )
        return [read_picture(file.read_bytes(), file.name) for file in files]
    except OSError as error:
        raise LadderError(
            f"The picture {error.filename or path} cannot be read ({error.strerror}).",
            "Name a picture file, a folder of them, or scene:3.",
        ) from None


def segment(trained: Trained, what: Picture | int) -> Found:
    """The mask of a picture, or of the validation scene with this number, of the network's own training.

    Raises:
        BadUsage: a scene is asked for, and the network has learnt pictures of one's own.
    """
    config = trained.config
    if isinstance(what, int):
        if config.own is not None:
            raise BadUsage(
                f"This network tells {', '.join(config.classes)} apart, and knows no scenes.",
                "Give it a picture file.",
            )
        drawn = scene(config.seed, "val", what, config.size, config.difficulty)
        return look(trained.model, drawn, f"scene:{what}")
    mask, confidence = predict_with_confidence(trained.model, what.image)
    return Found(what.name, what.image, mask, None, what.note, confidence, config.classes)


def look(model: nn.Module, drawn: Scene, name: str) -> Found:
    """The mask of a scene, beside its truth."""
    mask, confidence = predict_with_confidence(model, drawn.image)
    return Found(name, drawn.image, mask, drawn.mask, confidence=confidence)


def predict(model: nn.Module, image: np.ndarray) -> np.ndarray:
    """The class of each pixel: (H, W, 3) uint8 -> (H, W) uint8."""
    return predict_with_confidence(model, image)[0]


@torch.no_grad()
def predict_with_confidence(model: nn.Module, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The class of each pixel, (H, W) uint8, and how likely the network holds it, (H, W) float32."""
    batch = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255  # (1, 3, H, W)
    likely, mask = model(batch)[0].float().softmax(dim=0).max(dim=0)  # (H, W) each
    return mask.to(torch.uint8).numpy(), likely.numpy()


def read_picture(data: bytes, name: str) -> Picture:
    """A picture file's bytes, at most LONGEST pixels a side, with a note if it was made smaller.

    Raises:
        LadderError: it is no picture, or too small.
    """
    try:
        picture = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")  # upright
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


def coloured(mask: np.ndarray, classes: Sequence[str] = CLASSES) -> np.ndarray:
    """A mask in the colours of its classes, (H, W) -> (H, W, 3) uint8; ignored pixels are white."""
    return _table(classes)[mask]


def mask_png(mask: np.ndarray, classes: Sequence[str] = CLASSES) -> bytes:
    """A mask as a PNG whose values are the classes themselves, shown in the colours of these."""
    picture = Image.fromarray(mask.astype(np.uint8), mode="L").convert("P")
    picture.putpalette(_table(classes).tobytes())
    return _png(picture)


def overlay(found: Found) -> np.ndarray:
    """The picture with the mask over it as a veil, (H, W, 3) uint8; bare where there is no class."""
    veil = coloured(found.mask, found.classes)
    mixed = (1 - VEIL) * found.image + VEIL * veil
    return np.where((found.mask == IGNORE)[..., None], found.image, mixed.round()).astype(np.uint8)


def overlay_png(found: Found) -> bytes:
    """`overlay` as a PNG file's bytes."""
    return _png(Image.fromarray(overlay(found)))


def panel(rows: Sequence[Found]) -> Image.Image:
    """Each picture beside its truth, where known, and what was found, with the colours explained below."""
    titles = ["picture", "truth", "prediction"] if rows[0].truth is not None else ["picture", "prediction"]
    classes = rows[0].classes
    font = ImageFont.load_default(14)
    width = max(len(titles) * (SHOWN + GAP) + GAP, 4 * (SHOWN // 2 + GAP) + GAP)
    lines = -(-len(classes) // 3)
    sheet = Image.new("RGB", (width, 26 + len(rows) * (SHOWN + GAP) + 22 * lines + 10), "white")
    pen = ImageDraw.Draw(sheet)
    for column, title in enumerate(titles):
        pen.text((GAP + column * (SHOWN + GAP), 4), title, "black", font)
    for row, found in enumerate(rows):
        masks = [found.mask] if found.truth is None else [found.truth, found.mask]
        for column, pixels in enumerate([found.image, *(coloured(mask, classes) for mask in masks)]):
            tile = Image.fromarray(pixels)
            scale = SHOWN / max(tile.size)
            size = (max(1, round(tile.width * scale)), max(1, round(tile.height * scale)))
            tile = tile.resize(size, Image.Resampling.NEAREST)
            sheet.paste(tile, (GAP + column * (SHOWN + GAP), 26 + row * (SHOWN + GAP)))
    for index, name in enumerate(classes):
        x = GAP + index % 3 * (width // 3)
        y = sheet.height - 22 * lines - 2 + index // 3 * 22
        pen.rectangle((x, y + 2, x + 14, y + 14), tuple(_table(classes)[index]))
        pen.text((x + 20, y), name, "black", font)
    return sheet


def panel_png(rows: Sequence[Found]) -> bytes:
    """`panel` as a PNG file's bytes."""
    return _png(panel(rows))


def _table(classes: Sequence[str]) -> np.ndarray:
    """The colour of each value of a mask, (256, 3) uint8: white for IGNORE and for what is no class."""
    table = np.full((256, 3), 255, np.uint8)
    table[: len(classes)] = [_rgb(colour) for colour in colours_of(classes)]
    return table


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def places(founds: Sequence[Found], out: Path | None, folder: bool) -> list[Path]:
    """Where the mask of each goes: into the home, or where `out` says.

    Args:
        out: of a single picture its mask's file, of a folder's pictures a folder.

    Raises:
        BadUsage: two pictures of a folder differ in their endings alone, so that one mask would hide another.
    """
    stems = [Path(re.sub(r"[^\w.-]+", "-", found.name)).stem or "picture" for found in founds]
    if out is not None and not folder:
        return [out.absolute()]
    twice = {stem for stem in stems if stems.count(stem) > 1}
    if twice:
        raise BadUsage(
            f"Several pictures are called {', '.join(sorted(twice))}, but for the ending.", "Rename them."
        )
    where = (out or home_folder() / "level4" / "predictions").absolute()
    return [where / f"{stem}.png" for stem in stems]


def write(found: Found, mask: Path) -> list[Path]:
    """Write the mask and, beside it, the overlay and the panel; gives these three."""
    files = {
        mask: mask_png(found.mask, found.classes),
        mask.with_name(f"{mask.stem}-overlay.png"): overlay_png(found),
        mask.with_name(f"{mask.stem}-panel.png"): panel_png([found]),
    }
    try:
        return [write_atomic(path, data) for path, data in files.items()]
    except OSError as error:
        raise LadderError(
            f"The mask {mask} cannot be written ({error.strerror}).", "Name another place with --out."
        ) from None
