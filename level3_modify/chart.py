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
        here, mb = (float(point[x]), float(point[y])), float(point["size_mb"])
        axes.scatter(*here, s=AREA * mb, alpha=0.55, color=f"C{number}")
        axes.annotate(
            f"{point['variant']}, {mb:.0f} MB", here, xytext=(14, 0), textcoords="offset points",
            va="center", fontsize=8,
        )  # fmt: skip
    axes.set(xlabel=AXES[x], ylabel=AXES[y], title="Further left is faster, further up is better")
    axes.set_xlim(0, reach(found, x))
    axes.margins(y=0.12)
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

    found = points(rows)
    base = alt.Chart(pd.DataFrame(found)).encode(
        alt.X(x, title=AXES[x], scale=alt.Scale(domain=[0, reach(found, x)], nice=False)),
        alt.Y(y, title=AXES[y], scale=alt.Scale(zero=False, padding=20)),
    )
    names = ["variant", "size_mb", "batch1_p50_ms", "batch32_p50_ms", "cosine_mean", "ndcg_at_10"]
    marks = base.mark_circle(opacity=0.6).encode(
        alt.Size("size_mb", legend=None, scale=alt.Scale(domain=[0, 100], range=[0, 100 * AREA])),
        alt.Color("variant", legend=None),
        tooltip=[alt.Tooltip(name, format="" if name == "variant" else ".4~g") for name in names],
    )
    return (marks + base.mark_text(align="left", dx=15).encode(text="variant")).properties(height=380)


def reach(found: Sequence[dict[str, float | str]], x: str) -> float:
    """Where the axis of times ends, so that the name beside the slowest mark has room."""
    return 1.25 * max(float(point[x]) for point in found)
