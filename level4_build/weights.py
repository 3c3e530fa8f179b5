"""A trained network as one file: safetensors, whose header also holds the configuration and the scores.

The last one trained is in the home, where the page and `ladder level4 predict` find it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes

from level4_build.trainer import Fit, TrainConfig
from level4_build.unet import UNet
from shared.errors import LadderError
from shared.files import write_atomic
from shared.settings import settings

TRAIN_FIRST = "Train one: ladder level4 train"


@dataclass(frozen=True)
class Trained:
    """A network that is ready for use, and where it comes from.

    Attributes:
        run_id, url: the run that measured it; None if none could be recorded.
    """

    model: UNet
    config: TrainConfig
    steps: int
    macro_iou: float
    iou: dict[str, float | None]
    run_id: str | None = None
    url: str | None = None

    def __str__(self) -> str:
        return f"the network of {self.steps} steps, macro IoU {self.macro_iou:.2f}"


def place() -> Path:
    """Where the last trained network is kept."""
    return settings().models / "level4-segmenter" / "model.safetensors"


def pack(fit: Fit | Trained, run_id: str | None = None, url: str | None = None) -> bytes:
    """The file of a trained U-Net, in bytes."""
    about = {
        "config": fit.config.as_dict(), "steps": fit.steps, "macro_iou": fit.macro_iou, "iou": fit.iou,
        "run_id": run_id, "url": url,
    }  # fmt: skip
    tensors = {name: value.detach().contiguous() for name, value in fit.model.state_dict().items()}
    return to_bytes(tensors, metadata={"ladder": json.dumps(about)})


def save(data: bytes, path: Path | None = None) -> Path:
    """Keep what `pack` gave, by default as the last trained network."""
    return write_atomic(path or place(), data)


def in_use() -> Trained | None:
    """The last trained network, which another would replace; None if there is none that can be read."""
    try:
        return load()
    except LadderError:
        return None


def load(path: Path | None = None) -> Trained:
    """Read a trained network, by default the last one.

    Raises:
        LadderError: there is none yet, or the file is damaged or is something else.
    """
    file = path or place()
    if not file.is_file():
        raise LadderError(f"No trained network is at {file} yet.", TRAIN_FIRST)
    try:
        with safe_open(file, "pt") as opened:
            about = json.loads(opened.metadata()["ladder"])
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - no dict
        config = TrainConfig.from_dict(about.pop("config"))
        model = UNet(config.model)
        model.load_state_dict(tensors)
        return Trained(model.eval(), config, **about)
    except (SafetensorError, RuntimeError, KeyError, TypeError, ValueError, OSError):
        raise LadderError(f"The file {file} holds no network of this level.", TRAIN_FIRST) from None
