"""What a network sees, and where it is wrong, as pictures: one function each, a matplotlib figure each.

png(predictions(rows, CLASSES))
png(confusion(score))
png(classes(score))
png(reliability(calibration))
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from level4_build.calibration import Calibration
from level4_build.colours import colours_of
from level4_build.predict import Found
from level4_build.scenes import IGNORE
from level4_build.score import SegmentationScore

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RIGHT, WRONG, NOBODYS = "#d9dee5", "#b2182b", "#ffffff"
BAR, DOT, GAP = "#56b4e9", "#1f2937", "#d55e00"
SIDE = 1.9  # inches: of each picture of a panel


def predictions(rows: Sequence[Found], classes: Sequence[str]) -> Figure:
    """Each picture beside its truth, what the network sees, and where the two differ.

    Args:
        rows: pictures with their truth.
        classes: the names of the numbers in their masks.
    """
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    colours = colours_of(classes)
    table = ListedColormap([*colours, *["#ffffff"] * (IGNORE + 1 - len(colours))])
    errors = ListedColormap([RIGHT, WRONG, NOBODYS])
    drawn = _new(4 * SIDE, len(rows) * SIDE + 0.9)
    grid = drawn.subplots(len(rows), 4, squeeze=False)
    for found, axes in zip(rows, grid, strict=True):
        truth = np.full_like(found.mask, IGNORE) if found.truth is None else found.truth
        axes[0].imshow(found.image, interpolation="nearest")
        for place, mask in ((axes[1], truth), (axes[2], found.mask)):
            place.imshow(mask, cmap=table, vmin=0, vmax=IGNORE, interpolation="nearest")
        wrong = np.where(truth == IGNORE, 2, truth != found.mask)  # (H, W)
        axes[3].imshow(wrong, cmap=errors, vmin=0, vmax=2, interpolation="nearest")
        share = (wrong == 1).sum() / max((wrong != 2).sum(), 1)
        axes[3].set_xlabel(f"{share:.1%} wrong", fontsize=8)
        axes[0].set_ylabel(found.name, fontsize=8)
        for place in axes:
            place.set(xticks=[], yticks=[])
    for place, title in zip(grid[0], ("picture", "truth", "prediction", "where it is wrong"), strict=True):
        place.set_title(title, fontsize=10)
    chips = [Patch(color=colour, label=name) for colour, name in zip(colours, classes, strict=True)]
    chips.append(Patch(color=WRONG, label="wrong"))
    drawn.legend(
        handles=chips, loc="outside lower center", ncols=min(len(chips), 7), fontsize=8, frameon=False
    )
    return drawn


def confusion(score: SegmentationScore) -> Figure:
    """What each class is taken for: each row a true class, its pixels shared out over the predicted ones."""
    counts = score.confusion.numpy()
    shares = counts / counts.sum(axis=1, keepdims=True).clip(min=1)  # (n, n)
    n = len(score.classes)
    drawn = _new(1.6 + 0.8 * n, 1.2 + 0.7 * n)
    axes = drawn.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for true, found in np.ndindex(n, n):
        if counts[true].sum():
            share = shares[true, found]
            text = f"{share:.1%}\n{_short(int(counts[true, found]))}"
            axes.text(
                found, true, text, ha="center", va="center", fontsize=7, color="white" if share > 0.5 else DOT
            )
        elif found == 0:
            axes.text(0, true, "no such pixel", va="center", fontsize=7, color=DOT)
    axes.set(xticks=range(n), yticks=range(n), xlabel="predicted", ylabel="truly")
    axes.set_xticklabels(score.classes, rotation=30, ha="right")
    axes.set_yticklabels(score.classes)
    axes.set_title("Of each true class, what its pixels are taken for", fontsize=10)
    return drawn


def classes(score: SegmentationScore) -> Figure:
    """IoU and Dice of each class over the set, the mean IoU of its images, and what they stand on."""
    rows = score.by_class()
    drawn = _new(7.5, 1.2 + 0.45 * len(rows))
    axes = drawn.subplots()
    places = range(len(rows))
    axes.barh(places, [row.iou or 0 for row in rows], color=BAR, height=0.6, label="IoU over the set")
    for what, marker, label in (
        ("dice", "|", "Dice over the set"),
        ("imagewise_iou", "o", "IoU, mean of images"),
    ):
        there = [(getattr(row, what), place) for row, place in zip(rows, places, strict=True)]
        there = [(value, place) for value, place in there if value is not None]
        axes.scatter(
            [v for v, _ in there], [p for _, p in there], marker=marker, s=60, color=DOT, label=label
        )
    for row, place in zip(rows, places, strict=True):
        told = "absent" if row.iou is None else f"{row.iou:.3f}"
        axes.text(
            1.02,
            place,
            f"{told}  ·  {_short(row.pixels)} pixels in {row.images} images",
            va="center",
            fontsize=8,
        )
    axes.set(yticks=places, xlim=(0, 1.0), xlabel=f"score; macro IoU {score.macro_iou():.3f}")
    axes.set_yticklabels(row.name for row in rows)
    axes.invert_yaxis()
    axes.grid(axis="x", alpha=0.3)
    drawn.legend(loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    return drawn


def reliability(calibration: Calibration) -> Figure:
    """How often it is right against how sure it is; below, where the pixels are. Guo et al., figure 1."""
    bins, width = calibration.filled(), 1 / len(calibration.pixels)
    drawn = _new(4.6, 5.2)
    above, below = drawn.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    middles = [each.middle for each in bins]
    above.bar(middles, [each.accuracy for each in bins], width * 0.94, color=BAR, label="right")
    for each in bins:
        ends = [each.accuracy, each.confidence]
        above.plot([each.middle] * 2, ends, color=GAP, linewidth=3, solid_capstyle="butt")
    above.plot([0, 1], [0, 1], "--", color=DOT, linewidth=1, label="as sure as right")
    above.plot([], [], color=GAP, linewidth=3, label="gap")
    above.set(ylim=(0, 1), xlim=(0, 1), ylabel="share that is right")
    above.set_title(f"Expected calibration error {calibration.error():.3f}", fontsize=10)
    above.legend(fontsize=8, loc="upper left")
    below.bar(middles, [each.pixels for each in bins], width * 0.94, color=DOT)
    below.set(yscale="log", xlabel="how sure the network is", ylabel="pixels")
    for axes in (above, below):
        axes.grid(alpha=0.3)
    return drawn


def png(figure: Figure) -> bytes:
    """A figure as the bytes of a file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    return buffer.getvalue()


def _new(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _short(count: int) -> str:
    """A count in few letters: 950, 1.2k, 34k, 5.6M."""
    for least, letter in ((1_000_000, "M"), (1000, "k")):
        if count >= least:
            return f"{count / least:.{1 if count < 10 * least else 0}f}{letter}"
    return str(count)
