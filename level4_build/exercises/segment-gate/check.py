"""Small things that are cheap to look at first, then the training, scored on scenes that were not shown."""

from __future__ import annotations

import time
from collections.abc import Iterator
from types import ModuleType

import numpy as np
import torch
from torch import Tensor, nn

from level4_build.scenes import CLASSES, IGNORE, Scenes
from level4_build.score import SegmentationScore
from shared.study.case import Case

MOST_S = 180.0  # of processor time, all cores together
SHOWN, UNSEEN = 512, 128  # scenes to train on, and to be judged by
FLOAT32 = 1e-6  # a mean of some hundred losses of size 1
SHADES = 8  # into which the baseline divides each of red, green and blue


def cases(work: ModuleType, rng: np.random.Generator) -> Iterator[Case]:
    pictures = torch.from_numpy(rng.random((2, 3, 64, 64))).float()
    yield Case(
        "what the network gives for two pictures",
        call="build",
        run=lambda work: work.build(0).eval()(pictures).detach(),
        given="build(0)(pictures), of pictures (2, 3, 64, 64)",
        expected=f"scores (2, {len(CLASSES)}, 64, 64), any numbers",
        holds=lambda got: got.shape == (2, len(CLASSES), 64, 64) and not _adds_up(got),
        mistakes={
            "softmax-twice": _adds_up,
            "smaller-mask": lambda got: got.shape[:2] == (2, len(CLASSES)) and got.shape[-1] < 64,
        },
    )
    logits = torch.from_numpy(rng.normal(size=(2, len(CLASSES), 8, 8))).float()
    masks = torch.from_numpy(rng.integers(len(CLASSES), size=(2, 8, 8)))
    masks[:, 3:5] = IGNORE
    yield Case(
        "the border between two classes, where nothing counts",
        call="loss",
        run=lambda work: _by_border(work, logits, masks),
        given="loss(logits, masks) before and after the logits were changed where masks are IGNORE",
        expected=0.0,
        tolerance=FLOAT32,
        mistakes={"border-counts": lambda got: got > FLOAT32},
    )
    yield Case(
        "what ten steps do to the weights",
        call="train",
        run=_moved,
        given="build(0), then train(network, scenes, seed=0, steps=10) on 16 scenes",
        expected="weights that have moved",
        holds=lambda got: got > 0,
        mistakes={"never-steps": 0.0},
    )
    yield Case(
        "the same training twice",
        call="train",
        run=_apart,
        given="two networks build(1), each train(network, scenes, seed=1, steps=3)",
        expected=0.0,
        mistakes={"chance-of-its-own": lambda got: got > 0},
    )
    yield _unseen(rng)


def _adds_up(scores: Tensor) -> bool:
    """Whether they are probabilities already: each pixel's add up to 1."""
    return bool((scores.sum(dim=1) - 1).abs().max() < 1e-3)


def _by_border(work: ModuleType, logits: Tensor, masks: Tensor) -> float:
    """How much the loss changes with what the network says where nothing counts."""
    other = torch.where((masks == IGNORE)[:, None], logits.flip(1), logits)
    return abs(float(work.loss(logits, masks)) - float(work.loss(other, masks)))


def _weights(network: nn.Module) -> Tensor:
    return torch.cat([each.detach().flatten() for each in network.parameters()])


def _moved(work: ModuleType) -> float:
    network = work.build(0)
    before = _weights(network)
    work.train(network, Scenes("train", 16), 0, 10)
    return float((_weights(network) - before).abs().max())


def _apart(work: ModuleType) -> float:
    """How far the weights of two trainings with the same seed are from each other."""
    found = []
    for _ in range(2):
        network = work.build(1)
        work.train(network, Scenes("train", 16), 1, 3)
        found.append(_weights(network))
    return float((found[0] - found[1]).abs().max())


# The exam itself -----------------------------------------------------------------------------------------


def _unseen(rng: np.random.Generator) -> Case:
    seed = int(rng.integers(1, 2**31))  # 0 are the scenes that everybody has

    def trained(work: ModuleType) -> dict[str, float]:
        began = time.process_time()
        network = work.build(seed)
        work.train(network, Scenes("train", SHOWN, seed=seed), seed)
        spent = time.process_time() - began
        images, masks = Scenes("val", UNSEEN, seed=seed).all()
        with torch.inference_mode():
            found = torch.cat([network.eval()(some / 255).argmax(1) for some in images.split(16)])
        return {"macro_iou": _macro(found, masks), "cpu_s": spent}

    baseline = _macro(_by_colour(seed), Scenes("val", UNSEEN, seed=seed).all()[1])
    return Case(
        f"the macro IoU on {UNSEEN} scenes, after training on {SHOWN} others",
        call="train",
        run=trained,
        given="scenes drawn with a seed that your file does not know",
        expected=f"above {baseline:.3f}, which colours alone reach, in {MOST_S:g} s of processor time",
        holds=lambda got: got["macro_iou"] > baseline and got["cpu_s"] <= MOST_S,
        measures=lambda got: {**got, "chance": _nothing_there(seed), "baseline": baseline},
    )


def _macro(found: Tensor, masks: Tensor) -> float:
    score = SegmentationScore(CLASSES)
    score.add(found, masks)
    return score.macro_iou()


def _nothing_there(seed: int) -> float:
    """What it is worth to call everything background."""
    masks = Scenes("val", UNSEEN, seed=seed).all()[1]
    return _macro(torch.zeros_like(masks), masks)


def _by_colour(seed: int) -> Tensor:
    """The class that most pixels of about this colour have in the scenes that are shown: (N, H, W)."""
    images, masks = Scenes("train", SHOWN, seed=seed).all()
    counted = masks != IGNORE
    pairs = _shade(images)[counted] * len(CLASSES) + masks[counted]
    table = pairs.bincount(minlength=SHADES**3 * len(CLASSES)).view(-1, len(CLASSES))
    return table.argmax(1)[_shade(Scenes("val", UNSEEN, seed=seed).all()[0])]


def _shade(images: Tensor) -> Tensor:
    """Bytes (N, 3, H, W) as the number of their shade: (N, H, W)."""
    red, green, blue = (images.long() * SHADES // 256).unbind(1)
    return (red * SHADES + green) * SHADES + blue
