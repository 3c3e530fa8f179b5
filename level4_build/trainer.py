"""The trainer: configuration, the loop, what is kept. Plain torch, from top to bottom.

    fit = fit(TrainConfig(steps=300), checkpoint=Path("checkpoint.pt"))
    fit.macro_iou, fit.iou

Nothing in it depends on when it was stopped: the learning rate is a function of the step, the batch a
function of the seed and the step, and the rest is in the checkpoint. So a training that is killed and resumed
ends with the very bits of one that ran through (on the same machine, with as many threads).
"""

from __future__ import annotations

import hashlib
import json
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - as everywhere
from torch import Tensor, nn

from level4_build import checkpoint as files
from level4_build.blocks import initialise
from level4_build.scenes import CLASSES, IGNORE, Scenes
from level4_build.score import SegmentationScore
from level4_build.unet import UNet, UNetConfig
from shared.errors import BadUsage, LadderError

# Configuration ---------------------------------------------------------------------------------------

MOST = {"steps": 1_000_000, "size": 256, "seed": 2**32 - 1}
MOST_PIXELS = {"batch": 2**20, "train_count": 2**27, "val_count": 2**27}  # of their scenes together: memory


@dataclass(frozen=True)
class TrainConfig:
    """All that decides a training.

    Attributes:
        steps, batch: how many batches, of how many scenes each.
        lr: the highest learning rate of AdamW; reached after `warmup` steps, falling to 0 as a cosine.
        weight_decay, clip: how much weights shrink, and the longest gradient that is let through.
        size, train_count, val_count, seed: the scenes; `seed` also draws the first weights.
        eval_every, save_every: steps between two evaluations, and between two checkpoints.
    """

    steps: int = 300
    batch: int = 16
    lr: float = 3e-3
    warmup: int = 20
    weight_decay: float = 0.01
    clip: float = 1.0
    size: int = 64
    train_count: int = 512
    val_count: int = 64
    seed: int = 0
    eval_every: int = 100
    save_every: int = 50
    model: UNetConfig = field(default_factory=UNetConfig)

    def __post_init__(self) -> None:
        least = {"steps": 1, "batch": 1, "size": 8, "train_count": 1, "val_count": 1, "eval_every": 1,
                 "save_every": 1, "warmup": 0, "seed": 0, "weight_decay": 0}  # fmt: skip
        for name, low in least.items():
            if not low <= getattr(self, name) < math.inf:
                raise BadUsage(f"{name} is {getattr(self, name)}.", f"It must be at least {low}.")
        most = MOST | {name: pixels // self.size**2 for name, pixels in MOST_PIXELS.items()}
        for name, high in most.items():
            if getattr(self, name) > high:
                here = f" with scenes of {self.size} pixels a side" if name in MOST_PIXELS else ""
                raise BadUsage(f"{name} is {getattr(self, name)}.", f"It must be at most {high}{here}.")
        for name in ("lr", "clip"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise BadUsage(f"{name} is {getattr(self, name)}.", "It must be a number above 0.")

    def as_dict(self) -> dict[str, Any]:
        """The configuration as plain values, as JSON would give it back."""
        return json.loads(json.dumps(asdict(self)))

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> TrainConfig:
        """The configuration that `as_dict` wrote."""
        model = values["model"]
        known = {f.name: values[f.name] for f in fields(cls) if f.name in values}
        return cls(**(known | {"model": UNetConfig(**(model | {"widths": tuple(model["widths"])}))}))


# What comes out --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Evaluation:
    """How well the network does on the validation scenes after so many steps."""

    step: int
    loss: float
    macro_iou: float
    iou: dict[str, float | None]


@dataclass(frozen=True)
class Step:
    """One step that is done: `step` counts from 1 to `steps`."""

    step: int
    steps: int
    loss: float
    lr: float
    evaluation: Evaluation | None = None


@dataclass(frozen=True)
class Fit:
    """A training that is done, or was told to stop early.

    Attributes:
        losses: of every step, also of those before it was resumed.
        history: every evaluation, the last one after the last step.
        wall_s: seconds of work, the pieces of a resumed training together.
        resumed_at: the step it went on from; 0 if it began anew.
    """

    config: TrainConfig
    model: nn.Module
    losses: list[float]
    history: list[Evaluation]
    wall_s: float
    resumed_at: int = 0

    @property
    def steps(self) -> int:
        return len(self.losses)

    @property
    def macro_iou(self) -> float:
        return self.history[-1].macro_iou

    @property
    def iou(self) -> dict[str, float | None]:
        return self.history[-1].iou


# The parts of a step ---------------------------------------------------------------------------------


def new_model(config: TrainConfig) -> UNet:
    """The network of this configuration with its first weights, which the seed alone decides."""
    model = UNet(config.model)
    initialise(model, torch.Generator().manual_seed(config.seed))
    return model


def learning_rate(step: int, config: TrainConfig) -> float:
    """The rate of a step (from 0): a line up, then half a cosine down to 0.

    Loshchilov and Hutter, arXiv 1608.03983, equation 5, without restarts.
    """
    if step < config.warmup:
        return config.lr * (step + 1) / config.warmup
    share = (step - config.warmup) / max(config.steps - config.warmup, 1)
    return config.lr * (1 + math.cos(math.pi * share)) / 2


def batch_order(step: int, config: TrainConfig) -> np.ndarray:
    """Which scenes a step (from 0) takes: each epoch is a shuffle that the seed and its number decide."""
    places = np.arange(step * config.batch, (step + 1) * config.batch)
    epochs, within = np.divmod(places, config.train_count)
    shuffled = {
        epoch: np.random.default_rng([config.seed, epoch]).permutation(config.train_count)
        for epoch in np.unique(epochs)
    }
    return np.array([shuffled[epoch][place] for epoch, place in zip(epochs, within, strict=True)])


def loss_of(logits: Tensor, masks: Tensor) -> Tensor:
    """Mean cross-entropy over the pixels that count, in float32 whatever the network runs in."""
    return F.cross_entropy(logits.float(), masks.long(), ignore_index=IGNORE)


@torch.no_grad()
def evaluate(model: nn.Module, scenes: Scenes, step: int = 0, batch: int = 32) -> Evaluation:
    """Loss and scores over all scenes of a split: counts are summed first and divided once."""
    images, masks = scenes.all()
    score, total, pixels = SegmentationScore(CLASSES), 0.0, 0
    training = model.training
    model.eval()
    for first in range(0, len(scenes), batch):
        part, truth = images[first : first + batch].float() / 255, masks[first : first + batch]
        logits = model(part)  # (B, classes, H, W)
        counted = int((truth != IGNORE).sum())
        total, pixels = total + float(loss_of(logits, truth)) * counted, pixels + counted
        score.add(logits, truth)
    model.train(training)
    return Evaluation(step, total / pixels, score.macro_iou(), score.iou())


# The loop --------------------------------------------------------------------------------------------


def fit(
    config: TrainConfig,
    model: nn.Module | None = None,
    on_step: Callable[[Step], None] | None = None,
    checkpoint: Path | None = None,
    stop: Callable[[], bool] | None = None,
) -> Fit:
    """Train on the scenes of `config`, and evaluate on others.

    Args:
        model: trained in place; by default `new_model(config)`.
        on_step: told each step that is done.
        checkpoint: kept here every `save_every` steps; one that is there is gone on from.
        stop: asked after each step; the training ends early, evaluated, once it says True.

    Raises:
        LadderError: the loss is no number any more, or the checkpoint is of another training.
        KeyboardInterrupt: Ctrl-C or SIGTERM; the checkpoint has been written.
    """
    model = new_model(config) if model is None else model
    optimizer = torch.optim.AdamW(model.parameters(), lr=config.lr, weight_decay=config.weight_decay)
    losses: list[float] = []
    history: list[Evaluation] = []
    train = Scenes("train", config.train_count, config.size, config.seed)
    val = Scenes("val", config.val_count, config.size, config.seed)
    earlier = 0.0

    def keep() -> None:
        if checkpoint is not None:
            state = {
                "config": config.as_dict(), "network": fingerprint(model), "step": len(losses),
                "model": model.state_dict(), "optimizer": optimizer.state_dict(),
                "random": torch.get_rng_state(), "losses": losses, "wall_s": wall_s(),
                "history": [asdict(each) for each in history],
            }  # fmt: skip
            files.save(checkpoint, state)

    def wall_s() -> float:
        return earlier + time.monotonic() - began

    # fork_rng: a network with dropout draws from torch's one generator, and others' draws are left alone.
    with torch.random.fork_rng(devices=[]), _interrupts() as interrupted:
        images, masks = train.all()  # uint8
        began = time.monotonic()
        torch.manual_seed(config.seed)
        if checkpoint is not None and checkpoint.exists():
            state = _state_of(checkpoint, config, model)
            model.load_state_dict(state["model"])
            optimizer.load_state_dict(state["optimizer"])
            torch.set_rng_state(state["random"])
            losses, earlier = state["losses"], state["wall_s"]
            history = [Evaluation(**each) for each in state["history"]]
        resumed_at = len(losses)

        model.train()
        for step in range(resumed_at, config.steps):
            lr = learning_rate(step, config)
            for group in optimizer.param_groups:
                group["lr"] = lr
            chosen = batch_order(step, config)
            loss = loss_of(model(images[chosen].float() / 255), masks[chosen])
            if not torch.isfinite(loss):
                raise LadderError(
                    f"The loss became {loss.item()} at step {step + 1} of {config.steps}.",
                    f"Lower the learning rate (it is {config.lr:g}), or clip more (it is {config.clip:g}).",
                )
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), config.clip)
            optimizer.step()
            losses.append(loss.item())

            done = step + 1
            asked = interrupted.is_set()  # looked at once: what comes later waits for the next step
            ends = done == config.steps or (stop is not None and stop())
            if ends or done % config.eval_every == 0:
                history.append(evaluate(model, val, done))
            if ends or done % config.save_every == 0 or asked:
                keep()
            if on_step is not None:
                on_step(Step(done, config.steps, losses[-1], lr, _of_step(history, done)))
            if asked and done < config.steps:
                kept = "the same again goes on from here" if checkpoint is not None else "nothing was kept"
                raise KeyboardInterrupt(f"Stopped after step {done} of {config.steps}: {kept}.")
            if ends:
                break
        return Fit(config, model.eval(), losses, history, wall_s(), resumed_at)


