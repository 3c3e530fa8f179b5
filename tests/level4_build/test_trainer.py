"""The trainer: it learns, it repeats itself to the bit, and a kill changes nothing."""

from __future__ import annotations

import json
import math
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest
import torch
from torch import nn

from level4_build import checkpoint as files
from level4_build.job import Training
from level4_build.loader import items_of
from level4_build.scenes import IGNORE
from level4_build.segmentation import Segmentation
from level4_build.trainer import Step, TrainConfig, evaluate, fit, new_model
from level4_build.unet import UNetConfig
from shared.errors import BadUsage, LadderError

NET = UNetConfig(widths=(4, 8), transformer_layers=1, heads=2)
TINY = TrainConfig(
    steps=12, batch=4, size=16, train_count=10, val_count=3, eval_every=5, save_every=3, warmup=2, model=NET
)


def same(one: nn.Module, other: nn.Module) -> bool:
    """Whether two networks have the same weights, bit for bit."""
    a, b = one.state_dict(), other.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_it_overfits_one_batch() -> None:
    config = TrainConfig(
        steps=150, batch=2, size=24, train_count=2, val_count=1, eval_every=1000, lr=1e-2,
        model=UNetConfig(widths=(8, 16), transformer_layers=1, heads=2),
    )  # fmt: skip
    done = fit(config)
    assert done.losses[-1] < 0.3 < 1.0 < done.losses[0]
    on_its_own = evaluate(done.model, config.task(), "train")
    assert on_its_own.macro_iou > 0.7


def test_steps_are_told_and_evaluated_on_time() -> None:
    told: list[Step] = []
    done = fit(TINY, on_step=told.append)
    assert [step.step for step in told] == list(range(1, 13))
    assert [step.loss for step in told] == done.losses
    assert [step.step for step in told if step.evaluation] == [5, 10, 12]
    assert done.history == [step.evaluation for step in told if step.evaluation]
    assert done.macro_iou == evaluate(done.model, TINY.task()).macro_iou
    assert not done.model.training


def test_twice_is_the_same_to_the_bit_and_another_seed_is_not() -> None:
    one, two = fit(TINY), fit(TINY)
    assert one.losses == two.losses and same(one.model, two.model)
    assert fit(TrainConfig.from_dict(TINY.as_dict() | {"seed": 1})).losses != one.losses


def test_a_model_of_ones_own_is_trained_in_place() -> None:
    mine = new_model(TINY)
    before = [p.clone() for p in mine.parameters()]
    done = fit(TINY, mine)
    assert done.model is mine
    assert not any(torch.equal(a, b) for a, b in zip(before, mine.parameters(), strict=True))
    assert same(mine, fit(TINY).model)


# Stopped and resumed ---------------------------------------------------------------------------------

CHILD = """
import sys
from itertools import pairwise
from pathlib import Path
from level4_build.trainer import TrainConfig, fit
import json
def on_step(step): print(step.step, flush=True)
fit(TrainConfig.from_dict(json.loads(sys.argv[1])), on_step=on_step, checkpoint=Path(sys.argv[2]))
"""


def until_step(config: TrainConfig, path: Path, step: int, number: int) -> int:
    """Train in a process of its own, and send it a signal once it has done this step. Its exit status."""
    threads = {"OMP_NUM_THREADS": str(torch.get_num_threads())}  # as many as here: sums keep their order
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, json.dumps(config.as_dict()), str(path)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=os.environ | threads,
    )  # fmt: skip
    assert child.stdout is not None
    for line in child.stdout:
        if int(line) == step:
            child.send_signal(number)
            break
    child.stdout.read()
    return child.wait(timeout=60)


def test_killed_at_any_step_and_resumed_it_ends_with_the_same_bits(tmp_path: Path) -> None:
    config = TrainConfig.from_dict(TINY.as_dict() | {"steps": 80, "save_every": 3, "eval_every": 20})
    path = tmp_path / "checkpoint.pt"
    step = random.randint(4, 20)
    assert until_step(config, path, step, signal.SIGKILL) == -signal.SIGKILL, f"killed at {step}"
    kept = files.load(path)["step"]
    assert step - 3 <= kept < 80, "a checkpoint every three steps, and it was not through"
    resumed, through = fit(config, checkpoint=path), fit(config)
    assert resumed.resumed_at == kept
    assert resumed.losses == through.losses and resumed.history == through.history
    assert same(resumed.model, through.model), f"killed at step {step}"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_keep_the_step_that_was_done(tmp_path: Path, number: int) -> None:
    config = TrainConfig.from_dict(TINY.as_dict() | {"steps": 3000, "save_every": 3000, "eval_every": 3000})
    path = tmp_path / "checkpoint.pt"
    assert until_step(config, path, 3, number) != 0
    assert 3 <= files.load(path)["step"] < 3000


