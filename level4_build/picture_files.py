"""Files of one's own as arrays: an image, or a mask, with every way known to us in which one misleads.

    image = read_image(Path("photos/oak.jpg"))  # (H, W, 3) uint8
    mask = read_mask(Path("masks/oak.png"))  # (H, W) uint8, the values that the file holds

A picture that opens is not yet data: a mask may hold colours for classes, 16 bits, a transparent layer, or
the greys that JPEG puts between two classes, and a photo may lie on its side until its EXIF tag is read.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from shared.errors import LadderError

SMALLEST = 8  # pixels a side
UNREADABLE = (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError)


def read_image(path: Path) -> np.ndarray:
    """An image, upright as its EXIF tag says: (H, W, 3) uint8.

    Raises:
        LadderError: it cannot be read, is too small, or is not three opaque channels of 8 bits, or one.
    """
    picture = _opened(path, ("PNG", "JPEG"), palette_too=True)
    if min(picture.size) < SMALLEST:
        raise LadderError(
            f"{path.name} is {picture.width} by {picture.height} pixels.",
            f"Give one with sides of at least {SMALLEST}.",
        )
    return np.array(picture.convert("RGB"))


def read_mask(path: Path) -> np.ndarray:
    """A mask: the index of each pixel in a palette, or its grey: (H, W) uint8.

    Raises:
        LadderError: it cannot be read, is no PNG, or its pixels are not one opaque number of 8 bits each.
    """
    picture = _opened(path, ("PNG",), palette_too=False)
    values = np.array(picture if picture.mode in ("L", "P", "1") else picture.convert("RGB"))
    if values.ndim == 3 and (values != values[..., :1]).any():
        raise LadderError(
            f"{path.name} holds colours.",
            "A mask holds the number of a class: save it with a palette, or grey.",
        )
    return (values if values.ndim == 2 else values[..., 0]).astype(np.uint8)


def _opened(path: Path, formats: tuple[str, ...], palette_too: bool) -> Image.Image:
    """A picture as it is to be seen, of 8 bits and opaque; of a mask's palette only the numbers matter."""
    try:
        with Image.open(path) as file:
            kind = file.format
            picture = ImageOps.exif_transpose(file)
            picture.load()
    except UNREADABLE:
        raise LadderError(f"{path.name} cannot be read as a picture.", "Save it anew as a PNG.") from None
    if kind not in formats:
        why = " JPEG blurs the numbers of a mask." if kind == "JPEG" else ""
        raise LadderError(f"{path.name} is a {kind} inside.{why}", f"Save it as {' or '.join(formats)}.")
    if picture.mode.startswith(("I", "F")):
        raise LadderError(f"{path.name} has more than 8 bits a channel.", "Save it with 8.")
    if (palette_too or picture.mode != "P") and _is_transparent(picture):
        raise LadderError(
            f"{path.name} has transparent pixels, of which nobody knows what is seen.",
            "Flatten it onto a background.",
        )
    return picture


def _is_transparent(picture: Image.Image) -> bool:
    return picture.has_transparency_data and np.asarray(picture.convert("RGBA"))[..., 3].min() < 255
