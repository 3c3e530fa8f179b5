"""The sentence encoder against transformers and mean pooling by hand, in float64."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from shared.encoder import Encoder, embedded_folder
from shared.errors import LadderError

TEXTS = [
    "A tide gate holds back the sea.",
    "What holds back the sea?",
    "",
    "Ein Fluß, 河, ποταμός — and a tea\u0301pot.",
    "word " * 120,
    "Cats sleep.",
]
ROUNDING = 2e-6  # float32 against float64 through six layers; the largest seen was 1.3e-7


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder.load()


@pytest.fixture(scope="module")
def by_hand():
    """One text at a time, no padding, all in float64: slow, and nothing to get wrong."""
    folder = embedded_folder()
    model = AutoModel.from_pretrained(folder, dtype=torch.float64, attn_implementation="eager").eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)

    @torch.no_grad()
    def vector(text: str) -> np.ndarray:
        ids = tokenizer(text, return_tensors="pt", truncation=True, max_length=512, padding=False)
        mean = model(**ids).last_hidden_state[0].mean(0)
        return (mean / mean.norm()).numpy()

    return vector


def test_vectors_are_those_of_plain_transformers(encoder: Encoder, by_hand) -> None:
    found = encoder.encode(TEXTS, batch_size=4)
    assert found.shape == (len(TEXTS), 384) and found.dtype == np.float32
    expected = np.stack([by_hand(text) for text in TEXTS])
    assert np.abs(found - expected).max() < ROUNDING


def test_the_cosine_knows_what_belongs_together(encoder: Encoder) -> None:
    cosine = encoder.encode(TEXTS) @ encoder.encode(TEXTS[:1])[0]
    assert cosine[0] == pytest.approx(1, abs=1e-6)
    assert cosine[1] > 0.5 > cosine[5]


@pytest.mark.parametrize("batch_size", [1, 2, 5, 100])
def test_neither_order_nor_batch_changes_a_vector(encoder: Encoder, batch_size: int) -> None:
    order = random.Random(0).sample(range(len(TEXTS)), len(TEXTS))
    shuffled = encoder.encode([TEXTS[i] for i in order], batch_size)
    assert np.abs(shuffled - encoder.encode(TEXTS)[order]).max() < ROUNDING


def test_a_long_text_is_read_to_its_end(encoder: Encoder, by_hand) -> None:
    """508 tokens are two windows of 254, which is `word` 254 times and then `sea` 254 times."""
    halves = ["word " * 254, "sea " * 254]
    mean = np.mean([by_hand(half) for half in halves], axis=0)
    found = encoder.encode(["".join(halves)])[0]
    assert np.abs(found - mean / np.linalg.norm(mean)).max() < ROUNDING


def test_windows_are_nearly_equal_and_lose_nothing(encoder: Encoder) -> None:
    ids = list(range(1000, 1000 + 509))
    windows = encoder._windows(ids)
    assert [token for window in windows for token in window.tolist()[1:-1]] == ids
    assert sorted(len(window) - 2 for window in windows) == [169, 170, 170]


def test_nothing_is_fine(encoder: Encoder) -> None:
    assert encoder.encode([]).shape == (0, 384)
    assert encoder.token_ids([]) == []


def test_a_model_in_half_precision_gives_float32(encoder: Encoder) -> None:
    half = Encoder(AutoModel.from_pretrained(embedded_folder(), dtype=torch.bfloat16), encoder.tokenizer)
    found = half.encode(TEXTS)
    assert found.dtype == np.float32
    assert np.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-5)
    assert (found * encoder.encode(TEXTS)).sum(1).min() > 0.99  # bf16 keeps 8 bits: near, not equal


def test_a_folder_without_an_encoder_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(LadderError, match="holds no sentence encoder") as caught:
        Encoder.load(tmp_path)
    assert caught.value.fix