class WithDropout(nn.Module):
    """A network that draws random numbers while it trains."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = new_model(TINY)
        self.drop = nn.Dropout(0.3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(self.drop(x))


def test_random_numbers_go_on_where_they_were(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"

    class Cut(Exception):
        pass

    def cut(step: Step) -> None:
        if step.step == 7:
            raise Cut

    through = fit(TINY, WithDropout())
    with pytest.raises(Cut):
        fit(TINY, WithDropout(), cut, path)
    mine, before = WithDropout(), torch.get_rng_state()
    resumed = fit(TINY, mine, checkpoint=path)
    assert resumed.resumed_at == 6 and same(resumed.model, through.model)
    assert torch.equal(before, torch.get_rng_state()), "whoever calls keeps random numbers of its own"


def test_a_complete_training_is_not_done_again(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    told: list[Step] = []
    first = fit(TINY, checkpoint=path)
    again = fit(TINY, on_step=told.append, checkpoint=path)
    assert told == [] and again.history == first.history and same(first.model, again.model)


def test_a_checkpoint_of_another_training_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    fit(TINY, checkpoint=path)
    with pytest.raises(LadderError, match=r"lr was 0\.003"):
        fit(TrainConfig.from_dict(TINY.as_dict() | {"lr": 0.5}), checkpoint=path)
    with pytest.raises(LadderError, match="network"):
        fit(TINY, WithDropout(), checkpoint=path)


@pytest.mark.parametrize("damage", ["cut", "text", "empty", "other"])
def test_a_damaged_checkpoint_is_a_sentence(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "checkpoint.pt"
    fit(TINY, checkpoint=path)
    whole = path.read_bytes()
    if damage == "other":
        torch.save({"step": 1}, path)
    else:
        path.write_bytes(
            {"cut": whole[: len(whole) // 2], "text": b"not a checkpoint\n", "empty": b""}[damage]
        )
    with pytest.raises(LadderError, match="damaged") as told:
        fit(TINY, checkpoint=path)
    assert "--fresh" in told.value.fix


class Booby:
    def __reduce__(self) -> tuple[object, ...]:
        return (os.mkdir, (os.environ["LADDER_TRAP"],))


def test_a_checkpoint_runs_no_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LADDER_TRAP", str(tmp_path / "sprung"))
    torch.save({name: Booby() for name in files.HOLDS}, tmp_path / "checkpoint.pt")
    with pytest.raises(LadderError):
        files.load(tmp_path / "checkpoint.pt")
    assert not (tmp_path / "sprung").exists()


# The parts -------------------------------------------------------------------------------------------


def test_a_loss_that_is_no_number_stops_with_a_sentence() -> None:
    broken = new_model(TINY)
    with torch.no_grad():
        broken.head.bias[0] = math.inf
    with pytest.raises(LadderError, match="at step 1 of 12") as told:
        fit(TINY, broken)
    assert "0.003" in told.value.fix


def test_the_loss_is_cross_entropy_in_float32_over_what_counts() -> None:
    g = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 6, 5, 5, generator=g)
    masks = torch.randint(0, 6, (2, 5, 5), generator=g)
    masks[:, 0] = IGNORE
    chosen = torch.log_softmax(logits.double(), 1).gather(1, masks.clamp(max=5)[:, None])[:, 0]
    expected = -chosen[masks != IGNORE].mean()
    task = Segmentation(TINY)
    summed, count = task.loss(logits, masks)
    # float32 against float64 over 40 pixels.
    assert (summed / count).item() == pytest.approx(expected.item(), rel=1e-6)
    assert task.loss(logits.bfloat16(), masks)[0].dtype == torch.float32


def test_the_loss_of_a_set_does_not_depend_on_how_it_is_cut() -> None:
    config = replace(TINY, val_count=7)
    model = new_model(config)
    whole = evaluate(model, config.task(), batch=7)
    parts = evaluate(model, config.task(), batch=2)
    assert whole.loss == pytest.approx(parts.loss, rel=1e-5) and whole.iou == parts.iou


def test_each_epoch_takes_every_scene_once_in_an_order_of_its_own() -> None:
    taken = [item.number for step in range(5) for item in items_of(step, TINY, 10)]  # 2 epochs of 10
    assert sorted(taken[:10]) == sorted(taken[10:]) == list(range(10))
    assert taken[:10] != taken[10:]


def test_a_configuration_comes_back_from_json_as_it_was() -> None:
    assert TrainConfig.from_dict(TINY.as_dict()) == TINY


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"lr": 0.0}, {"lr": math.nan}, {"seed": -1}, {"batch": 0},
                                   {"size": 10**5}, {"batch": 257}, {"train_count": 10**9}, {"seed": 2**64},
                                   {"weight_decay": math.nan}])  # fmt: skip
def test_a_configuration_that_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(BadUsage, match=next(iter(wrong))):
        TrainConfig(**wrong)  # type: ignore[arg-type]


# In a thread, as a page has it -----------------------------------------------------------------------


def test_a_training_in_a_thread_tells_how_far_it_is_and_stops_when_told() -> None:
    job = Training(TrainConfig.from_dict(TINY.as_dict() | {"steps": 100_000, "eval_every": 100_000}))
    while job.seen is None:
        time.sleep(0.01)
    assert "of 100000, loss" in job.label() and "to go" in job.label()
    assert job.seen.shape == job.watched.mask.shape == (16, 16)
    job.stop()
    assert "Stopping" in job.label()
    assert job.wait(30)
    done = job.result()
    assert 0 < done.steps == len(job.losses) < 100_000 and done.history[-1].step == done.steps


def test_a_training_in_a_thread_is_the_one_of_the_main_thread() -> None:
    job = Training(TINY)
    other = Thread(target=lambda: job.wait(60))
    other.start()
    other.join()
    assert same(job.result().model, fit(TINY).model)


def test_a_failure_in_a_thread_is_told_to_who_asks() -> None:
    job = Training(TrainConfig.from_dict(TINY.as_dict() | {"lr": 1e30, "clip": 1e30, "warmup": 0}))
    assert job.wait(60)
    with pytest.raises(LadderError, match="The loss became"):
        job.result()
