"""A data set's card: where it is from, how it is made again, and what it may not be used for.

    Path("scenes.md").write_text(scenes_card([Scenes("train", 512), Scenes("val", 64)]))

Gebru et al., *Datasheets for Datasets*, arXiv 1803.09010, in its shortest useful form. What can be counted is
counted when the card is written, so that it cannot disagree with the data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from level4_build.folder import Folder
from level4_build.scenes import IGNORE, Scenes


@dataclass(frozen=True)
class Part:
    """One split: how many items, the hash of all of them, and more columns of its row in the card."""

    name: str
    items: int
    digest: str
    more: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Card:
    """What one should know of a data set before one uses it; Markdown is fine in every text.

    Attributes:
        what: what it holds, in a sentence or two.
        origin: where it is from.
        generator: what makes the very same data again.
        seed: that the generator takes; None if there is none.
        limits: what it is not good for.
    """

    name: str
    what: str
    origin: str
    generator: str
    seed: int | None
    licence: str
    limits: str
    parts: Sequence[Part]

    def markdown(self) -> str:
        """The card as a page."""
        facts = {
            "Origin": self.origin,
            "Generator": self.generator,
            "Seed": "none" if self.seed is None else str(self.seed),
            "Licence": self.licence,
            "Limits": self.limits,
        }
        columns = ["split", "items", *self.parts[0].more, "sha256"]
        rows = [
            [part.name, f"{part.items:,}", *part.more.values(), f"`{part.digest}`"] for part in self.parts
        ]
        lines = [f"# {self.name}", "", self.what, ""]
        lines += [f"- **{name}**: {text}" for name, text in facts.items()]
        lines += ["", _row(columns), _row(["---"] * len(columns)), *map(_row, rows), ""]
        return "\n".join(lines)


def scenes_card(splits: Sequence[Scenes]) -> str:
    """The card of scenes that are drawn by a rule: splits of one seed, size and difficulty."""
    first = splits[0]
    calls = " and ".join(
        f"`Scenes({each.split!r}, {each.count}, {each.size}, {each.seed}, {each.difficulty})`"
        for each in splits
    )
    return Card(
        name="Scenes of overlapping shapes",
        what=f"Pictures of {first.size} by {first.size} pixels, 8 bits, three colours, and for each pixel "
        f"its class, or {IGNORE} on the border between two classes. Difficulty {first.difficulty} of 0 to 1.",
        origin="drawn by this project; no photograph and no person is in it.",
        generator=f"{calls} of `level4_build/scenes.py`.",
        seed=first.seed,
        licence="Apache-2.0, as the project.",
        limits="drawn shapes alone: a network that knows them knows nothing of photographs. Colour gives "
        "most classes away.",
        parts=[Part(s.split, len(s), s.digest(), shares(s.all()[1], s.classes)) for s in splits],
    ).markdown()


def folder_card(splits: Mapping[str, Folder], origin: str, licence: str) -> str:
    """The card of pictures of one's own.

    Args:
        splits: the parts by name, for example what `Folder.split` gave.
        origin, licence: who took the pictures and drew the masks, and what others may do with them. Only you
            know.
    """
    first = next(iter(splits.values()))
    return Card(
        name="Pictures and masks from a folder",
        what=f"Pictures fitted into {first.size} by {first.size} pixels, and for each pixel its class, or "
        f"{IGNORE} where it is not counted.",
        origin=origin,
        generator="`Folder` of `level4_build/folder.py`, from the files that it was given.",
        seed=None,
        licence=licence,
        limits="what the pictures do not show, a network does not learn from them.",
        parts=[Part(n, len(f), f.digest(), shares(f.masks, f.classes)) for n, f in splits.items()],
    ).markdown()


def shares(masks: Tensor, classes: Sequence[str]) -> dict[str, str]:
    """How much of the pixels that count each class has: masks (N, H, W) of classes or IGNORE."""
    counts = torch.bincount(masks.flatten().long(), minlength=IGNORE + 1)[: len(classes)]
    total = max(int(counts.sum()), 1)
    return {name: f"{int(count) / total:.1%}" for name, count in zip(classes, counts, strict=True)}


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
