"""Each change does what it says, on the real encoder, and leaves the original bit for bit as it was."""

from __future__ import annotations

import warnings
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from level3_modify import variants
from level3_modify.slim import changed
from level3_modify.variants import VARIANTS, choose, find, keep_layers, source
from shared.encoder import Encoder
from shared.errors import BadUsage, LadderError

TEXTS = [
    "The gate is shut when the tide comes in.",
    "Vectors of equal length can be compared by their dot product.",
    "Who wrote the first program?",
    "A " + "long sentence about nothing much, " * 12,
]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder.load()


def linears(model: nn.Module) -> dict[str, nn.Module]:
    return {name: m for name, m in model.named_modules() if type(m).__name__ == "Linear"}


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a.astype(np.float64) * b.astype(np.float64)).sum(1)  # unit vectors


def test_the_original_is_bit_for_bit_as_it_was_after_every_change(encoder: Encoder) -> None:
    state = {name: tensor.clone() for name, tensor in encoder.model.state_dict().items()}
    before = encoder.encode(TEXTS)
    for variant in VARIANTS.values():
        changed(encoder, variant).encode(TEXTS)
    assert np.array_equal(encoder.encode(TEXTS), before)
    now = encoder.model.state_dict()
    assert now.keys() == state.keys()
    assert all(torch.equal(now[name], tensor) for name, tensor in state.items())
    assert encoder.model.config.num_hidden_layers == len(encoder.model.encoder.layer) == 6


def test_all_six_layers_kept_is_no_change_at_all(encoder: Encoder) -> None:
    same = Encoder(keep_layers(encoder.model, range(6)), encoder.tokenizer)
    assert np.array_equal(same.encode(TEXTS), encoder.encode(TEXTS))
    assert np.array_equal(changed(encoder, find("fp32")).encode(TEXTS), encoder.encode(TEXTS))


@torch.inference_mode()
def test_the_first_layers_give_what_the_library_calls_their_hidden_state(encoder: Encoder) -> None:
    ids = torch.tensor([encoder.tokenizer(TEXTS[0])["input_ids"]])
    model = find("layers-3-first").change(encoder.model)
    theirs = encoder.model(input_ids=ids, output_hidden_states=True).hidden_states[3]
    assert torch.equal(model(input_ids=ids).last_hidden_state, theirs)
    assert model.config.num_hidden_layers == 3


@pytest.mark.parametrize("name", [name for name in VARIANTS if name.startswith("layers")])
def test_the_layers_that_stay_are_the_ones_it_names(encoder: Encoder, name: str) -> None:
    kept = find(name).change.keywords["kept"]  # type: ignore[attr-defined]
    assert f"{len(kept)} are kept, {', '.join(map(str, kept))}:" in find(name).changes
    layers = find(name).change(encoder.model).encoder.layer
    for layer, place in zip(layers, kept, strict=True):
        theirs = encoder.model.encoder.layer[place]
        assert torch.equal(layer.attention.self.query.weight, theirs.attention.self.query.weight)
        assert layer is not theirs


def test_bf16_holds_each_number_rounded_to_eight_bits(encoder: Encoder) -> None:
    model = find("bf16").change(encoder.model)
    for name, tensor in encoder.model.state_dict().items():
        ours = model.state_dict()[name]
        assert ours.dtype == torch.bfloat16
        # Eight significant bits: half a unit in the last place is at most 2^-8 of the number.
        assert ((ours.double() - tensor.double()).abs() <= 2.0**-8 * tensor.double().abs() + 1e-38).all()
    assert cosines(changed(encoder, find("bf16")).encode(TEXTS), encoder.encode(TEXTS)).min() > 0.999


@pytest.mark.parametrize("name", ["int8-tensor", "int8-channel"])
def test_int8_rounds_each_weight_to_the_nearest_step_of_its_scale(encoder: Encoder, name: str) -> None:
    model = find(name).change(encoder.model)
    exact = linears(encoder.model)
    rounded = linears(model)
    assert rounded.keys() == exact.keys() and len(exact) == 6 * 6 + 1  # with the pooler's
    for place, layer in rounded.items():
        weight, theirs = layer.weight(), exact[place].weight.double()
        assert weight.dtype == torch.qint8
        if name == "int8-channel":
            scale = weight.q_per_channel_scales().double()[:, None]
            assert len(scale) == len(theirs), "one scale a row"
        else:
            scale = torch.tensor(weight.q_scale(), dtype=torch.float64)
        off = (weight.dequantize().double() - theirs).abs() / scale
        # Half a step, a whole one at the ends of the range; errors spread evenly have a mean of a quarter.
        assert off.max() <= 1.01 and off.mean() < 0.26
        if name == "int8-channel":
            largest = theirs.abs().max(dim=1, keepdim=True).values
            assert torch.allclose(scale, largest / 127.5, rtol=0.01), "a row's largest weight sets its scale"


def test_a_scale_for_each_row_agrees_better_than_one_for_all(encoder: Encoder) -> None:
    exact = encoder.encode(TEXTS)
    tensor, channel = (
        cosines(changed(encoder, find(name)).encode(TEXTS), exact) for name in ("int8-tensor", "int8-channel")
    )
    assert 0.85 < tensor.mean() < channel.mean() < 0.9999


def test_quantising_tells_nobody_about_deprecation(encoder: Encoder) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        find("int8-channel").change(encoder.model)


def test_a_machine_without_int8_says_so(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variants, "ENGINES", ("an engine of nowhere",))
    assert variants.quantisation_engine() is None
    with pytest.raises(LadderError, match="no engine for int8"):
        find("int8-tensor").change(encoder.model)


def test_names_are_chosen_in_the_order_of_the_registry_the_reference_first() -> None:
    assert [v.name for v in choose()] == list(VARIANTS)
    assert [v.name for v in choose(["layers-5", " bf16 "])] == ["fp32", "bf16", "layers-5"]


def test_an_unknown_name_is_told_with_those_there_are() -> None:
    with pytest.raises(BadUsage, match="no variant 'int4'") as error:
        choose(["bf16", "int4"])
    assert "int8-channel" in error.value.fix


@pytest.mark.parametrize("name", list(VARIANTS))
def test_each_says_what_it_does_and_shows_the_code_that_does_it(encoder: Encoder, name: str) -> None:
    variant = find(name)
    assert variant.changes.endswith(".") and variant.tensors and variant.seam
    code = source(variant)
    compile(code, name, "exec")
    does = variant.change.func if isinstance(variant.change, partial) else variant.change
    assert f"def {does.__name__}(model" in code
