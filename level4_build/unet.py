"""The network: a U-Net (Ronneberger et al., arXiv 1505.04597) whose bottom is a small Transformer.

    model = UNet(UNetConfig())
    logits = model(torch.rand(1, 3, 37, 53))  # (1, 6, 37, 53)

On the way down the picture gets smaller and richer; at the bottom each cell looks at every other; on the way
up it gets its size back, and the skips bring back the sharp edges.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn

from level4_build.blocks import ConvBlock, Down, Up
from level4_build.transformer import PictureTransformer
from shared.errors import BadUsage


@dataclass(frozen=True)
class UNetConfig:
    """The network as a declaration.

    Attributes:
        classes: how many classes a pixel may be of.
        widths: channels at each size, from the full one down; each further one halves the picture.
        transformer_layers: Transformer blocks at the bottom; 0 for a plain U-Net.
        heads: attention heads of each.
    """

    classes: int = 6
    widths: tuple[int, ...] = (16, 32, 64)
    transformer_layers: int = 2
    heads: int = 4

    def __post_init__(self) -> None:
        if self.classes < 2 or not self.widths or min(self.widths) < 1 or self.transformer_layers < 0:
            raise BadUsage(
                f"A network with {self.classes} classes, widths {self.widths} and {self.transformer_layers} "
                "Transformer layers cannot be built.",
                "Take at least 2 classes, at least one width, all of them positive, and 0 layers or more.",
            )
        bottom = self.widths[-1]
        if self.transformer_layers and (self.heads < 1 or bottom % self.heads or bottom % 4):
            raise BadUsage(
                f"The last width is {bottom}, which does not divide into {self.heads} heads and by 4.",
                f"Take a last width that is a multiple of both, such as {max(self.heads, 1) * 8}.",
            )


class UNet(nn.Module):
    """Pictures in, a score for each class and pixel out. (B, 3, H, W) -> (B, classes, H, W), any H and W."""

    def __init__(self, config: UNetConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or UNetConfig()
        widths = config.widths
        pairs = list(pairwise(widths))
        self.stem = ConvBlock(3, widths[0])
        self.downs = nn.ModuleList(Down(fine, coarse) for fine, coarse in pairs)
        layers = config.transformer_layers
        self.transformer = PictureTransformer(widths[-1], config.heads, layers) if layers else nn.Identity()
        self.ups = nn.ModuleList(Up(coarse, fine) for fine, coarse in reversed(pairs))
        self.head = nn.Conv2d(widths[0], config.classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        _check(images)
        x = self.stem(images)  # (B, widths[0], H, W)
        skips = [x]
        for down in self.downs:
            x = down(x)
            skips.append(x)
        x = self.transformer(skips.pop())
        for up, skip in zip(self.ups, reversed(skips), strict=True):
            x = up(x, skip)
        return self.head(x)


def _check(images: Tensor) -> None:
    shape = tuple(images.shape)
    if images.ndim != 4 or shape[1] != 3 or 0 in shape:
        raise BadUsage(
            f"The network was given a tensor of shape {shape}.",
            "It takes pictures as (batch, 3 colours, height, width): for a single one, image[None].",
        )
    if not images.is_floating_point():
        raise BadUsage(
            f"The network was given pictures of type {images.dtype}.",
            "It takes floating point numbers from 0 to 1: image.float() / 255.",
        )


def parameters(model: nn.Module) -> int:
    """How many numbers a network learns."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
