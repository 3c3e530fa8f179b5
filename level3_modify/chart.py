"""The study as one picture: how well it finds against how long it takes, each mark as large as the file."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from level3_modify.slim import Row

if TYPE_CHECKING:
    import altair
    from matplotlib.figure import Figure

AXES = {
    "ndcg_at_10": "nDCG@10 on level 2's development questions",
    "cosine_mean": "mean cosine with fp32",
    "batch1_p50_ms": "median ms for 1 text",
    "batch32_p50_ms": "median ms for 32 texts",
}
AREA = 6.0  # square points for one MB


def points(rows: Sequence[Row]) -> list[dict[str, float | str]]:
    """The figures of every variant that has been timed."""
    return [{"variant": row.name, **row.metrics} for row in rows if row.times]


def figure(rows: Sequence[Row], x: str = "batch32_p50_ms", y: str = "ndcg_at_10") -> Figure:
    """The picture for a file, and for MLflow."""
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(8, 5), layout="constrained")
    axes = drawn.subplots()
    found = points(rows)
    for number, point in enumerate(found):
        here = (float(point[x]), float(point[y]))
        axes.scatter(*here, s=AREA * float(point["size_mb"]), alpha=0.55, color=f"C{number}")
        axes.annotate(
            f"{point['variant']}, {point['size_mb']:.0f} MB", here, xytext=(0, 15 if number % 2 else -22),
            textcoords="offset points", ha="center", fontsize=8,
        )  # fmt: skip
    axes.set(xlabel=AXES[x], ylabel=AXES[y], title="Further left is faster, further up is better")
    axes.set_xlim(left=0)
    axes.margins(x=0.12, y=0.2)
    axes.grid(alpha=0.3)
    return drawn


def png(rows: Sequence[Row]) -> bytes:
    """The same as the bytes of a file."""
    buffer = io.BytesIO()
    figure(rows).savefig(buffer, format="png", dpi=150)
    return buffer.getvalue()


def interactive(rows: Sequence[Row], x: str = "batch32_p50_ms", y: str = "ndcg_at_10") -> altair.LayerChart:
    """The same picture for the page, with every figure under the pointer."""
    import altair as alt
    import pandas as pd

    found = pd.DataFrame(points(rows))
    base = alt.Chart(found).encode(
        alt.X(x, title=AXES[x], scale=alt.Scale(zero=True, padding=40)),
        alt.Y(y, title=AXES[y], scale=alt.Scale(zero=False, padding=30)),
    )
    names = ["variant", "size_mb", "batch1_p50_ms", "batch32_p50_ms", "cosine_mean", "ndcg_at_10"]
    marks = base.mark_circle(opacity=0.6).encode(
        alt.Size("size_mb", title="MB", scale=alt.Scale(domain=[0, 100], range=[0, 100 * AREA])),
        alt.Color("variant", legend=None),
        tooltip=[alt.Tooltip(name, format="" if name == "variant" else ".4~g") for name in names],
    )
    return (marks + base.mark_text(dy=-18).encode(text="variant")).properties(height=380)
