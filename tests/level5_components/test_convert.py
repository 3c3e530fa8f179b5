"""The swap keeps weights, leaves alone what it is told to, and counts what became ternary."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from level4_build.unet import UNet, UNetConfig
from level5_components.bitlinear import BitLinear
from level5_components.convert import census, convert_linears
from shared.errors import BadUsage


def small() -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(6, 5), nn.ReLU(), nn.Sequential(nn.Linear(5, 4, bias=False), nn.LayerNorm(4))
    )


def test_every_linear_layer_is_swapped_and_keeps_its_numbers() -> None:
    model = small()
    ternary = convert_linears(model)
    assert census(ternary).names == ("0", "2.0")
    assert not any(isinstance(m, BitLinear) for m in model.modules()), "the model itself is left as it was"
    before, after = model.state_dict(), ternary.state_dict()
    assert list(before) == list(after) and all(torch.equal(before[k], after[k]) for k in before)
    assert before["0.weight"].data_ptr() != after["0.weight"].data_ptr(), "a copy, not a view"
    model.load_state_dict(after)  # and back


def test_without_rounding_it_is_the_network_that_it_was() -> None:
    model = small()
    ternary, x = (
        convert_linears(model, norm=None),
        torch.randn(3, 6, generator=torch.Generator().manual_seed(0)),
    )
    for layer in ternary.modules():
        if isinstance(layer, BitLinear):
            layer.quantise_input = layer.quantise_weight = lambda value: value
    assert torch.equal(ternary(x), model(x))


@pytest.mark.parametrize(
    ("skip", "left"),
    [((), ("0", "2.0")), (("0",), ("2.0",)), (("2",), ("0",)), (("*.0",), ("0",)), (("0", "2.0"), ())],
)
def test_a_layer_a_module_or_a_pattern_is_left_alone(skip: tuple[str, ...], left: tuple[str, ...]) -> None:
    assert census(convert_linears(small(), skip=skip)).names == left


def test_a_name_that_fits_nothing_is_told() -> None:
    with pytest.raises(BadUsage, match=r"'head'.*\n.*0, 2\.0"):
        convert_linears(small(), skip=("head",))


def test_a_layer_at_two_places_stays_one_and_tied_weights_stay_tied() -> None:
    shared = nn.Linear(4, 4)
    twice = convert_linears(nn.Sequential(shared, nn.ReLU(), shared))
    assert twice[0] is twice[2] and isinstance(twice[0], BitLinear)
    assert (census(twice).ternary, census(twice).parameters) == (16, 20)
    tied = nn.Sequential(nn.Embedding(7, 3), nn.Linear(3, 7, bias=False))
    tied[1].weight = tied[0].weight
    ternary = convert_linears(tied)
    assert ternary[1].weight is ternary[0].weight


def test_a_model_that_is_one_linear_layer() -> None:
    layer = convert_linears(nn.Linear(3, 2))
    assert isinstance(layer, BitLinear) and layer.bias is not None


def test_mode_gradients_and_device_are_kept() -> None:
    model = small().eval()
    model[0].weight.requires_grad_(False)
    ternary = convert_linears(model)
    assert not ternary[0].training and not ternary[0].weight.requires_grad
    assert ternary[0].weight.device.type == "cpu"


def test_no_random_number_is_drawn() -> None:
    model, before = small(), torch.get_rng_state()
    convert_linears(model)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_block_that_would_go_round_its_layers_is_refused() -> None:
    """In evaluation torch's own block reads `linear1.weight` and never calls `linear1`."""
    block = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    with pytest.raises(BadUsage, match="linear1"):
        convert_linears(block)
    assert census(convert_linears(block, skip=("linear*",))).names == ()


def test_the_census_of_level_fours_network_counted_by_hand() -> None:
    """Two blocks of width 64: 64 x 192 for q, k and v, 64 x 64, and twice 64 x 256."""
    found = census(convert_linears(UNet(UNetConfig())))
    assert found.ternary == 2 * (64 * 192 + 64 * 64 + 2 * 64 * 256) == 98_304
    assert len(found.names) == 8 and all(name.startswith("transformer.") for name in found.names)
    assert found.parameters == sum(p.numel() for p in UNet(UNetConfig()).parameters())
    rest = found.parameters - found.ternary
    assert found.packed_bytes == 98_304 / 4 + 4 * (rest + 8)
    assert found.bits_per_weight == pytest.approx((2 * 98_304 + 32 * (rest + 8)) / found.parameters)
    assert math.log2(3) < found.bits_per_weight < 32 and 0 < found.share < 1


def test_the_census_of_a_network_without_linear_layers() -> None:
    found = census(convert_linears(nn.Sequential(nn.ReLU())))
    assert (found.names, found.share, found.bits_per_weight) == ((), 0, 0)
