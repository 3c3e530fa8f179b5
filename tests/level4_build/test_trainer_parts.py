"""The parts of the trainer: schedules, averages, formats, order, the policy for losses that are no number."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from level4_build import precision, trainer
from level4_build.ema import Average
from level4_build.find_lr import find_lr, steepest
from level4_build.loader import Order, items_of, learnt
from level4_build.outcome import Evaluation
from level4_build.recipe import Recipe
from level4_build.schedules import best_of, drops_at, learning_rate, out_of_patience
from level4_build.task import Item
from level4_build.trainer import Step, TrainConfig, fit, new_model
from level4_build.unet import UNetConfig
from shared.errors import BadUsage, LadderError
from shared.settings import settings

NET = UNetConfig(widths=(4, 8), transformer_layers=1, heads=2)
TINY = TrainConfig(
    steps=8, batch=4, size=16, train_count=10, val_count=3, eval_every=4, save_every=3, warmup=2, model=NET
)
TASK = TINY.task()


# Schedules -------------------------------------------------------------------------------------------


def test_the_cosine_rises_in_a_line_and_falls_to_nothing() -> None:
    config = TrainConfig(steps=100, warmup=10, lr=1.0)
    rates = [learning_rate(step, config) for step in range(100)]
    assert rates[:10] == pytest.approx([(i + 1) / 10 for i in range(10)])
    assert rates[55] == pytest.approx(0.5) and rates[10] == 1.0 and rates[99] < 0.001
    assert all(a >= b for a, b in pairwise(rates[9:]))


@pytest.mark.parametrize("steps", [20, 97, 300])
def test_one_cycle_is_that_of_torch(steps: int) -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    theirs = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=0.02, total_steps=steps, cycle_momentum=False
    )
    config = TrainConfig(steps=steps, lr=0.02, schedule="one-cycle")
    for step in range(steps):
        assert learning_rate(step, config) == pytest.approx(theirs.get_last_lr()[0], rel=1e-9), step
        optimizer.step()
        theirs.step() if step + 1 < steps else None


def evaluations(scores: list[float | None]) -> list[Evaluation]:
    return [Evaluation(step, {"loss/val": 1.0, "iou/val": score}) for step, score in enumerate(scores)]


SCORES = st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.4]), min_size=1, max_size=30)


@given(SCORES, st.integers(1, 4))
def test_a_plateau_halves_the_rate_when_torch_would(scores: list[float], patience: int) -> None:
    """Torch waits one evaluation longer: it halves above its patience, we at it."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, mode="max", factor=0.5, patience=patience - 1, threshold=0.0, threshold_mode="abs", eps=0.0
    )
    for score in scores:
        theirs.step(score)
    config = replace(TINY, schedule="plateau", plateau=patience, warmup=0)
    drops = drops_at(evaluations(list(scores)), config, TASK)
    assert learning_rate(5, config, drops) == pytest.approx(config.lr * optimizer.param_groups[0]["lr"])


def test_patience_counts_from_the_best_and_equal_is_not_better() -> None:
    config = replace(TINY, patience=2)
    assert not out_of_patience(evaluations([0.1, 0.3, 0.2]), config, TASK)
    assert out_of_patience(evaluations([0.1, 0.3, 0.2, 0.3]), config, TASK)
    assert not out_of_patience(evaluations([0.1, 0.3, 0.2, 0.4]), config, TASK)
    assert not out_of_patience(evaluations([0.3, 0.2, 0.2, 0.1]), replace(TINY, patience=0), TASK)
    assert best_of(evaluations([None, 0.3, math.nan, 0.3]), TASK).step == 1


def test_patience_ends_it_and_the_best_network_comes_back() -> None:
    told: list[Step] = []
    config = replace(TINY, steps=60, eval_every=2, patience=3, lr=0.3, warmup=0)
    done = fit(config, on_step=told.append)
    assert done.steps < 60 and done.steps == done.evaluation.step + 6
    assert done.evaluation == best_of(done.history, TASK)
    assert trainer.evaluate(done.model, TASK).scores == done.evaluation.scores


# Averages --------------------------------------------------------------------------------------------


