"""What can be changed in an encoder that somebody else wrote, without touching a line of its code.

    changed = find("bf16").change(encoder.model)

Every change has the same shape: a function that takes the model and gives back a changed copy. The original
is never touched. Each says what it changes, which tensors that concerns, and through which public seam of
the library it goes in.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from inspect import getsource
from typing import Any

import torch
from torch import nn
from torch.ao.quantization import default_dynamic_qconfig, per_channel_dynamic_qconfig, quantize_dynamic

from shared.errors import BadUsage, LadderError

Change = Callable[[nn.Module], nn.Module]
ENGINES = ("x86", "fbgemm", "onednn", "qnnpack")  # where int8 arithmetic comes from, the best first


@dataclass(frozen=True)
class Variant:
    """One change.

    Attributes:
        name: how it is asked for, for example `int8-channel`.
        changes: what it changes, in one sentence.
        tensors: which tensors that concerns.
        seam: the public way in.
        change: the function that does it: the model in, a changed copy out.
    """

    name: str
    changes: str
    tensors: str
    seam: str
    change: Change


VARIANTS: dict[str, Variant] = {}


def variant(name: str, *, changes: str, tensors: str, seam: str) -> Callable[[Change], Change]:
    """Put a change into the registry, under its name."""

    def enter(change: Change) -> Change:
        VARIANTS[name] = Variant(name, changes, tensors, seam, change)
        return change

    return enter


# The changes -----------------------------------------------------------------------------------------


@variant(
    "fp32",
    changes="Nothing: the encoder as it came, in numbers of 32 bits, to which all others are compared.",
    tensors="none",
    seam="copy.deepcopy",
)
def fp32(model: nn.Module) -> nn.Module:
    return deepcopy(model)


@variant(
    "bf16",
    changes="Each number keeps 8 of its 24 significant bits and its whole range, in half the space.",
    tensors="all weights, and what flows between the layers",
    seam="Module.to(dtype)",
)
def bf16(model: nn.Module) -> nn.Module:
    return deepcopy(model).to(torch.bfloat16)


@variant(
    "int8-tensor",
    changes="Each weight matrix becomes whole numbers of 8 bits that share one scale.",
    tensors="the weights of all linear layers; what flows into them is rounded at each call",
    seam="torch.ao.quantization.quantize_dynamic",
)
def int8_tensor(model: nn.Module) -> nn.Module:
    with int8_engine():
        return quantize_dynamic(model, {nn.Linear: default_dynamic_qconfig})  # a copy: inplace=False


@variant(
    "int8-channel",
    changes="The same whole numbers of 8 bits, but each row of a weight matrix has a scale of its own.",
    tensors="the weights of all linear layers; what flows into them is rounded at each call",
    seam="torch.ao.quantization.quantize_dynamic, with per_channel_dynamic_qconfig",
)
def int8_channel(model: nn.Module) -> nn.Module:
    with int8_engine():
        return quantize_dynamic(model, {nn.Linear: per_channel_dynamic_qconfig})


def keep_layers(model: nn.Module, kept: Sequence[int]) -> nn.Module:
    """A copy of a BERT encoder with these of its layers, in this order, counted from 0."""
    changed: Any = deepcopy(model)
    changed.encoder.layer = nn.ModuleList(changed.encoder.layer[i] for i in kept)
    changed.config.num_hidden_layers = len(kept)  # so that what is saved can be loaded
    return changed


for _name, _kept, _why in (
    ("layers-5", (0, 1, 2, 3, 5), "the last but one is gone"),
    ("layers-4", (0, 1, 3, 5), "the third and the fifth are gone"),
    ("layers-3-spread", (0, 2, 5), "the first, one in the middle and the last stay"),
    ("layers-3-first", (0, 1, 2), "the first half stays"),
):
    variant(
        _name,
        changes=f"Of the six layers {len(_kept)} are kept, {', '.join(map(str, _kept))}: {_why}.",
        tensors="whole layers: attention, feed-forward network, norms",
        seam="model.encoder.layer = nn.ModuleList(…)",
    )(partial(keep_layers, kept=_kept))


# Finding them ----------------------------------------------------------------------------------------


def find(name: str) -> Variant:
    """The variant of this name. Raises BadUsage that lists the names there are."""
    if name not in VARIANTS:
        raise BadUsage(f"There is no variant {name!r}.", f"Choose from: {', '.join(VARIANTS)}.")
    return VARIANTS[name]


def choose(names: Iterable[str] = ()) -> list[Variant]:
    """The variants of these names in the registry's order, the reference always first; all if none is named.

    Raises:
        BadUsage: a name that is not in the registry.
    """
    wanted = {find(name.strip()).name for name in names if name.strip()} or set(VARIANTS)
    return [v for v in VARIANTS.values() if v.name in wanted | {"fp32"}]


def source(variant: Variant) -> str:
    """The lines of code that make the change, as they stand in this file."""
    change = variant.change
    if isinstance(change, partial):
        return f"{getsource(change.func)}\n\nkeep_layers(model, kept={change.keywords['kept']})\n"
    return getsource(change)


def quantisation_engine() -> str | None:
    """The best of this machine's engines for int8 arithmetic; None where there is none."""
    there = torch.backends.quantized.supported_engines
    return next((engine for engine in ENGINES if engine in there), None)


@contextmanager
def int8_engine() -> Iterator[None]:
    """Quantise with an engine that this machine has, and without the notice of deprecation.

    torch 2.13 announces that `torch.ao.quantization` will be removed, in favour of the package torchao. It is
    still the way to int8 that is fast on a CPU without a compiler; the lesson says more.

    Raises:
        LadderError: there is no such engine on this machine.
    """
    engine = quantisation_engine()
    if engine is None:
        raise LadderError("This machine has no engine for int8.", "Choose another variant, such as bf16.")
    torch.backends.quantized.engine = engine
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*deprecated")
        yield
