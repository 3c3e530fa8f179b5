"""A trained network as one ONNX file, for where there is no torch: a phone, a browser, a camera.

    exported = to_onnx(weights.load())
    exported.parity  # at each size that was tried, how far it is from torch
    exported.data  # the file; it takes any batch, height and width

A file that says something else than torch is never handed out. In 8 bits it is a network of its own: how
often it says the same is measured and told, and nothing more is promised.
"""

from __future__ import annotations

import hashlib
import json
import logging
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from level4_build.task import Item, Split
from level4_build.weights import Trained
from shared.errors import LadderError
from shared.files import home_folder, write_atomic

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

SIZES = ((1, 64, 64), (2, 37, 53), (1, 8, 9), (3, 96, 40))  # batch, height, width: what is tried
TOLERANCE = 1e-4  # of a score; a class wins by far more
CALIBRATION = 64  # training scenes that the ranges of the 8-bit numbers are measured on
COMPARED = 16  # validation scenes on which 8 bits are compared with torch


class Parity(NamedTuple):
    """The largest difference between a score of torch and one of the file, at one size."""

    batch: int
    height: int
    width: int
    difference: float


@dataclass(frozen=True)
class Exported:
    """An ONNX file in bytes, and what is known of it.

    Attributes:
        metadata: what the file says of itself: classes, size, run, digest of the weights.
        parity: how far it is from torch, at each size that was tried; empty in 8 bits.
        agreement: in 8 bits, the share of pixels of validation scenes that get the same class.
    """

    data: bytes
    metadata: dict[str, str]
    parity: tuple[Parity, ...] = ()
    agreement: float | None = None


def to_onnx(trained: Trained) -> Exported:
    """Export a network by torch's exporter and compare it with torch.

    The file takes `images` (B, 3, H, W) float32 from 0 to 1 and gives `scores` (B, classes, H, W).

    Raises:
        LadderError: the file says something else than torch.
    """
    import onnx

    free = {0: "batch", 2: "height", 3: "width"}
    with _quiet():
        program = torch.onnx.export(
            trained.model, (_noise(2, 40, 56),), dynamo=True, dynamic_shapes=(free,),
            input_names=["images"], output_names=["scores"], verbose=False,
        )  # fmt: skip
    assert program is not None  # it is None only where it writes a file itself
    proto, metadata = program.model_proto, about(trained)
    onnx.helper.set_model_props(proto, metadata)
    data = proto.SerializeToString()
    return Exported(data, metadata, tuple(compare(trained.model, data)))


def to_int8(exported: Exported, trained: Trained) -> Exported:
    """The same network with the weights and inputs of its convolutions in 8 bits.

    Static quantisation by onnxruntime: the range of each input is measured once on training scenes, so that
    nothing has to be measured at work. (torch's dynamic quantisation knows linear layers alone, and nearly
    all of this network's work is convolution.) Attention stays in float32: in 8 bits the file is smaller and
    slower. Weights use 7 of their bits, so that sums do not overflow on processors without VNNI.
    """
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            inputs, _ = scenes(trained, "train", CALIBRATION)
            self.batches = iter([{"images": each.numpy()} for each in inputs.split(8)])

        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(self.batches, None)

    with tempfile.TemporaryDirectory() as folder, _quiet():
        file = Path(folder) / "int8.onnx"
        whole = onnx.load_from_string(exported.data)
        quantize_static(
            whole, file, Reader(), op_types_to_quantize=["Conv"], per_channel=True, reduce_range=True,
            activation_type=QuantType.QUInt8,
        )  # fmt: skip
        proto = onnx.load(file)
    metadata = exported.metadata | {"numbers": "int8"}
    del proto.metadata_props[:]
    onnx.helper.set_model_props(proto, metadata)
    data = proto.SerializeToString()
    return Exported(data, metadata, agreement=agreement(trained, data))


def write(exported: Exported, out: Path | None = None) -> Path:
    """Write the file, by default into the home; it is whole or not there.

    Raises:
        LadderError: it cannot be written.
    """
    name = "segmenter-int8.onnx" if exported.metadata["numbers"] == "int8" else "segmenter.onnx"
    file = (out or home_folder() / "level4" / "exports" / name).absolute()
    try:
        return write_atomic(file, exported.data)
    except OSError as error:
        raise LadderError(
            f"The file {file} cannot be written ({error.strerror}).", "Name another file with --out."
        ) from None


# What it is compared by ------------------------------------------------------------------------------


def compare(model: nn.Module, data: bytes) -> Iterator[Parity]:
    """The scores of the file against those of the network, on noise of several sizes.

    Raises:
        LadderError: one differs by more than TOLERANCE.
    """
    session = opened(data)
    for batch, height, width in SIZES:
        images = _noise(batch, height, width)
        with torch.no_grad():
            wanted = model(images).numpy()
        (found,) = session.run(None, {"images": images.numpy()})
        difference = float(np.abs(found - wanted).max()) if found.shape == wanted.shape else np.inf
        if not difference <= TOLERANCE:
            raise LadderError(
                f"The ONNX file differs from torch by {difference:.2g} at {batch} of {height} by {width}.",
                f"Nothing was written: at most {TOLERANCE:g} is allowed. Does another network export?",
            )
        yield Parity(batch, height, width, difference)


def agreement(trained: Trained, data: bytes) -> float:
    """The share of pixels of validation scenes that the file gives the same class as torch."""
    images, _ = scenes(trained, "val", COMPARED)
    with torch.no_grad():
        wanted = trained.model(images).numpy()
    (found,) = opened(data).run(None, {"images": images.numpy()})
    return float((found.argmax(1) == wanted.argmax(1)).mean())


def opened(data: bytes) -> InferenceSession:
    """An ONNX file, ready to be asked on the processor."""
    from onnxruntime import InferenceSession

    return InferenceSession(data, providers=["CPUExecutionProvider"])


def scenes(trained: Trained, split: Split, most: int) -> tuple[Tensor, Tensor]:
    """The first pictures of the network's own training: (B, 3, H, W) from 0 to 1, and (B, H, W) classes."""
    task = trained.config.task()
    return task.batch(split, [Item(0, number) for number in range(min(most, task.size(split)))])


def about(trained: Trained) -> dict[str, str]:
    """What an exported file says of itself."""
    return {
        "classes": json.dumps(trained.config.classes), "numbers": "float32", "size": str(trained.config.size),
        "steps": str(trained.steps), "macro_iou": f"{trained.macro_iou:.4f}",
        "run_id": trained.run_id or "", "weights_sha256": digest(trained.model),
    }  # fmt: skip


def digest(model: nn.Module) -> str:
    """A hash of all weights, by name."""
    found = hashlib.sha256()
    for name, value in model.state_dict().items():
        found.update(name.encode())
        found.update(value.detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()


def _noise(batch: int, height: int, width: int) -> Tensor:
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(0))  # (B, 3, H, W)


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporters speak of packages that are not needed here, and of their own next versions."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
