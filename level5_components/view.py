"""How weights, code and curves are shown on the page."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np
import torch
from torch import Tensor

from level4_build.trainer import Evaluation
from level5_components.bitlinear import BitLinear
from level5_components.figure import COLOURS, running_mean
from level5_components.quantise import absmax_int8, absmean_ternary, straight_through
from level5_components.train import Arm
from level5_components.verify import Finding, short

BINS = 60
POINTS = 300  # of a curve: more are not seen, and make the page slow
LEVELS = {-1.0: "−γ", 0.0: "0", 1.0: "+γ"}

# Each line of the paper, what its letters mean, and the function that does it.
EQUATIONS: tuple[tuple[str, str, str, Callable[..., Any]], ...] = (
    (
        "Weights: three levels",
        r"\begin{gathered}\widetilde{W} = \mathrm{RoundClip}\!\left(\frac{W}{\gamma + \epsilon}, -1, 1\right)"
        r"\\ \gamma = \frac{1}{nm}\sum_{ij}|W_{ij}|\end{gathered}",
        "W: the weights, n by m. W̃: what they are rounded to. γ: their mean absolute value, one number for "
        "the whole layer. ε: keeps the division finite. RoundClip: the nearest whole number within bounds.",
        absmean_ternary,
    ),
    (
        "Activations: a byte, for each token",
        r"\begin{gathered}\widetilde{x} = \mathrm{RoundClip}\!\left(\frac{127\,x}{\eta}, -127, 127\right)"
        r"\\ \eta = \max_i |x_i|\end{gathered}",
        "x: the activations of one token. x̃: what they are rounded to. η: the largest absolute value.",
        absmax_int8,
    ),
    (
        "The gradient goes straight through",
        r"\frac{\partial\,\widetilde{x}}{\partial x} := 1",
        "x: weights or activations before the rounding. x̃: after it. The true slope is 0 nearly everywhere; "
        "1 is taken in its place.",
        straight_through,
    ),
    (
        "The layer",
        r"y = \gamma\,\widetilde{W}\cdot\mathrm{Quant}(\mathrm{RMSNorm}(x)) + b",
        "x, y: input and output. RMSNorm: brings x to root mean square 1. Quant: the rounding to a byte. b: "
        "the bias, where there is one.",
        BitLinear.forward,
    ),
)


def code_of(function: Callable[..., Any]) -> str:
    """The source of a function without its docstring: just the lines that do it."""
    lines = textwrap.dedent(inspect.getsource(function)).splitlines()
    (tree,) = ast.parse("\n".join(lines)).body
    assert isinstance(tree, ast.FunctionDef)
    first = tree.body[0]
    if ast.get_docstring(tree) is not None and first.end_lineno is not None:
        del lines[first.lineno - 1 : first.end_lineno]
    return "\n".join(lines)


def levels_of(weight: Tensor) -> tuple[dict[str, float], float]:
    """The share of each ternary level of a weight matrix, and γ."""
    with torch.no_grad():
        levels, gamma = absmean_ternary(weight)
    return {name: (levels == value).float().mean().item() for value, name in LEVELS.items()}, gamma.item()


def weight_chart(weight: Tensor) -> alt.LayerChart:
    """The weights that are trained, with the two edges at which they round to another level."""
    values = weight.detach().float().flatten().numpy()
    _, gamma = levels_of(weight)
    count, edges = np.histogram(values, bins=BINS)
    rows = [
        {"from": low, "to": high, "weights": int(n)}
        for low, high, n in zip(edges[:-1].tolist(), edges[1:].tolist(), count, strict=True)
    ]
    bars = alt.Chart(alt.Data(values=rows)).mark_bar(color=COLOURS["full precision"], binSpacing=0).encode(
        x=alt.X("from:Q", bin="binned", title="weight"), x2="to:Q", y=alt.Y("weights:Q"),
        tooltip=["from:Q", "to:Q", "weights:Q"],
    )  # fmt: skip
    marks = [{"edge": side * gamma / 2} for side in (-1, 1)]
    rules = alt.Chart(alt.Data(values=marks)).mark_rule(color=COLOURS["ternary"], strokeDash=[4, 3], size=2)
    return (bars + rules.encode(x="edge:Q")).properties(height=260)


def level_chart(weight: Tensor) -> alt.LayerChart:
    """What the layer multiplies by: three values, and how many weights have each."""
    shares, gamma = levels_of(weight)
    values = {"−γ": -gamma, "0": 0.0, "+γ": gamma}
    rows = [
        {"level": name, "share": share, "label": f"{share:.0%}", "value": f"{values[name]:.4g}"}
        for name, share in shares.items()
    ]
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("level:N", sort=list(LEVELS.values()), axis=alt.Axis(labelAngle=0), title="weight"),
        y=alt.Y("share:Q", axis=alt.Axis(format="%"), title="share of weights"),
        tooltip=["level:N", "value:N", "label:N"],
    )
    bars = base.mark_bar(color=COLOURS["ternary"], size=48)
    return (bars + base.mark_text(dy=-8, color="gray").encode(text="label:N")).properties(height=260)


def loss_chart(losses: Mapping[Arm, Sequence[float]], steps: int) -> alt.Chart:
    """The loss of each network while it trains, each point the mean of the last steps."""
    rows = []
    for arm, values in losses.items():
        smooth = running_mean(values)
        every = max(1, -(-len(smooth) // POINTS))
        rows += [
            {"step": i + 1, "loss": float(v), "network": arm} for i, v in enumerate(smooth) if i % every == 0
        ]
    return _lines(rows, "loss", steps)


def iou_chart(evaluations: Mapping[Arm, Sequence[Evaluation]], steps: int) -> alt.Chart:
    """The IoU of each network on scenes that it was not trained on."""
    rows = [
        {"step": e.step, "IoU": e.macro_iou, "network": arm}
        for arm, all_ in evaluations.items()
        for e in all_
    ]
    return _lines(rows, "IoU", steps, point=True)


def _lines(rows: list[dict[str, Any]], y: str, steps: int, point: bool = False) -> alt.Chart:
    """Two lines that nearly cover each other: the first is drawn broad, the second thin over it."""
    names = list(COLOURS)
    colour = alt.Scale(domain=names, range=list(COLOURS.values()))
    width = alt.Scale(domain=names, range=[5, 2])
    return alt.Chart(alt.Data(values=rows)).mark_line(point=point).encode(
        x=alt.X("step:Q", scale=alt.Scale(domain=[0, steps])),
        y=alt.Y(f"{y}:Q", scale=alt.Scale(zero=y == "IoU")),
        color=alt.Color("network:N", scale=colour, legend=alt.Legend(orient="top", title=None)),
        strokeWidth=alt.StrokeWidth("network:N", scale=width, legend=None),
        tooltip=["network:N", "step:Q", alt.Tooltip(f"{y}:Q", format=".3f")],
    ).properties(height=260)  # fmt: skip


def finding_rows(findings: Sequence[Finding]) -> dict[str, list[str]]:
    """The findings as columns of a table; what is wrong, only where something is."""
    columns = {
        "": ["PASS" if f.passed else "FAIL" for f in findings],
        "check": [f.name for f in findings],
        "error": [short(f.error) for f in findings],
        "tolerance": [short(f.tolerance) for f in findings],
        "what is wrong": [f.sentence for f in findings],
    }
    if all(f.passed for f in findings):
        del columns["what is wrong"]
    return columns
