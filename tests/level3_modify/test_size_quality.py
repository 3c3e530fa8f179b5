"""Bytes against a real file, cosines against scipy in float64, intervals against scipy's bootstrap."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from scipy import stats as scipy_stats
from scipy.spatial.distance import cosine as scipy_distance

from level2_prompting.evaluate import Retrieval
from level3_modify.quality import agreement, hits, remembering, shift
from level3_modify.size import measure
from level3_modify.variants import find
from shared.encoder import Encoder


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder.load()


@pytest.mark.parametrize("name", ["fp32", "bf16", "int8-channel", "layers-3-first"])
def test_the_size_is_that_of_a_file_which_gives_the_model_back(
    encoder: Encoder, tmp_path: Path, name: str
) -> None:
    model = find(name).change(encoder.model)
    size = measure(model)
    file = tmp_path / "state.pt"
    torch.save(model.state_dict(), file)
    # The zip archive pads each entry to 64 bytes by the length of the file's own name.
    assert size.bytes == pytest.approx(file.stat().st_size, abs=4096)
    assert sum(size.parts.values()) == pytest.approx(size.bytes, rel=0.005), "what is not weights is little"
    model.load_state_dict(torch.load(file, weights_only=True))


def test_safetensors_would_be_as_large(encoder: Encoder, tmp_path: Path) -> None:
    save_file(encoder.model.state_dict(), tmp_path / "model.safetensors")
    there = (tmp_path / "model.safetensors").stat().st_size
    assert measure(encoder.model).bytes == pytest.approx(there, rel=0.001)


def test_parameters_are_counted_whatever_their_bits(encoder: Encoder) -> None:
    count = sum(p.numel() for p in encoder.model.parameters())
    sizes = {name: measure(find(name).change(encoder.model)) for name in ("fp32", "bf16", "int8-tensor")}
    assert {size.parameters for size in sizes.values()} == {count}
    assert sizes["bf16"].mb == pytest.approx(sizes["fp32"].mb / 2, rel=0.002)
    table = sum(p.numel() for p in encoder.model.embeddings.parameters()) * 4
    assert sizes["int8-tensor"].parts["embeddings"] == table, "int8 of linear layers leaves the table alone"
    assert sizes["int8-tensor"].share("embeddings") == pytest.approx(table / sizes["int8-tensor"].bytes, 0.01)


def test_agreement_is_the_cosine_of_scipy_in_float64() -> None:
    rng = np.random.default_rng(3)
    a = rng.normal(size=(17, 384)).astype(np.float32)
    b = (a + 0.4 * rng.normal(size=a.shape)).astype(np.float32)
    every = [
        1 - scipy_distance(x.astype(np.float64), y.astype(np.float64)) for x, y in zip(a, b, strict=True)
    ]
    found = agreement(a, b)
    assert found.mean == pytest.approx(np.mean(every), abs=1e-12)
    assert found.worst == pytest.approx(min(every), abs=1e-12)
    assert agreement(a, a).worst == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("shapes", [((3, 4), (2, 4)), ((0, 4), (0, 4))])
def test_agreement_needs_the_same_texts(shapes: tuple[tuple[int, int], tuple[int, int]]) -> None:
    with pytest.raises(ValueError, match="same texts"):
        agreement(*(np.ones(shape) for shape in shapes))


def test_the_shift_is_a_paired_bootstrap() -> None:
    rng = np.random.default_rng(4)
    reference = rng.uniform(size=40)
    changed = np.clip(reference - rng.exponential(0.05, size=40), 0, 1)
    found = shift(changed, reference, np.random.default_rng(0))
    theirs = scipy_stats.bootstrap(
        (changed - reference,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    assert found.mean == pytest.approx((changed - reference).mean())
    assert (found.interval.low, found.interval.high) == pytest.approx((theirs.low, theirs.high), abs=0.003)
    assert found.certain and found.interval.unit == "questions"


def test_no_shift_is_not_certain() -> None:
    same = shift([0.2, 0.9, 1.0], [0.2, 0.9, 1.0], np.random.default_rng(0))
    assert (same.mean, same.interval.low, same.interval.high, same.certain) == (0, 0, 0, False)


def test_hits_count_the_first_relevant_rank() -> None:
    retrieval = Retrieval(ranks=(1, 5, 6, None), gains=(1.0, 0.4, 0.3, 0.0))
    assert hits(retrieval, 5) == [1, 1, 0, 0]
    assert np.mean(hits(retrieval, 5)) == retrieval.hit_at_5


def test_no_text_is_encoded_twice() -> None:
    asked: list[str] = []

    def encode(texts):
        asked.extend(texts)
        return np.array([[len(text), 1.0] for text in texts], np.float32).reshape(len(texts), 2)

    look_up = remembering(encode)
    assert look_up(["a", "bbb", "a"]).tolist() == [[1, 1], [3, 1], [1, 1]]
    assert look_up(["bbb", "cc"]).tolist() == [[3, 1], [2, 1]]
    assert asked == ["a", "bbb", "cc"]
    assert look_up([]).shape == (0, 2)
