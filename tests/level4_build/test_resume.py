"""Killed by SIGKILL at any step and resumed: the weights are those of a training that was never stopped.

Each training is a process of its own, forked from one that has torch already: a kill is then a real one and
costs a second.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from level4_build import checkpoint as files
from level4_build.recipe import Recipe
from level4_build.trainer import Step, TrainConfig, fit, new_model
from level4_build.unet import UNetConfig
from shared.errors import LadderError

NET = UNetConfig(widths=(4, 8), transformer_layers=1, heads=2)
PLAIN = TrainConfig(
    steps=10, batch=4, size=16, train_count=10, val_count=3, eval_every=2, save_every=3, warmup=2, model=NET
)
# All that has a state: pieces, averages, rounded products, a rate that waits for evaluations, random mirrors.
ALL = replace(
    PLAIN, accumulate=2, ema=0.9, precision="bfloat16", schedule="plateau", plateau=1, flip=True, skip=2
)
STOPS = replace(ALL, steps=40, patience=3, lr=0.2, warmup=0)  # too fast to learn: it gives up early

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["level4_build.trainer"])


class WithDropout(nn.Module):
    """A network that draws from every generator while it trains."""

    def __init__(self, config: TrainConfig) -> None:
        super().__init__()
        self.inner, self.drop = new_model(config), nn.Dropout(0.3)

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            x = x + 0.01 * random.random()
        return self.inner(self.drop(x))


def run(config: TrainConfig, path: Path, kill_after: int, result: Path) -> None:
    """In a process of its own: train, and kill oneself after a step; else leave the weights."""
    torch.set_num_threads(1)

    def on_step(step: Step) -> None:
        if step.step == kill_after:
            os.kill(os.getpid(), signal.SIGKILL)

    done = fit(config, WithDropout(config), on_step, path)
    torch.save((done.model.state_dict(), done.losses, done.history), result)


def process(config: Recipe, path: Path, kill_after: int, result: Path) -> ForkServerProcess:
    started = SERVER.Process(target=run, args=(config, path, kill_after, result))
    started.start()
    return started


def ended(config: Recipe, path: Path, kill_after: int, result: Path) -> int | None:
    started = process(config, path, kill_after, result)
    started.join()
    return started.exitcode


def through(config: TrainConfig, folder: Path) -> tuple[dict[str, Tensor], list[float], list[object]]:
    """What comes of a training that nothing stops."""
    result = folder / "through"
    assert ended(config, folder / "through.pt", 0, result) == 0
    return torch.load(result, weights_only=False)


def same(result: Path, expected: tuple[dict[str, Tensor], list[float], list[object]]) -> bool:
    """Whether weights, losses and evaluations are equal bit for bit."""
    weights, losses, history = torch.load(result, weights_only=False)
    equal = all(torch.equal(weights[name], value) for name, value in expected[0].items())
    return equal and (losses, history) == expected[1:]


def kill_and_resume(config: TrainConfig, folder: Path, step: int) -> Path:
    path, result = folder / f"{step}.pt", folder / f"{step}"
    assert ended(config, path, step, result) == -signal.SIGKILL
    kept = files.load(path)["step"] if path.exists() else 0
    assert kept == step - step % config.save_every, "the last one that was due"
    assert ended(config, path, 0, result) == 0
    return result


@pytest.mark.parametrize("workers", [0, 2])
def test_with_all_that_has_a_state_in_use(tmp_path: Path, workers: int) -> None:
    expected = through(ALL, tmp_path)  # without workers: they must not matter either
    for step in (5, 9):
        result = kill_and_resume(replace(ALL, workers=workers), tmp_path, step)
        assert same(result, expected), f"killed at step {step}"


def test_it_stops_early_at_the_same_step(tmp_path: Path) -> None:
    expected = through(STOPS, tmp_path)
    stopped_at = len(expected[1])
    assert 6 < stopped_at < STOPS.steps, "patience ended it"
    assert same(kill_and_resume(STOPS, tmp_path, stopped_at - 1), expected)


@pytest.mark.slow
@pytest.mark.parametrize("config", [PLAIN, ALL, replace(ALL, workers=2)], ids=["plain", "all", "workers"])
def test_at_every_step(tmp_path: Path, config: TrainConfig) -> None:
    expected = through(config, tmp_path)
    for step in range(1, config.steps):
        assert same(kill_and_resume(config, tmp_path, step), expected), f"killed at step {step}"


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_at_any_moment_and_again_and_again(tmp_path: Path, workers: int) -> None:
    """Also in the middle of a step, of an evaluation, of the writing of a checkpoint."""
    config = replace(ALL, steps=60, save_every=1, workers=workers)
    expected = through(replace(config, workers=0), tmp_path)
    path, result, moments = tmp_path / "killed.pt", tmp_path / "killed", random.Random(0)
    kills = 0
    for _ in range(25):
        child = process(config, path, 0, result)
        child.join(moments.uniform(0.3, 1.5))
        if child.is_alive():
            os.kill(child.pid or 0, signal.SIGKILL)
            kills += 1
        child.join()
        if child.exitcode == 0:
            break
    if child.exitcode != 0:
        assert ended(config, path, 0, result) == 0
    assert kills >= 3 and same(result, expected)


def test_what_may_change_and_what_may_not(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    first = fit(PLAIN, checkpoint=path)
    again = fit(replace(PLAIN, workers=1, save_every=9), checkpoint=path)
    assert again.resumed_at == 10 and again.losses == first.losses
    with pytest.raises(LadderError, match=r"accumulate was 1, .*schedule was cosine"):
        fit(replace(PLAIN, schedule="constant", accumulate=2), checkpoint=path)
    with pytest.raises(LadderError, match=r"flip was False"):
        fit(replace(PLAIN, flip=True), checkpoint=path)


def test_the_data_and_the_number_format_must_be_the_same(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    fit(PLAIN, checkpoint=path)
    change(path, data={"train": "another", "val": "another"})
    with pytest.raises(LadderError, match="another training: data was another"):
        fit(PLAIN, checkpoint=path)
    auto = replace(PLAIN, precision="auto")
    fit(auto, checkpoint=tmp_path / "auto.pt")
    change(tmp_path / "auto.pt", precision="float16")  # as if it came from another machine
    with pytest.raises(LadderError, match="precision was float16"):
        fit(auto, checkpoint=tmp_path / "auto.pt")


def change(path: Path, **values: object) -> None:
    files.save(path, files.load(path) | values)


def test_a_training_that_was_stopped_and_evaluated_goes_on_as_if_it_had_not(tmp_path: Path) -> None:
    """Its extra evaluation must not count: patience and plateau would see one more than they should."""
    path = tmp_path / "checkpoint.pt"
    told: list[int] = []
    early = fit(
        STOPS, on_step=lambda step: told.append(step.step), checkpoint=path, stop=lambda: len(told) >= 4
    )
    assert early.history[-1].step == early.steps == 5, "no multiple of eval_every"
    resumed, whole = fit(STOPS, checkpoint=path), fit(STOPS)
    assert resumed.resumed_at == 5
    assert resumed.losses == whole.losses and resumed.history == whole.history


def test_a_checkpoint_says_where_in_the_data_it_is(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    fit(replace(PLAIN, steps=7), checkpoint=path)
    state = files.load(path)
    assert (state["epoch"], state["position"]) == (2, 8), "28 items taken of 10 an epoch"
    assert state["data"] == dict(PLAIN.task().digests()) and state["code"] == files.code_digest()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_a_sentence_and_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "checkpoint.pt"
    fit(PLAIN, checkpoint=path)
    before = path.read_bytes()
    whole: Callable[..., object] = Path.open
    monkeypatch.setattr(
        Path,
        "open",
        lambda self, mode="r", *a, **k: whole(
            Path("/dev/full") if "x" in mode else self, mode.replace("x", "w"), *a, **k
        ),
    )
    with pytest.raises(LadderError, match="No space left") as told:
        files.save(path, files.load(path))
    assert "room" in told.value.fix and path.read_bytes() == before


def test_randomness_goes_on_where_it_was() -> None:
    kept = files.random_state()
    numbers = [random.random(), torch.rand(3).tolist(), np.random.rand(3).tolist()]
    files.set_random_state(kept)
    assert numbers == [random.random(), torch.rand(3).tolist(), np.random.rand(3).tolist()]
    with files.own_randomness(5):
        first = torch.rand(1)
    with files.own_randomness(5):
        assert torch.equal(first, torch.rand(1))
