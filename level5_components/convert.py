"""Swap the linear layers of any network for BitLinear, and count what that makes ternary.

ternary = convert_linears(model, skip=("head",))
census(ternary).names
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import TypeVar

import torch
from torch import nn

from level5_components.bitlinear import BitLinear, Norm
from shared.errors import BadUsage

FLOAT_BITS = 32
PACKED_BITS = 2  # four weights a byte, the simplest layout; log2(3) = 1.58 is the least there can be

Model = TypeVar("Model", bound=nn.Module)


def convert_linears(model: Model, skip: Sequence[str] = (), norm: Norm | None = "rms") -> Model:
    """A copy of the model in which each `nn.Linear` is a BitLinear with the same weights and bias.

    Only `nn.Linear` itself is swapped: a class derived from it may do something else. A layer that stands at
    two places is one layer in the copy as well.

    Args:
        skip: full names of layers to leave alone, of modules that hold them, or patterns such as `*.query`.
        norm: as in BitLinear.

    Raises:
        BadUsage: a name in `skip` fits no linear layer, or a layer's owner would not call it.
    """
    model = copy.deepcopy(model)
    found = {name: m for name, m in model.named_modules(remove_duplicate=False) if type(m) is nn.Linear}
    for pattern in skip:
        if not any(_fits(name, pattern) for name in found):
            raise BadUsage(
                f"{pattern!r} is to be left alone, and no linear layer has this name.",
                f"The linear layers are: {', '.join(found) or 'none'}.",
            )
    swapped: dict[nn.Linear, BitLinear] = {}
    for name, linear in found.items():
        if any(_fits(name, pattern) for pattern in skip):
            continue
        if linear not in swapped:
            swapped[linear] = _with_weights_of(linear, norm)
        if not name:
            return swapped[linear]  # type: ignore[return-value]  # the model is itself the one linear layer
        owner, _, attribute = name.rpartition(".")
        _check_calls_it(model.get_submodule(owner), name)
        setattr(model.get_submodule(owner), attribute, swapped[linear])
    return model


def _fits(name: str, pattern: str) -> bool:
    return fnmatch(name, pattern) or fnmatch(name, f"{pattern}.*")


def _with_weights_of(linear: nn.Linear, norm: Norm | None) -> BitLinear:
    with torch.device("meta"):  # no first weights are drawn: the random state stays what it was
        layer = BitLinear(linear.in_features, linear.out_features, linear.bias is not None, norm)
    layer.weight, layer.bias = linear.weight, linear.bias
    return layer.train(linear.training)


def _check_calls_it(owner: nn.Module, name: str) -> None:
    if isinstance(owner, nn.TransformerEncoderLayer):
        raise BadUsage(
            f"{name} belongs to torch's TransformerEncoderLayer, which in evaluation takes the weights of "
            "its layers without calling them.",
            f"Leave it alone with skip=({name!r},), or use a block that calls its layers.",
        )


@dataclass(frozen=True)
class Census:
    """What of a network is ternary, and how large it would be if that were packed. Nothing is packed here.

    Attributes:
        names: the BitLinear layers, by the first name each has.
        ternary: how many weights they hold.
        parameters: how many numbers the whole network holds.
    """

    names: tuple[str, ...]
    ternary: int
    parameters: int

    @property
    def share(self) -> float:
        """Of all numbers of the network, those that are ternary: 0 to 1."""
        return self.ternary / max(self.parameters, 1)

    @property
    def float_bytes(self) -> int:
        """With every number as float32."""
        return self.parameters * FLOAT_BITS // 8

    @property
    def packed_bytes(self) -> int:
        """With four ternary weights a byte and one float32 γ a layer; the rest as float32."""
        ternary = -(-self.ternary * PACKED_BITS // 8)
        return ternary + (self.parameters - self.ternary + len(self.names)) * FLOAT_BITS // 8

    @property
    def bits_per_weight(self) -> float:
        """Of the packed size, over all numbers of the network."""
        return self.packed_bytes * 8 / max(self.parameters, 1)


def census(model: nn.Module) -> Census:
    """Count a network's weights: each once, however many layers share it."""
    layers = {name: m for name, m in model.named_modules() if isinstance(m, BitLinear)}
    ternary = {layer.weight: layer.weight.numel() for layer in layers.values()}
    return Census(tuple(layers), sum(ternary.values()), sum(p.numel() for p in model.parameters()))
