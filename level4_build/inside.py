"""What each block of a network gives for one item, as pictures; with the learner's own code in it, if wanted.

network = build(declared, torch.Generator().manual_seed(0))
with_own(network, join=my_join)
for name, gives in look_inside(network, example(declared)).items():
    picture(gives)
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from level4_build.attention import Attention, join_heads, split_heads
from level4_build.blocks import Up
from level4_build.build import Network
from level4_build.declaration import Declaration
from level4_build.scenes import scene, to_tensors
from level4_build.specs import EmbedSpec

Attend = Callable[[Tensor, Tensor, Tensor, bool], Tensor]
Join = Callable[[Tensor, Tensor], Tensor]
MOST = 256  # rows and columns of a picture
STRIP = 8  # rows of the picture of a vector


class OwnAttention(nn.Module):
    """`Attention` whose middle is another function: of queries, keys, values, and whether it is causal."""

    def __init__(self, attention: Attention, attend: Attend) -> None:
        super().__init__()
        self.attention, self.attend = attention, attend

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        heads = self.attention.heads
        q, k, v = (split_heads(part, heads) for part in self.attention.qkv(x).chunk(3, dim=-1))
        return self.attention.out(join_heads(self.attend(q, k, v, self.attention.causal)))


class OwnUp(nn.Module):
    """`Up` whose enlarging and joining is another function of the coarse map and the skip."""

    def __init__(self, up: Up, join: Join) -> None:
        super().__init__()
        self.up, self.join = up, join

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        return self.up.block(self.join(self.up.reduce(x), skip))


def asks_for(network: Network) -> set[str]:
    """The exercises whose code can stand in this network: `attention`, `skip`."""
    modules = list(network.modules())
    there = {"attention"} if any(isinstance(m, Attention) and not m.rotary for m in modules) else set()
    return there | ({"skip"} if any(isinstance(m, Up) for m in modules) else set())


def with_own(network: Network, attend: Attend | None = None, join: Join | None = None) -> Network:
    """The network, in place, with other functions in its blocks. Attention that turns by place stays ours."""
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if attend and isinstance(child, Attention) and not child.rotary:
                parent.register_module(name, OwnAttention(child, attend))
            elif join and isinstance(child, Up):
                parent.register_module(name, OwnUp(child, join))
    return network


def example(declared: Declaration) -> Tensor:
    """A batch of one for this network: a scene where it takes square pictures in colour, else numbers."""
    shape = declared.input.shape
    if declared.input.kind == "numbers":
        vocab = min((s.vocab for s in declared.blocks if isinstance(s, EmbedSpec)), default=1)
        return torch.arange(shape[0])[None] % vocab  # (1, T)
    if declared.input.kind == "picture" and shape[0] == 3 and 8 <= shape[1] == shape[2]:
        return to_tensors(scene(0, "val", 0, shape[1]))[0][None]  # (1, 3, H, W)
    return torch.rand(1, *shape, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def look_inside(network: Network, x: Tensor) -> dict[str, Tensor]:
    """What each block gives for a batch of one, by its name and without the batch."""
    seen: dict[str, Tensor] = {}

    def keep(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, given: object, gives: Tensor) -> None:
            seen[name] = gives[0]

        return hook

    hooks = [block.register_forward_hook(keep(name)) for name, block in network.blocks.items()]
    try:
        network(x)
    finally:
        for hook in hooks:
            hook.remove()
    return seen


def picture(gives: Tensor) -> np.ndarray:
    """A block's output in greys, from its lowest number, black, to its highest: (rows, columns) uint8.

    Args:
        gives: a picture (C, H, W), of which the mean over the channels is shown; tokens (T, C), a row for
            each; or a vector (C,), as one row that is drawn high enough to be seen.
    """
    values = gives.mean(0) if gives.ndim == 3 else gives.expand(STRIP, -1) if gives.ndim == 1 else gives
    down, right = (max(1, -(-side // MOST)) for side in values.shape)
    values = values[::down, ::right].float()
    low, high = values.min(), values.max()
    return ((values - low) / (high - low).clamp(min=1e-12) * 255).round().to(torch.uint8).numpy()
