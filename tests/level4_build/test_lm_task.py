"""The task of language: every token is expected once, sums can be split, and the scores are what they say."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from hypothesis import given
from hypothesis import strategies as st

from level4_build.llama import Llama
from level4_build.lm_task import NOTHING, Language, LanguageConfig
from level4_build.task import Item
from level4_build.text import ShopText
from level4_build.tokens import train_tokens
from level4_build.trainer import fit
from shared.errors import BadUsage

CONFIG = LanguageConfig(train_count=60, val_count=12, length=50, vocab=400, batch=4)


@pytest.fixture(scope="module")
def task() -> Language:
    return Language(CONFIG)


def every(task: Language) -> list[Item]:
    return [Item(0, index) for index in range(task.size("val"))]


def test_the_blocks_are_the_texts_one_after_another(task: Language) -> None:
    inputs, targets = task.batch("val", every(task))
    tokens = task.tokens
    line = [
        token
        for text in ShopText("development", 12)
        for token in (tokens.bos, *tokens.encode(text), tokens.eos)
    ]
    real = targets != NOTHING
    assert targets[real].tolist() == line[1:], "each token is expected once, but for the first"
    assert inputs[real].tolist() == line[:-1]
    assert inputs.shape == targets.shape == (math.ceil((len(line) - 1) / 50), 50)
    assert real[:-1].all() and inputs.min() >= 0


def test_the_development_texts_are_scored_and_the_training_texts_are_learnt(task: Language) -> None:
    assert list(task.text("train")) == list(ShopText("train", 60))
    assert list(task.text("val")) == list(ShopText("development", 12))
    assert list(Language(CONFIG, scored="held-out").text("val")) == list(ShopText("held-out", 12))
    assert task.tokens.digest() == train_tokens(ShopText("train", 60), 400).digest()
    assert task.digests() == Language(CONFIG).digests()
    assert task.digests()["train"] != Language(LanguageConfig(train_count=60, seed=1)).digests()["train"]


def test_the_loss_is_a_sum_that_can_be_split(task: Language) -> None:
    model = task.network().double()
    inputs, targets = task.batch("val", every(task))
    with torch.no_grad():
        whole, count = task.loss(model(inputs), targets)
        parts = [task.loss(model(a), b) for a, b in zip(inputs.split(3), targets.split(3), strict=True)]
        mean = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten(), ignore_index=NOTHING)
    assert count == sum(n for _, n in parts) == (targets != NOTHING).sum()
    assert whole.item() == pytest.approx(sum(one.item() for one, _ in parts), rel=1e-12)
    assert (whole / count).item() == pytest.approx(mean.item(), rel=1e-12)


def test_a_model_that_knows_nothing_needs_the_bits_of_a_guess(task: Language) -> None:
    """Equal scores for all tokens: the perplexity is the vocabulary, and the bits are counted by hand."""
    _, targets = task.batch("val", every(task))
    vocab = len(task.tokens)
    scores = task.scores(task.counts(torch.zeros(*targets.shape, vocab), targets))
    assert scores["loss/val"] == pytest.approx(math.log(vocab), rel=1e-6)
    assert scores["perplexity/val"] == pytest.approx(vocab, rel=1e-5)
    written = sum(len(text.encode()) for text in ShopText("development", 12))
    expected = int((targets != NOTHING).sum())
    assert scores["bits_per_byte/val"] == pytest.approx(expected * math.log2(vocab) / written, rel=1e-6)


@given(text=st.text())
def test_the_bytes_of_the_tokens_are_those_of_the_text(task: Language, text: str) -> None:
    sizes = task.tokens.byte_counts()
    assert int(sizes[task.tokens.encode(text)].sum()) == len(text.encode())
    assert not sizes[: task.tokens.assistant + 1].any(), "special tokens stand for no text"


def test_a_few_steps_learn_more_than_how_often_each_token_comes(task: Language) -> None:
    """Adam on one batch of training blocks: below the entropy of the tokens, it must use what came before."""
    inputs, targets = task.batch("train", [Item(0, index) for index in range(4)])
    often = torch.bincount(targets.flatten()).double() / targets.numel()
    entropy = -(often[often > 0] * often[often > 0].log()).sum()
    model = task.network()
    adam = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(40):
        summed, count = task.loss(model(inputs), targets)
        adam.zero_grad()
        (summed / count).backward()
        adam.step()
    assert summed / count < 0.6 * entropy


SHORT = replace(CONFIG, steps=6, warmup=2, eval_every=3, save_every=1, ema=0.5)


def test_the_trainer_trains_it_and_a_stop_changes_no_bit(tmp_path: Path) -> None:
    whole = fit(SHORT)
    stopping = iter([False, False, False, True])
    part = fit(SHORT, checkpoint=tmp_path / "c.pt", stop=lambda: next(stopping))
    again = fit(SHORT, checkpoint=tmp_path / "c.pt")
    assert part.steps == again.resumed_at == 4
    assert again.losses == whole.losses and again.scores == whole.scores
    expected = whole.model.state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in again.model.state_dict().items())
    assert isinstance(again.model, Llama)
    assert again.model.lm_head.weight is again.model.model.embed_tokens.weight, "tied to the end"
    assert whole.losses[-1] < whole.losses[0]


def test_it_trains_in_pieces_with_workers_and_in_half_precision() -> None:
    plain = fit(replace(SHORT, ema=0.0))
    pieces = fit(replace(SHORT, ema=0.0, accumulate=2, workers=2))
    assert pieces.losses == pytest.approx(plain.losses, abs=1e-4), "sums in another order"
    half = fit(replace(SHORT, ema=0.0, precision="bfloat16"))
    assert half.losses == pytest.approx(plain.losses, abs=0.05), "bfloat16 has three digits"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"preset": "huge"}, "tiny, small, base"), ({"length": 513}, "preset tiny"), ({"vocab": 100}, "262")],
)
def test_a_configuration_that_cannot_be_is_refused(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(BadUsage) as told:
        LanguageConfig(**wrong)  # type: ignore[arg-type]
    assert said in str(told.value)


def test_a_configuration_comes_back_from_its_values() -> None:
    assert LanguageConfig.from_dict(CONFIG.as_dict()) == CONFIG
    assert CONFIG.dev_run().steps < CONFIG.steps