# Small parts -----------------------------------------------------------------------------------------


def fingerprint(model: nn.Module) -> str:
    """A hash of what a network is made of, layer by layer; its weights do not matter."""
    return hashlib.sha256(repr(model).encode()).hexdigest()


def _of_step(history: list[Evaluation], step: int) -> Evaluation | None:
    return history[-1] if history and history[-1].step == step else None


def _state_of(path: Path, config: TrainConfig, model: nn.Module) -> dict[str, Any]:
    """What the checkpoint holds, if it is of this very training."""
    state = files.load(path)
    before, now = state["config"], config.as_dict()
    differs = [name for name in now if before.get(name) != now[name]]
    if not differs and state["network"] != fingerprint(model):
        differs = ["network"]
    if differs:
        changed = ", ".join(f"{name} was {before.get(name, 'another')}" for name in differs)
        raise LadderError(
            f"The checkpoint {path} is of another training: {changed}.",
            "Train with those settings to go on with it, or start anew with --fresh or another --out.",
        )
    return state


@contextmanager
def _interrupts() -> Iterator[threading.Event]:
    """Ctrl-C and SIGTERM set an event, so that a step is never cut in two; the second one does not wait."""
    asked = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    if threading.current_thread() is not threading.main_thread():  # only there can signals be caught
        yield asked
        return
    caught = [s for s in (signal.SIGINT, signal.SIGTERM) if callable(signal.getsignal(s))
              or signal.getsignal(s) == signal.SIG_DFL]  # fmt: skip
    before = {s: signal.signal(s, ask) for s in caught}  # one that is ignored (nohup) stays ignored
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
