"""From a declaration to a network.

network = build(read("example:unet"), torch.Generator().manual_seed(0))
network(torch.rand(1, 3, 37, 53))  # (1, 6, 37, 53): the sizes of the declaration bind only where they must
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from level4_build.blocks import initialise
from level4_build.declaration import Declaration
from level4_build.flow import AXES, Flow
from level4_build.shapes import steps
from level4_build.specs import ConvSpec, DownSpec, ScoresSpec, Spec, TransformerSpec, UpSpec
from level4_build.unet import UNetConfig
from shared.errors import BadUsage


class Network(nn.Module):
    """The blocks of a declaration, one after the other; a block that names another is given its output too.

    Pictures (B, C, H, W), tokens (B, T, C) or their numbers (B, T) in; what the last block gives out.

    Raises:
        WrongShape: the blocks do not fit, before any weight is drawn.
    """

    def __init__(self, declaration: Declaration) -> None:
        super().__init__()
        self.declaration = declaration
        fitting = list(steps(declaration))
        self.blocks = nn.ModuleDict({s.name: s.spec.module(s.given, s.other) for s in fitting})
        self.sources = {step.name: step.spec.also() for step in fitting}

    def forward(self, x: Tensor) -> Tensor:
        _check(x, self.declaration.input)
        wanted = set(self.sources.values())
        kept = {"input": x}
        for name, block in self.blocks.items():
            source = self.sources[name]
            x = block(x) if source is None else block(x, kept[source])
            if name in wanted:
                kept[name] = x
        return x


def build(declaration: Declaration, generator: torch.Generator) -> Network:
    """The network of a declaration with its first weights, which the generator alone decides.

    Raises:
        WrongShape: the blocks do not fit.
    """
    network = Network(declaration)
    initialise(network, generator)
    return network


def unet_declaration(config: UNetConfig, size: int = 64) -> Declaration:
    """The U-Net of `unet.py` as a declaration: the same layers in the same order."""
    widths, coarser = config.widths, config.widths[1:]
    blocks: list[Spec] = [ConvSpec(width=widths[0]), *(DownSpec(width=width) for width in coarser)]
    if config.transformer_layers:
        blocks.append(TransformerSpec(layers=config.transformer_layers, heads=config.heads))
    skips = ["conv1", *(f"down{n}" for n in range(1, len(coarser)))][: len(coarser)]
    ups = zip(widths[:-1], skips, strict=True)
    blocks += [UpSpec(width=width, skip=skip) for width, skip in reversed(list(ups))]
    return Declaration(
        Flow(kind="picture", shape=(3, size, size)), (*blocks, ScoresSpec(classes=config.classes))
    )


def _check(x: Tensor, wanted: Flow) -> None:
    axes = AXES[wanted.kind].split(", ")
    fits = x.ndim == len(axes) + 1 and x.is_floating_point() == (wanted.kind != "numbers")
    if fits and wanted.channels:
        fits = x.shape[-3 if wanted.kind == "picture" else -1] == wanted.channels
    if not fits:
        raise BadUsage(
            f"The network was given a tensor of shape {tuple(x.shape)} and type {x.dtype}.",
            f"It takes a batch of {wanted.kind}, (B, {AXES[wanted.kind]}), such as {(1, *wanted.shape)}, "
            + ("of whole numbers." if wanted.kind == "numbers" else "of floating point numbers."),
        )
