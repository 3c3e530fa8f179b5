"""Pictures and masks of one's own as a setting of a training: where they are, and what their values mean.

    own = OwnPictures.named("photos", "masks", "ground,leaf", "0:0,255:1")
    own.parts(size=64, seed=0)["val"].all()

`folder.py` reads and checks them; here are only the words by which a command, a configuration and a
checkpoint name them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

from level4_build.folder import Folder
from level4_build.task import Split
from shared.errors import BadUsage


@dataclass(frozen=True)
class OwnPictures:
    """Which pictures, and what is in them.

    Attributes:
        images, masks: their folders.
        classes: the names of the classes, in the order of their numbers.
        values: pairs of a value of the masks and its class; none where the value is the class.
    """

    images: str
    masks: str
    classes: tuple[str, ...]
    values: tuple[tuple[int, int], ...] = ()

    @classmethod
    def named(cls, images: Path | str, masks: Path | str, classes: str, values: str = "") -> Self:
        """From what one types: "ground,leaf" and "0:0,255:1".

        Raises:
            BadUsage: the classes or the values cannot be read so.
        """
        names = tuple(name.strip() for name in classes.split(",") if name.strip())
        if len(names) < 2 or len(set(names)) < len(names):
            raise BadUsage(
                f"The classes {classes!r} are not two different names or more.",
                "Name them in the order of their numbers, such as: --classes ground,leaf",
            )
        pairs = [pair.split(":") for pair in values.split(",") if pair.strip()]
        if not all(len(pair) == 2 and all(part.strip().isdecimal() for part in pair) for pair in pairs):
            raise BadUsage(
                f"The values {values!r} are not pairs of a value and its class.",
                "Write them as in: --values 0:0,255:1",
            )
        meaning = tuple((int(value), int(label)) for value, label in pairs)
        return cls(str(Path(images).absolute()), str(Path(masks).absolute()), names, meaning)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """From plain values, as JSON gives them back."""
        pairs = tuple((value, label) for value, label in values["values"])
        return cls(values["images"], values["masks"], tuple(values["classes"]), pairs)

    def whole(self, size: int) -> Folder:
        """All of them, fitted into squares of `size` pixels; read once."""
        return _read(self, size)

    def parts(self, size: int, seed: int) -> dict[Split, Folder]:
        """Those to learn, "train", and those to score, "val"; the seed decides which."""
        train, val = self.whole(size).split(seed=seed)
        return {"train": train, "val": val}


@lru_cache(maxsize=2)
def _read(own: OwnPictures, size: int) -> Folder:
    values = dict(own.values) if own.values else None
    return Folder(Path(own.images), Path(own.masks), own.classes, values, size)