def test_the_average_is_that_of_torch_once_it_forgets_as_much() -> None:
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    ours = Average(model, 0.5)
    theirs = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.5))
    theirs.update_parameters(model)  # torch's first update copies
    ours.updates = 100  # past the beginning, where ours forgets faster
    for _ in range(5):
        with torch.no_grad():
            for p in model.parameters():
                p.add_(torch.randn_like(p))
        ours.update(model)
        theirs.update_parameters(model)
    assert torch.allclose(ours.weights["weight"], theirs.module.weight, atol=1e-6)
    own = model.weight.clone()
    with ours.in_place(model):
        assert torch.equal(model.weight, ours.weights["weight"])
    assert torch.equal(model.weight, own)


def test_the_averaged_network_is_scored_and_comes_back() -> None:
    done, plain = fit(replace(TINY, ema=0.9)), fit(TINY)
    assert done.losses == plain.losses, "the average takes no part in learning"
    assert trainer.evaluate(done.model, TASK).scores == done.evaluation.scores != plain.evaluation.scores


# Formats ---------------------------------------------------------------------------------------------


def test_a_format_is_chosen_with_a_reason() -> None:
    cpu = torch.device("cpu")
    able = torch.cpu.get_capabilities()
    chosen = precision.choose("auto", cpu)
    has = any(able.get(name) for name in ("amx_bf16", "avx512_bf16", "bf16"))
    assert chosen.name == ("bfloat16" if has else "float32") and "this processor has" in str(chosen)
    assert precision.choose("float32", cpu).dtype == torch.float32


