"""How pictures, curves and scores are shown on the page: what the tabs draw, without a word of Streamlit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from types import ModuleType

import altair as alt
import numpy as np
import torch

from level4_build.colours import colours_of
from level4_build.predict import Found, coloured
from level4_build.scenes import CLASSES, IGNORE
from level4_build.trainer import Evaluation
from shared.tables import number

SIDE = 288  # pixels: how large a picture is shown
DIFFERENT, SAME = (178, 24, 43), (217, 222, 229)
SMOOTH = 0.9  # how much of the smoothed loss each step keeps


def enlarged(pixels: np.ndarray) -> np.ndarray:
    """Each pixel as a square of pixels, so that a small picture is seen as it is: (H, W, 3) uint8."""
    times = max(1, SIDE // max(pixels.shape[:2]))
    return pixels.repeat(times, axis=0).repeat(times, axis=1)


def pictures(image: np.ndarray, seen: np.ndarray | None, truth: np.ndarray | None) -> dict[str, np.ndarray]:
    """What there is to see, each with its caption: the picture, what the network sees, the truth."""
    masks = {"the network's mask": seen, "the truth": truth}
    there = {caption: coloured(mask) for caption, mask in masks.items() if mask is not None}
    return {caption: enlarged(pixels) for caption, pixels in {"the picture": image, **there}.items()}


def faded(found: Found, mask: np.ndarray, opacity: float) -> np.ndarray:
    """A mask (H, W) laid over the picture: (H, W, 3) uint8, bare where the mask is IGNORE.

    Args:
        opacity: from 0, the picture alone, to 1, the mask alone.
    """
    share = np.where(mask == IGNORE, 0, opacity)[..., None]  # (H, W, 1)
    return (found.image * (1 - share) + coloured(mask, found.classes) * share).round().astype(np.uint8)


def differing(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Where two masks (H, W) say different classes, in red: (H, W, 3) uint8."""
    return np.where((first != second)[..., None], DIFFERENT, SAME).astype(np.uint8)


def legend(
    classes: Sequence[str] = CLASSES, bare: str = "white in the truth: a border that does not count"
) -> str:
    """HTML that says which colour is which class, and what has none."""
    chips = [
        f'<span style="white-space:nowrap"><span style="display:inline-block;width:.9em;height:.9em;'
        f'border-radius:3px;background:{colour};vertical-align:-.1em"></span> {escape(name)}</span>'
        for name, colour in zip(classes, colours_of(classes), strict=True)
    ]
    return f"<small>{' &nbsp; '.join(chips)} &nbsp; {bare}</small>"


def smoothed(losses: Sequence[float]) -> list[float]:
    """The losses without most of their jitter: an average that forgets."""
    found: list[float] = []
    for loss in losses:
        found.append(loss if not found else SMOOTH * found[-1] + (1 - SMOOTH) * loss)
    return found


def curves(losses: Sequence[float], evaluations: Sequence[Evaluation], steps: int) -> alt.LayerChart:
    """The loss of every step, smoothed over it, and of each evaluation on scenes that are not trained on."""
    rows = [
        {"step": step, "loss": loss, "what": what}
        for what, values in (("each batch", losses), ("smoothed", smoothed(losses)))
        for step, loss in enumerate(values, start=1)
    ]
    rows += [{"step": each.step, "loss": each.loss, "what": "validation"} for each in evaluations]
    kinds = ["each batch", "smoothed", "validation"]
    colour = alt.Color(
        "what:N",
        scale=alt.Scale(domain=kinds, range=["#9aa3b2", "#56b4e9", "#d55e00"]),
        legend=alt.Legend(title=None, orient="bottom"),
    )
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("step:Q", scale=alt.Scale(domain=[0, steps]), title="step"),
        y=alt.Y("loss:Q", scale=alt.Scale(zero=True), title="loss"),
        color=colour,
    )
    lines = base.transform_filter("datum.what != 'validation'").mark_line(strokeWidth=1.6)
    dots = base.transform_filter("datum.what == 'validation'").mark_point(size=70, filled=True)
    return (lines + dots).properties(height=SIDE)


def class_rows(iou: dict[str, float | None]) -> list[dict[str, str]]:
    """The score of each class as rows of a table."""
    return [{"class": name, "IoU": number(value)} for name, value in iou.items()]


def found_rows(found: Found, iou: Mapping[str, float | None]) -> list[dict[str, str]]:
    """Each class with its share of the picture and, where the truth is known, its score."""
    rows = [{"class": name, "share": f"{share:.1%}"} for name, share in found.shares().items()]
    return [row | {"IoU": number(iou[row["class"]])} for row in rows] if iou else rows


def macro(iou: Mapping[str, float | None]) -> float:
    """The mean over the classes that are there; nan if none is."""
    there = [value for value in iou.values() if value is not None]
    return sum(there) / len(there) if there else math.nan


def iou_by(own: ModuleType, found: Found) -> dict[str, float | None]:
    """The score of each class by the reader's own `iou`, from the exercise of this name."""
    assert found.truth is not None
    unsure = found.mask == IGNORE  # as in `Found.score`: where it has no class it is not asked
    predictions = torch.tensor(np.where(unsure, 0, found.mask))[None].long()
    masks = torch.tensor(np.where(unsure, IGNORE, found.truth))[None].long()
    iou = own.iou(predictions, masks, found.classes)
    return {name: None if iou[name] is None else float(iou[name]) for name in found.classes}
