"""Every block as a line of a declaration. Each says three things: what it takes, what else must hold, and the
module that it becomes.

    ConvSpec(width=16).module(Flow(kind="picture", shape=(3, 64, 64)))  # ConvBlock(3, 16)

What comes in decides the rest: no line repeats how many channels the one before it gave.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field
from torch import nn

from level4_build.blocks import GROUPS, ConvBlock, Down, FullyConnected, GroupNorm, Up
from level4_build.flow import Flow, Kind, Misfit
from level4_build.norms import RMSNorm
from level4_build.transformer import (
    Decoder,
    DecoderBlock,
    EncoderBlock,
    Mean,
    Patches,
    PictureTransformer,
    Queries,
)

Width = Annotated[int, Field(ge=1, le=8192, strict=True)]
Count = Annotated[int, Field(ge=1, le=64, strict=True)]
Many = Annotated[int, Field(ge=1, le=1_000_000, strict=True)]
Name = Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$", max_length=40)]
ANY: tuple[Kind, ...] = ("picture", "tokens", "vector")


class Spec(BaseModel):
    """A block as a declaration.

    Attributes:
        block: which kind of block.
        name: what later blocks call it; by default its kind and number, such as `down2`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    takes: ClassVar[tuple[Kind, ...]] = ANY

    block: str
    name: Name | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """What is set beside the kind and the name, defaults included."""
        return self.model_dump(exclude={"block", "name"})

    def also(self) -> str | None:
        """The name of the earlier block whose output it takes as well; None if it needs none."""
        return None

    def check(self, given: Flow, other: Flow | None) -> None:
        """Raises Misfit if it cannot take this. What it takes at all has been looked at before."""

    def module(self, given: Flow, other: Flow | None = None) -> nn.Module:
        """The block itself, for what it is given."""
        raise NotImplementedError


# Pictures --------------------------------------------------------------------------------------------


class ConvSpec(Spec):
    """Convolve twice and keep the size."""

    takes = ("picture",)
    block: Literal["conv"] = "conv"
    width: Width

    def module(self, given: Flow, other: Flow | None = None) -> nn.Module:
        return ConvBlock(given.channels, self.width)


class DownSpec(Spec):
    """Half the size, then convolve twice."""

    takes = ("picture",)
    block: Literal["down"] = "down"
    width: Width

    def module(self, given: Flow, other: Flow | None = None) -> nn.Module:
        return Down(given.channels, self.width)


class UpSpec(Spec):
    """Twice the size, joined with what an earlier block gave, then convolve twice."""

    takes = ("picture",)
    block: Literal["up"] = "up"
    width: Width
    skip: str

    def also(self) -> str:
        return self.skip

    def check(self, given: Flow, other: Flow | None) -> None:
        if other is None or other.kind != "picture":
            raise Misfit(
                f"Its skip, {self.skip}, gives {other}; a skip is a picture.",
                "Name a block before it that gives a picture.",
            )
        (h, w), (H, W) = given.shape[1:], other.shape[1:]  # noqa: N806
        if abs(2 * h - H) > 1 or abs(2 * w - W) > 1:
            raise Misfit(
                f"Twice the size is {2 * h} × {2 * w}, and its skip, {self.skip}, is {H} × {W}: "
                "the two are joined pixel by pixel.",
                f"Name a skip of {2 * h} × {2 * w}, or add or remove a down or an up before it.",
            )

    def module(self, given: Flow, other: Flow | None = None) -> nn.Module:
        return Up(given.channels, self.width, other.channels if other else None)


class TransformerSpec(Spec):
    """The cells of a picture look at each other."""

    takes = ("picture",)
    block: Literal["transformer"] = "transformer"
    layers: Count = 2
    heads: Count = 4

    def check(self, given: Flow, other: Flow | None) -> None:
        divides(
            given,
            math.lcm(self.heads, 4),
            f"Its {self.heads} heads share the channels evenly, and its positions take four at a time",
        )

    def module(self, given: Flow, other: Flow | None = None) -> nn.Module:
        return PictureTransformer(given.channels, self.heads, self.layers)


class PatchesSpec(Spec):
    """Squares of a picture become tokens."""

    takes = ("picture",)
    block: Literal["patches"] = "patches"
    size: Count = 8
    width: Annotated[Width, Field(multiple_of=4)]

    def check(self, given: Flow, other: Flow | None) -> None:
        _, H, W = given.shape  # noqa: N806
        if H % self.size or W % self.size:
            shared = [n for n in range(1, 65) if H % n == W % n == 0]
            raise Misfit(
                f"Squares of {self.size} × {self.size} do not cover it without a rest.",
                f"Take a size that divides both sides ({', '.join(map(str, shared))}), or another input.",
            )

    def module(self, given: Flow, other: Flow | None = None) -> nn.Module:
        return Patches(given.channels, self.width, self.size)


# Tokens ----------------------------------------------------------------------------------------------


class EmbedSpec(Spec):
    """The numbers of tokens become tokens."""

    takes = ("numbers",)
    block: Literal["embed"] = "embed"
    vocab: Many
    width: Width

    def module(self, given: Flow, other: Flow | None = None) -> nn.Module:
        return nn.Embedding(self.vocab, self.width)