def test_in_bfloat16_the_products_are_rounded_and_the_rest_is_not() -> None:
    seen: list[torch.dtype] = []

    class Looks(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = new_model(TINY)

        def forward(self, x: Tensor) -> Tensor:
            out = self.inner(x)
            seen.append(out.dtype)
            return out

    done, plain = fit(replace(TINY, precision="bfloat16"), Looks()), fit(TINY)
    assert set(seen) == {torch.bfloat16} and done.precision == "bfloat16"
    assert all(p.dtype == torch.float32 for p in done.model.parameters())
    assert done.losses != plain.losses
    # 8 bits of a number are left: 2**-8 = 0.4 % each time, and a few steps of 0.003 that differ so much.
    assert done.losses == pytest.approx(plain.losses, rel=0.03)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_a_sentence(fresh_settings: pytest.MonkeyPatch) -> None:
    fresh_settings.setenv("LADDER_DEVICE", "cuda")
    with pytest.raises(BadUsage, match="no GPU"):
        precision.this_device()
    settings.cache_clear()


# Order -----------------------------------------------------------------------------------------------


@given(st.integers(1, 9), st.integers(1, 4), st.integers(1, 3), st.integers(0, 5))
def test_pieces_and_processes_share_each_batch_without_gap_or_copy(
    batch: int, pieces: int, ranks: int, first: int
) -> None:
    if batch // min(pieces, batch) < ranks:
        return
    recipe = replace(TINY, batch=batch, accumulate=min(pieces, batch), steps=first + 3)
    orders = [list(Order(recipe, 10, first, rank, ranks)) for rank in range(ranks)]
    for number, step in enumerate(range(first, first + 3)):
        mine = slice(number * recipe.accumulate, (number + 1) * recipe.accumulate)
        taken = [item for order in orders for piece in order[mine] for item in piece]
        assert sorted(taken) == sorted(items_of(step, recipe, 10))
        assert all(order[mine] and all(order[mine]) for order in orders), "none has nothing to do"


def test_a_batch_must_fit_the_data_and_the_processes() -> None:
    with pytest.raises(BadUsage, match="A batch of 11 is larger than the data, which has 10 items"):
        learnt(replace(TINY, batch=11), TASK)
    with pytest.raises(BadUsage, match="leaves 1 items for 2 processes"):
        Order(replace(TINY, accumulate=4), 10, 0, 0, 2)


def test_an_item_is_mirrored_by_its_epoch_and_number_alone() -> None:
    config = replace(TINY, flip=True)
    task, items = config.task(), [Item(epoch, 3) for epoch in range(12)]
    together, _ = task.batch("train", items)
    one_by_one = torch.cat([task.batch("train", [item])[0] for item in reversed(items)]).flip(0)
    assert torch.equal(together, one_by_one)
    plain = TASK.batch("train", items[:1])[0][0]
    mirrored = [not torch.equal(each, plain) for each in together]
    assert 0 < sum(mirrored) < 12, "some epochs mirror it and some do not"
    assert all(torch.equal(each.flip(-1), plain) for each, yes in zip(together, mirrored, strict=True) if yes)
    images, masks = task.batch("train", items)
    assert torch.equal(images, together) and masks.shape == (12, 16, 16)
    scored = [Item(epoch, 0) for epoch in range(12)]
    assert torch.equal(task.batch("val", scored)[0], TASK.batch("val", scored)[0]), "never when scored"


def test_overfitting_learns_and_scores_the_first_batches_alone() -> None:
    config = replace(TINY, steps=60, overfit_batches=1, lr=1e-2, eval_every=60)
    done = fit(config)
    assert learnt(config, TASK) == 4
    assert done.evaluation.scores == trainer.evaluate(done.model, TASK, "train", count=4).scores
    assert done.losses[-1] < 0.7 * done.losses[0]


# Losses that are no number ---------------------------------------------------------------------------


class BreaksAt(nn.Module):
    """Answers infinity in the steps that are named."""

    def __init__(self, *steps: int) -> None:
        super().__init__()
        self.inner, self.steps, self.calls = new_model(TINY), steps, 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += self.training
        return self.inner(x) * (math.inf if self.training and self.calls in self.steps else 1.0)


def test_a_step_that_cannot_be_done_is_passed_over_as_often_as_allowed() -> None:
    kept: list[list[Tensor]] = []
    model = BreaksAt(3, 4, 7)
    done = fit(
        replace(TINY, skip=2),
        model,
        on_step=lambda step: kept.append([p.detach().clone() for p in model.parameters()]),
    )
    assert [math.isnan(loss) for loss in done.losses] == [n in (3, 4, 7) for n in range(1, 9)]
    for number in range(1, 8):
        unchanged = all(torch.equal(a, b) for a, b in zip(kept[number - 1], kept[number], strict=True))
        assert unchanged == (number + 1 in (3, 4, 7)), f"step {number + 1}"


def test_one_more_than_allowed_stops_with_a_sentence() -> None:
    with pytest.raises(LadderError, match=r"The loss became (nan|inf) at step 4 of 8"):
        fit(replace(TINY, skip=1), BreaksAt(3, 4))


# The range test --------------------------------------------------------------------------------------


def test_the_steepest_fall_is_found() -> None:
    rates = [10 ** (-5 + number / 10) for number in range(50)]
    middle = rates[25]
    losses = [2 - 1 / (1 + math.exp(-4 * math.log(rate / middle))) for rate in rates]  # falls fastest there
    assert steepest(rates, losses) == middle
    with pytest.raises(LadderError, match="fell at no learning rate"):
        steepest(rates, [1.0 + number for number in range(50)])


def test_a_range_test_suggests_a_rate_that_learns_and_ends_where_it_breaks() -> None:
    config = replace(TINY, batch=8, train_count=16)
    found = find_lr(config, steps=60)
    assert found.rates == sorted(found.rates) and len(found.rates) == len(found.losses) <= 60
    assert 1e-4 < found.suggestion < 0.3
    best = fit(replace(config, steps=20, lr=found.suggestion, schedule="constant")).losses[-1]
    slow = fit(replace(config, steps=20, lr=1e-5, schedule="constant")).losses[-1]
    assert best < slow
    with pytest.raises(BadUsage, match="shows nothing"):
        find_lr(config, steps=5)


# The recipe ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [{"accumulate": 17}, {"schedule": "square"}, {"precision": "float16"}, {"ema": 1.0}, {"ema": -0.1},
     {"patience": -1}, {"workers": 65}, {"skip": -1}, {"overfit_batches": -1}, {"plateau": 0}],
)  # fmt: skip
def test_a_recipe_that_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(BadUsage, match=next(iter(wrong))):
        TrainConfig(**wrong)  # type: ignore[arg-type]


def test_a_dev_run_is_two_batches_of_everything() -> None:
    short = TrainConfig(batch=4).dev_run()
    assert (short.steps, short.train_count, short.val_count, short.eval_every) == (2, 8, 8, 1)
    done = fit(replace(short, size=16, model=NET))
    assert [each.step for each in done.history] == [1, 2]


def test_settings_that_decide_nothing_do_not_make_another_training() -> None:
    recipe: Recipe = replace(TINY, workers=3, save_every=1)
    assert recipe.decisive() == TINY.decisive() != replace(TINY, ema=0.5).decisive()
