"""Two processes: the same gradients, the same scores, and no way to hang or to be half stopped."""

from __future__ import annotations

import multiprocessing
import os
import signal
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from level4_build import checkpoint as files
from level4_build.distributed import Ranks, fit_on, joined
from level4_build.recipe import Recipe
from level4_build.segmentation import Segmentation
from level4_build.task import Batch, Item, Split
from level4_build.trainer import Evaluation, Step, TrainConfig, Trainer, fit
from level4_build.unet import UNet, UNetConfig
from shared.errors import BadUsage, LadderError

NET = UNetConfig(widths=(4, 8), transformer_layers=1, heads=2)
TINY = TrainConfig(
    steps=6, batch=5, size=16, train_count=10, val_count=70, eval_every=3, save_every=2, warmup=2, model=NET
)
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["level4_build.trainer"])


class DoubleTask(Segmentation):
    """Segmentation in float64, where rounding cannot hide a wrong divisor."""

    def network(self) -> UNet:
        return super().network().double()

    def batch(self, split: Split, items: list[Item]) -> Batch:  # type: ignore[override]
        inputs, targets = super().batch(split, items)
        return inputs.double(), targets


@dataclass(frozen=True)
class Double(TrainConfig):
    def task(self) -> DoubleTask:
        return DoubleTask(self)


def one_step(config: Recipe, ranks: Ranks) -> tuple[list[Tensor], float, Evaluation]:
    """The gradients of one step, its loss, and the scores before it."""
    torch.set_num_threads(1)
    trainer = Trainer(config, ranks=ranks)
    before = trainer.evaluate()
    pieces = trainer.pieces()
    loss = trainer.step([next(pieces) for _ in range(config.accumulate)], lr=0.0)
    return [p.grad for p in trainer.model.parameters() if p.grad is not None], loss, before


def share(rank: int, count: int, meet: str, config: Recipe, results: Path) -> None:
    with joined(meet, gpu=False, rank=rank, count=count) as ranks:
        torch.save(one_step(config, ranks), results / str(rank))


def together(config: Recipe, count: int, folder: Path) -> list[tuple[list[Tensor], float, Evaluation]]:
    """`one_step` by several processes; what each of them has."""
    folder.mkdir()
    arguments = [(rank, count, (folder / "meet").as_uri(), config, folder) for rank in range(count)]
    processes = [SERVER.Process(target=share, args=one) for one in arguments]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0] * count
    return [torch.load(folder / str(rank), weights_only=False) for rank in range(count)]


def apart(ones: list[Tensor], others: list[Tensor]) -> float:
    """The largest difference, as a share of the largest gradient."""
    largest = max(float(one.abs().max()) for one in ones)
    return max(float((a - b).abs().max()) for a, b in zip(ones, others, strict=True)) / largest


# Batch 5 is not divisible by two: the means of two halves would not be the mean of the whole. And the scenes
# have borders of different length, so the pixels that count differ too.
@pytest.mark.parametrize(
    ("kind", "accumulate", "tolerance"), [(Double, 1, 1e-12), (Double, 2, 1e-12), (TrainConfig, 2, 1e-6)]
)
def test_two_processes_have_the_gradients_and_scores_of_one(
    tmp_path: Path, kind: type[TrainConfig], accumulate: int, tolerance: float
) -> None:
    config = kind.from_dict(TINY.as_dict() | {"clip": 1e9})
    alone, loss, before = one_step(config, Ranks(device=torch.device("cpu")))
    both = together(replace(config, accumulate=accumulate), 2, tmp_path / "both")
    for gradients, its_loss, scores in both:
        assert apart(alone, gradients) < tolerance
        assert its_loss == pytest.approx(loss, rel=tolerance)
        assert scores.iou == before.iou, "each of the 70 scenes is counted once"
        assert scores.loss == pytest.approx(before.loss, rel=1e-6)
    assert all(torch.equal(a, b) for a, b in zip(both[0][0], both[1][0], strict=True))


def test_pieces_of_a_batch_have_the_gradient_of_the_whole() -> None:
    config = Double.from_dict(TINY.as_dict() | {"clip": 1e9})
    cpu = Ranks(device=torch.device("cpu"))
    whole, loss, _ = one_step(config, cpu)
    for pieces in (2, 5):
        gradients, its_loss, _ = one_step(replace(config, accumulate=pieces), cpu)
        assert apart(whole, gradients) < 1e-12 and its_loss == pytest.approx(loss, rel=1e-12)


def kill(rank: int) -> None:
    """Kill a process of the training that runs; they were started one after the other."""
    pids = sorted(process.pid or 0 for process in multiprocessing.active_children())
    os.kill(pids[rank], signal.SIGKILL)


@pytest.mark.parametrize("rank", [1, pytest.param(0, marks=pytest.mark.slow)])
def test_one_of_two_is_killed_and_the_training_says_so_and_ends_with_the_same_bits(
    tmp_path: Path, rank: int
) -> None:
    config = replace(TINY, steps=60, eval_every=20, ema=0.9, flip=True)
    through, path = tmp_path / "through.pt", tmp_path / "killed.pt"
    fit_on(2, config, through)
    with pytest.raises(
        LadderError, match=rf"Process {rank + 1} of 2 was killed by SIGKILL after step \d"
    ) as told:
        fit_on(2, config, path, lambda step: kill(rank) if step.step == 5 else None)
    assert "goes on from the last checkpoint" in told.value.fix and not multiprocessing.active_children()
    seen: list[int] = []
    fit_on(2, config, path, lambda step: seen.append(step.step))
    assert 1 < seen[0] <= seen[-1] == 60, "it went on, and did not begin anew"
    one, other = fit(config, checkpoint=through), fit(config, checkpoint=path)
    assert one.losses == other.losses and one.history == other.history
    both = zip(one.model.parameters(), other.model.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in both)


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_ctrl_c_ends_all_of_them_after_the_same_step(tmp_path: Path, number: int) -> None:
    path = tmp_path / "checkpoint.pt"

    def interrupt(step: Step) -> None:
        if step.step == 2:
            os.kill(os.getpid(), number)

    with pytest.raises(KeyboardInterrupt, match=r"Stopped after step \d+ of 100000"):
        fit_on(2, replace(TINY, steps=100_000, save_every=100_000, eval_every=100_000), path, interrupt)
    assert not multiprocessing.active_children() and files.load(path)["step"] >= 2


def test_what_goes_wrong_in_a_process_is_a_sentence_here(tmp_path: Path) -> None:
    with pytest.raises(LadderError, match=r"The (loss|gradient) became") as told:
        fit_on(2, replace(TINY, lr=1e30, clip=1e30, warmup=0), tmp_path / "checkpoint.pt")
    assert "Lower the learning rate" in told.value.fix and not multiprocessing.active_children()
    with pytest.raises(BadUsage, match="leaves 1 items for 2 processes"):
        fit_on(2, replace(TINY, accumulate=5), tmp_path / "checkpoint.pt")
