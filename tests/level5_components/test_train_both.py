"""Both networks really learn, from the same start, and what is recorded is what was measured."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F  # noqa: N812

from level4_build.scenes import CLASSES, Scenes
from level4_build.score import SegmentationScore
from level4_build.trainer import TrainConfig, new_model
from level5_components import LEVEL
from level5_components.bitlinear import BitLinear
from level5_components.convert import convert_linears
from level5_components.figure import curves, running_mean
from level5_components.job import Job
from level5_components.record import record_train
from level5_components.train import ARMS, ONE_SEED, Comparison, compare, preset
from shared import store

SMALL = TrainConfig(steps=60, batch=8, size=24, train_count=64, val_count=32, warmup=5, eval_every=20)


@pytest.fixture(scope="module")
def done() -> Iterator[Job]:
    job = Job(SMALL)
    assert job.wait(120)
    yield job


@pytest.fixture(scope="module")
def found(done: Job) -> Comparison:
    return done.result()


def background_alone(config: TrainConfig) -> float:
    """The score of an answer that needs no learning: everything is background."""
    _, masks = Scenes("val", config.val_count, config.size, config.seed).all()
    score = SegmentationScore(CLASSES)
    score.add(torch.zeros_like(masks), masks)
    return score.macro_iou()


@pytest.mark.parametrize("arm", ARMS)
def test_each_network_learns(found: Comparison, arm: str) -> None:
    """Far from a limit: the loss falls to below 60 %, and the score beats the constant answer."""
    fit = found.fits[arm]  # type: ignore[index]
    first, last = sum(fit.losses[:3]) / 3, sum(fit.losses[-10:]) / 10
    assert last < 0.6 * first
    assert fit.macro_iou > background_alone(SMALL)


def test_the_linear_layers_are_what_learns_too(found: Comparison) -> None:
    """The convolutions alone could lower the loss: the ternary weights themselves must have moved."""
    before = {name: p.detach() for name, p in new_model(SMALL).named_parameters()}
    moved = 0
    for name in found.census.names:
        layer = found.ternary.model.get_submodule(name)
        assert isinstance(layer, BitLinear)
        moved += int((layer.weight.detach().sign() != before[f"{name}.weight"].sign()).sum())
    assert moved > 0, "some weights crossed zero"


def test_a_network_of_nothing_but_bitlinear_learns() -> None:
    """Whether x and y have the same sign: no single line tells it, so the first layer must learn as well.

    Biases stay as they are: all that is learnt comes through the rounding, straight.
    """
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(512, 2, generator=rng)
    same = (x[:, 0] * x[:, 1] > 0).float()
    model = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 1))
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.5, generator=rng)
    model = convert_linears(model)

    def right() -> float:
        return ((model(x)[:, 0] > 0) == (same > 0)).float().mean().item()

    before = right()
    optimizer = torch.optim.Adam([layer.weight for layer in (model[0], model[2])], lr=0.03)
    for _ in range(200):
        optimizer.zero_grad()
        F.binary_cross_entropy_with_logits(model(x)[:, 0], same).backward()
        optimizer.step()
    assert before < 0.7 and right() > 0.9, (before, right())


def test_both_begin_alike_and_the_rounding_is_all_that_differs(found: Comparison) -> None:
    assert found.full.losses[0] != found.ternary.losses[0]
    assert abs(found.full.losses[0] - found.ternary.losses[0]) < 0.2 * found.full.losses[0]
    assert not any(isinstance(m, BitLinear) for m in found.full.model.modules())
    assert (
        sum(isinstance(m, BitLinear) for m in found.ternary.model.modules()) == len(found.census.names) == 8
    )


def test_the_same_seed_gives_the_same_again_and_another_does_not() -> None:
    tiny = TrainConfig(steps=3, batch=2, size=16, train_count=8, val_count=4)
    again = [compare(tiny).as_dict()["arms"]["ternary"]["losses"] for _ in range(2)]
    other = compare(TrainConfig(**{**vars(tiny), "seed": 1})).as_dict()["arms"]["ternary"]["losses"]
    assert again[0] == again[1] != other


def test_a_job_tells_how_far_it_is(done: Job, found: Comparison) -> None:
    assert done.share == 1 and not done.failed
    assert all(done.losses[arm] == found.fits[arm].losses for arm in ARMS)
    assert done.evaluations["ternary"] == found.ternary.history
    assert "step 60 of 60" in done.label()


def test_a_job_that_fails_gives_its_error() -> None:
    """A learning rate so high that the loss is no number any more."""
    job = Job(
        TrainConfig(steps=30, batch=2, size=16, train_count=4, val_count=4, lr=1e30, warmup=0, clip=1e30)
    )
    assert job.wait(60) and job.failed
    with pytest.raises(Exception, match="Lower the learning rate"):
        job.result()


def test_what_is_said_of_the_size_is_computed_and_said_to_be(found: Comparison) -> None:
    c = found.census
    assert f"{c.ternary:,} of {c.parameters:,}" in found.size() and "nothing is packed" in found.size()
    assert "level 6" in ONE_SEED and "One seed" in ONE_SEED


def test_the_table_has_every_class_and_both_networks(found: Comparison) -> None:
    shown = found.table()
    assert all(f"IoU {name}" in shown for name in CLASSES) and all(arm in shown for arm in ARMS)
    assert f"{found.ternary.macro_iou:.3f}".rstrip("0") in shown


def test_the_result_goes_through_json(found: Comparison) -> None:
    told = json.loads(json.dumps(found.as_dict()))
    assert told["difference"] == pytest.approx(found.ternary.macro_iou - found.full.macro_iou)
    assert len(told["arms"]["ternary"]["losses"]) == told["steps"] == 60
    assert told["ternary_share"] == found.census.share


def test_a_preset_of_any_length_is_valid() -> None:
    for steps in (1, 5, 60, 1000):
        config = preset(steps, seed=0)
        assert (config.steps, config.seed) == (steps, 0) and config.warmup <= steps


def test_the_running_mean_by_hand() -> None:
    assert running_mean([1, 2, 3, 4], window=2).tolist() == [1, 1.5, 2.5, 3.5]
    assert running_mean([], window=2).tolist() == []


def test_the_figure_holds_both_curves(found: Comparison) -> None:
    loss, iou = curves(found.fits).axes  # type: ignore[arg-type]
    for axes in (loss, iou):
        assert [line.get_label() for line in axes.get_lines()] == list(ARMS)
    drawn = iou.get_lines()[1].get_ydata()
    assert list(drawn) == [e.macro_iou for e in found.ternary.history]


def test_a_run_with_two_children_holds_what_was_measured(
    found: Comparison, home: Path, tmp_path: Path
) -> None:
    run = record_train(found, source="test")
    client = store.prepare_store()
    assert run.id and run.url
    parent = client.get_run(run.id)
    assert parent.data.metrics["iou/val/difference"] == pytest.approx(found.difference)
    assert parent.data.metrics["ternary_share"] == pytest.approx(found.census.share)
    assert parent.data.tags["ladder.level"] == LEVEL.slug and parent.data.tags["seed"] == "0"
    assert len(parent.inputs.dataset_inputs) == 2
    assert [f.path for f in client.list_artifacts(run.id)] == ["curves.png"]
    query = f"tags.`mlflow.parentRunId` = '{run.id}'"
    children = {r.info.run_name: r for r in client.search_runs([parent.info.experiment_id], query)}
    assert set(children) == set(ARMS)
    child = children["ternary"]
    losses = client.get_metric_history(child.info.run_id, "loss/train")
    assert [m.value for m in sorted(losses, key=lambda m: m.step)] == pytest.approx(found.ternary.losses)
    assert child.data.metrics["iou/val"] == pytest.approx(found.ternary.macro_iou)
    assert child.data.metrics["wall_s"] == pytest.approx(found.ternary.wall_s)
    kept = load_file(client.download_artifacts(child.info.run_id, "weights.safetensors", str(tmp_path)))
    wanted = found.ternary.model.state_dict()
    assert all(torch.equal(kept[name], wanted[name]) for name in wanted) and set(kept) == set(wanted)
