"""What the network computes in, and where: each choice with its reason in a line.

bfloat16 has float32's range and a third of its digits. Weights, loss and optimizer stay in float32; only the
products inside the network are rounded (autocast), so no scaling of the loss is needed, as float16 would.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch

from level4_build.recipe import Wanted
from shared.errors import BadUsage
from shared.settings import settings


@dataclass(frozen=True)
class Precision:
    """A number format and why it is the one."""

    dtype: torch.dtype
    reason: str

    @property
    def name(self) -> str:
        return str(self.dtype).removeprefix("torch.")

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"

    def autocast(self, device: torch.device) -> AbstractContextManager[object]:
        """Inside it, matrix products and convolutions run in this format."""
        return torch.autocast(device.type, self.dtype, enabled=self.dtype != torch.float32)


FULL = Precision(torch.float32, "asked for")


def choose(wanted: Wanted, device: torch.device) -> Precision:
    """The format that was asked for, or for `auto` the fastest that this hardware has natively."""
    if wanted != "auto":
        return Precision(getattr(torch, wanted), "asked for")
    if device.type == "cuda":
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return Precision(torch.bfloat16, f"{torch.cuda.get_device_name(device)} has it")
        return Precision(torch.float32, f"{torch.cuda.get_device_name(device)} has no bfloat16 of its own")
    able = torch.cpu.get_capabilities()
    native = next((name for name in ("amx_bf16", "avx512_bf16", "bf16") if able.get(name)), None)
    if native:
        return Precision(torch.bfloat16, f"this processor has {native}")
    return Precision(torch.float32, "this processor has no instructions for bfloat16")


def this_device() -> torch.device:
    """Where networks are trained: LADDER_DEVICE, by default the GPU where there is one.

    Raises:
        BadUsage: a GPU is asked for and there is none.
    """
    wanted = settings().device
    if wanted == "cuda" and not torch.cuda.is_available():
        raise BadUsage("LADDER_DEVICE is cuda, and torch sees no GPU here.", "Set it to cpu, or to auto.")
    return torch.device("cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu")
