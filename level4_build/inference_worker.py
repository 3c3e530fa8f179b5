"""One network in a process of its own, answering picture by picture: `inference.py` starts one a variant.

    python -m level4_build.inference_worker onnxruntime float32 unet.onnx pictures.npy masks.npy

Each line on stdin names pictures, "8 16" for 8 to 15; each is answered by a line of JSON with the seconds
that every one took. At the end of stdin the masks are written, (N, H, W) uint8. Only what the variant needs
is imported, since the memory of the process is measured.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from shared.memory import peak_rss_mb

WARM_UP = 5  # answers before the first that counts
Answer = Callable[[np.ndarray], np.ndarray]  # (1, 3, H, W) float32 -> scores (1, classes, H, W) float32


def by_torch(file: Path, numbers: str) -> Answer:
    """A network of `weights.py`, on one thread."""
    import torch

    from level4_build import weights

    torch.set_num_threads(1)
    tell(libraries_mb=peak_rss_mb())
    dtype = getattr(torch, numbers)
    model = weights.load(file).model.to(dtype)

    @torch.inference_mode()
    def answer(image: np.ndarray) -> np.ndarray:
        return model(torch.from_numpy(image).to(dtype)).float().numpy()

    return answer


def by_onnxruntime(file: Path, numbers: str) -> Answer:
    """An ONNX file, on one thread; it says itself what numbers it computes in."""
    from onnxruntime import InferenceSession, SessionOptions

    tell(libraries_mb=peak_rss_mb())
    options = SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = InferenceSession(file, options, providers=["CPUExecutionProvider"])
    return lambda image: session.run(None, {"images": image})[0]


ENGINES = {"torch": by_torch, "onnxruntime": by_onnxruntime}


def work(engine: str, numbers: str, file: Path, pictures: Path, masks: Path) -> None:
    """Answer until stdin ends."""
    answer = ENGINES[engine](file, numbers)
    images = np.load(pictures, mmap_mode="r")  # (N, 3, H, W)
    found = np.zeros((len(images), *images.shape[2:]), np.uint8)
    for number in range(WARM_UP):
        answer(np.array(images[number % len(images)][None]))
    tell(ready=True)
    for line in sys.stdin:
        first, last = map(int, line.split())
        seconds = []
        for number in range(first, last):
            image = np.array(images[number][None])
            began = time.perf_counter()
            scores = answer(image)
            seconds.append(time.perf_counter() - began)
            found[number] = scores[0].argmax(0)
        tell(seconds=seconds)
    np.save(masks, found)
    tell(peak_rss_mb=peak_rss_mb())


def tell(**told: object) -> None:
    """A line of JSON to whoever started this."""
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; who started this ends it
    chosen, precision, *places = sys.argv[1:]
    work(chosen, precision, *map(Path, places))