class EncoderSpec(Spec):
    """Tokens look at each other."""

    takes = ("tokens",)
    block: Literal["encoder"] = "encoder"
    layers: Count = 2
    heads: Count = 4
    causal: bool = False
    rotary: bool = False

    def check(self, given: Flow, other: Flow | None) -> None:
        shares_heads(given, self.heads, self.rotary)

    def module(self, given: Flow, other: Flow | None = None) -> nn.Module:
        blocks = (
            EncoderBlock(given.channels, self.heads, self.causal, self.rotary) for _ in range(self.layers)
        )
        return nn.Sequential(*blocks)


class QueriesSpec(Spec):
    """Learnt tokens take the place of what comes in, as many as you say and of the same channels."""

    block: Literal["queries"] = "queries"
    count: Width

    def module(self, given: Flow, other: Flow | None = None) -> nn.Module:
        return Queries(self.count, given.channels)


class DecoderSpec(Spec):
    """Tokens look back at each other, and at the tokens of an earlier block."""

    takes = ("tokens",)
    block: Literal["decoder"] = "decoder"
    source: str
    layers: Count = 2
    heads: Count = 4
    causal: bool = True
    rotary: bool = False

    def also(self) -> str:
        return self.source

    def check(self, given: Flow, other: Flow | None) -> None:
        shares_heads(given, self.heads, self.rotary)
        if other is None or other.kind != "tokens" or other.channels != given.channels:
            raise Misfit(
                f"Its source, {self.source}, gives {other}; a source is tokens of as many channels.",
                f"Name a block that gives tokens of {given.channels} channels, or change a width.",
            )

    def module(self, given: Flow, other: Flow | None = None) -> nn.Module:
        blocks = (
            DecoderBlock(given.channels, self.heads, self.causal, self.rotary) for _ in range(self.layers)
        )
        return Decoder(blocks)


# Either ----------------------------------------------------------------------------------------------


class NormSpec(Spec):
    """Normalise: a picture by groups of channels, the rest by token."""

    block: Literal["norm"] = "norm"
    by: Literal["group", "layer", "rms"] = "layer"

    def check(self, given: Flow, other: Flow | None) -> None:
        if (given.kind == "picture") != (self.by == "group"):
            right = "group" if given.kind == "picture" else "layer or rms"
            raise Misfit(f"A norm by {self.by} is not for {given.kind}.", f"Write by: {right}.")

    def module(self, given: Flow, other: Flow | None = None) -> nn.Module:
        C = given.channels  # noqa: N806
        if self.by == "group":
            return GroupNorm(math.gcd(GROUPS, C), C)
        return nn.LayerNorm(C) if self.by == "layer" else RMSNorm(C)


class MeanSpec(Spec):
    """One vector for the whole: the mean over all pixels or tokens."""

    takes = ("picture", "tokens")
    block: Literal["mean"] = "mean"

    def module(self, given: Flow, other: Flow | None = None) -> nn.Module:
        return Mean()


class ConnectedSpec(Spec):
    """Linear layers with an activation between two, for each token or a vector."""

    takes = ("tokens", "vector")
    block: Literal["connected"] = "connected"
    widths: Annotated[tuple[Width, ...], Field(min_length=1, max_length=64)]

    def module(self, given: Flow, other: Flow | None = None) -> nn.Module:
        return FullyConnected(given.channels, *self.widths)


class ScoresSpec(Spec):
    """The end: a score for each class, for every pixel, for every token, or for the whole."""

    block: Literal["scores"] = "scores"
    classes: Many

    def module(self, given: Flow, other: Flow | None = None) -> nn.Module:
        if given.kind == "picture":
            return nn.Conv2d(given.channels, self.classes, 1)
        return nn.Linear(given.channels, self.classes)


# What several of them ask ----------------------------------------------------------------------------


def divides(given: Flow, by: int, why: str) -> None:
    """Raises Misfit unless the channels are a multiple of `by`."""
    C = given.channels  # noqa: N806
    if C % by:
        near = sorted({max(C // by, 1) * by, (C // by + 1) * by})
        raise Misfit(
            f"{why}: the channels must be a multiple of {by}.",
            f"Let it be given {' or '.join(map(str, near))} channels, or change the number of heads.",
        )


def shares_heads(given: Flow, heads: int, rotary: bool) -> None:
    """Raises Misfit unless the channels divide among the heads, into pairs if they are to turn."""
    each = "an even number of channels, since rotary turns pairs" if rotary else "as many channels"
    divides(given, heads * (2 if rotary else 1), f"Each of its {heads} heads takes {each}")


BLOCKS: dict[str, type[Spec]] = {
    spec.model_fields["block"].default: spec
    for spec in (
        ConvSpec, DownSpec, UpSpec, TransformerSpec, PatchesSpec, EmbedSpec, EncoderSpec, QueriesSpec,
        DecoderSpec, NormSpec, MeanSpec, ConnectedSpec, ScoresSpec,
    )
}  # fmt: skip
