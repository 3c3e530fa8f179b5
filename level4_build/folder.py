"""Pictures and masks of one's own: two folders, checked before anything is learnt.

    leaves = Folder(Path("photos"), Path("masks"), ("ground", "leaf"), values={0: 0, 255: 1})
    train, val = leaves.split()
    image, mask = train[0]  # (3, 64, 64) float32 from 0 to 1, (64, 64) int64

`oak.jpg` and `oak.png` are a pair: an image and its mask have the same name but for the ending. A set that is
wrong trains without complaint and scores nonsense, so every file is opened at once, and each that is not
what it should be is told by its name.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from level4_build.mask_values import complaints, meaning_of_values
from level4_build.picture_files import SMALLEST, read_image, read_mask
from level4_build.scenes import IGNORE
from shared.errors import BadUsage, LadderError
from shared.progress import progress

ENDINGS = (".png", ".jpg", ".jpeg")
TOLD = 5  # problems that are told one by one; the others are counted
MOST_PIXELS = 2**27  # of all pictures together: memory
LARGEST = 256  # pixels a side


class Folder(torch.utils.data.Dataset[tuple[Tensor, Tensor]]):
    """Images and masks, made to fit a square: smaller or larger, never stretched.

    What is left of the square beside an oblong picture is black in the image and IGNORE in the mask, so it is
    neither learnt nor scored. Masks take the nearest pixel: a mean of classes 0 and 2 is not class 1.

    Args:
        images: a folder of PNG or JPEG files, seen as their EXIF tags say.
        masks: a folder of PNG files, with a palette or grey: each pixel the number of its class, or IGNORE.
        classes: their names, in the order of their numbers.
        values: which class (or IGNORE) a value of the masks means, if it is not its number.
        size: of the square, in pixels.

    Attributes:
        names: of the pictures, without the endings, in alphabetical order.
        images, masks: (N, 3, size, size) and (N, size, size), uint8.

    Raises:
        LadderError: files are missing, cannot be read, or are not what they should be.
        BadUsage: the arguments cannot be.
    """

    def __init__(
        self,
        images: Path,
        masks: Path,
        classes: Sequence[str],
        values: Mapping[int, int] | None = None,
        size: int = 64,
    ) -> None:
        self.classes, self.size = tuple(classes), size
        if not SMALLEST <= size <= LARGEST:
            raise BadUsage(f"A size of {size} pixels cannot be.", f"Take {SMALLEST} to {LARGEST}.")
        table = meaning_of_values(self.classes, values)
        pairs, problems = _pairs(images, masks)
        if len(pairs) * size**2 > MOST_PIXELS:
            most = MOST_PIXELS // size**2
            raise BadUsage(f"{images} has {len(pairs):,} pictures.", f"At most {most:,} fit at this size.")
        read: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        held: dict[str, set[int]] = {}  # the values of each mask, by the name of its file
        with progress("Reading pictures") as tell:
            for number, (name, (image_file, mask_file)) in enumerate(pairs.items(), start=1):
                try:
                    image, mask = _pair(image_file, mask_file)
                    held[mask_file.name] = set(np.unique(mask).tolist())
                    read[name] = _fitted(image, table[mask], size)
                except LadderError as error:
                    problems.append(error)
                tell(number / len(pairs))
        problems += complaints(held, self.classes, values)
        _complain(problems)
        self.names = tuple(read)
        pixels, labels = (torch.from_numpy(np.stack(each)) for each in zip(*read.values(), strict=True))
        self.images, self.masks = pixels.permute(0, 3, 1, 2).contiguous(), labels

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        if not 0 <= index < len(self):
            raise IndexError(f"picture {index} of {len(self)}")
        return self.images[index].float() / 255, self.masks[index].long()

    def all(self) -> tuple[Tensor, Tensor]:
        """Every picture at once, in bytes: images (N, 3, H, W) uint8, masks (N, H, W) uint8."""
        return self.images, self.masks

    def digest(self) -> str:
        """A hash of every pixel and every label: two runs with the same digest saw the same data."""
        images, masks = self.all()
        return hashlib.sha256(images.numpy().tobytes() + masks.numpy().tobytes()).hexdigest()

    def split(self, share: float = 0.2, seed: int = 0) -> tuple[Self, Self]:
        """The pictures to learn and those to validate on.

        A hash of the picture decides, so that the same picture under two names is never on both sides. Those
        that only look alike, such as frames of one film, are for you to keep apart.

        Args:
            share: of the pictures that go to validation, at least one and not all.
            seed: another one gives another split.
        """
        if not 0 < share < 1:
            raise BadUsage(f"A share of {share} for validation cannot be.", "Take one between 0 and 1.")
        alike: dict[str, list[int]] = {}
        for number, image in enumerate(self.images):
            key = hashlib.sha256(f"{seed} ".encode() + image.numpy().tobytes()).hexdigest()
            alike.setdefault(key, []).append(number)
        if len(alike) < 2:
            raise BadUsage(
                "A single picture cannot be split.", "Give at least two, one to learn and one to validate on."
            )
        groups = [alike[key] for key in sorted(alike)]
        cut = min(max(1, round(share * len(groups))), len(groups) - 1)
        return self._part(groups[cut:]), self._part(groups[:cut])

    def _part(self, groups: Sequence[Sequence[int]]) -> Self:
        chosen = sorted(number for group in groups for number in group)
        part = copy.copy(self)
        part.names = tuple(self.names[number] for number in chosen)
        part.images, part.masks = self.images[chosen], self.masks[chosen]
        return part


# Reading ---------------------------------------------------------------------------------------------


def _pairs(images: Path, masks: Path) -> tuple[dict[str, tuple[Path, Path]], list[LadderError]]:
    """The pairs by name, and what is wrong with the rest."""
    found, true = _files(images), _files(masks)
    problems = [
        LadderError(
            f"{' and '.join(f.name for f in files)} in {folder} have one name.", "Rename all but one."
        )
        for folder, by_name in ((images, found), (masks, true))
        for files in by_name.values()
        if len(files) > 1
    ]
    for here, there, folder, what in ((found, true, masks, "mask"), (true, found, images, "image")):
        problems += [
            LadderError(
                f"{here[name][0].name} has no {what} in {folder}.",
                "The two have the same name but for the ending. Add the one or remove the other.",
            )
            for name in sorted(here.keys() - there.keys())
        ]
    both = sorted(found.keys() & true.keys())
    if not both and not problems:
        raise LadderError(
            f"{images} holds no pictures.", f"Put PNG or JPEG files there, and masks in {masks}."
        )
    return {name: (found[name][0], true[name][0]) for name in both}, problems


def _files(folder: Path) -> dict[str, list[Path]]:
    """The pictures of a folder by name; whatever else lies there is left alone."""
    try:
        files = sorted(f for f in folder.iterdir() if f.suffix.lower() in ENDINGS and f.name[0] != ".")
    except OSError as error:
        raise LadderError(
            f"The folder {folder} cannot be read ({error.strerror}).", "Name one that holds pictures."
        ) from None
    by_name: dict[str, list[Path]] = {}
    for file in files:
        by_name.setdefault(file.stem, []).append(file)
    return by_name


def _pair(image_file: Path, mask_file: Path) -> tuple[np.ndarray, np.ndarray]:
    image, mask = read_image(image_file), read_mask(mask_file)
    if image.shape[:2] != mask.shape:
        (h, w), (mask_h, mask_w) = image.shape[:2], mask.shape
        fix = "Draw the mask on the image as it is."
        if (w, h) == (mask_h, mask_w):
            fix = "Was the mask drawn on the image before its EXIF tag turned it? Turn the mask too."
        raise LadderError(
            f"{image_file.name} is {w} by {h} pixels, and its mask {mask_file.name} {mask_w} by {mask_h}.",
            fix,
        )
    return image, mask


def _fitted(image: np.ndarray, mask: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Both within a square of `size` pixels."""
    how = Image.Resampling
    fitted = ImageOps.pad(Image.fromarray(image), (size, size), how.BILINEAR, color=(0, 0, 0))
    nearest = ImageOps.pad(Image.fromarray(mask), (size, size), how.NEAREST, color=(IGNORE,))
    return np.array(fitted), np.array(nearest)


def _complain(problems: Sequence[LadderError]) -> None:
    """Raise what is wrong: one problem as it is, several as a list."""
    if len(problems) == 1:
        raise problems[0]
    if problems:
        lines = [f"  {each.message} {each.fix}" for each in problems[:TOLD]]
        lines += [f"  … and {len(problems) - TOLD} more"] if len(problems) > TOLD else []
        raise LadderError(
            "\n".join([f"{len(problems)} things are wrong with these pictures:", *lines]),
            "Mend or remove these files, and try again.",
        )
