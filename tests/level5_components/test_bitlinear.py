"""BitLinear where `nn.Linear` stood: values, dtypes, shapes, and what it shares with it."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from level5_components import reference
from level5_components.bitlinear import BitLinear


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(1, 20), st.integers(1, 6), st.booleans(), st.booleans())
def test_every_shape_gives_what_the_slow_reference_gives(
    inputs: int, outputs: int, tokens: int, bias: bool, norm: bool
) -> None:
    """In float64, where no value of these lies near enough to an edge to fall on its other side."""
    layer = BitLinear(inputs, outputs, bias=bias, norm="rms" if norm else None).double()
    for parameter in layer.parameters():
        nn.init.normal_(parameter, generator=rng(inputs))
    x = torch.randn(tokens, inputs, generator=rng(outputs), dtype=torch.float64)
    wanted = reference.bitlinear(
        x.tolist(), layer.weight.tolist(), layer.bias.tolist() if bias else None, norm
    )
    torch.testing.assert_close(layer(x), torch.tensor(wanted, dtype=torch.float64), rtol=1e-9, atol=1e-9)


def test_it_is_known_by_the_names_and_shapes_of_a_linear_layer() -> None:
    plain, layer = nn.Linear(6, 4), BitLinear(6, 4, bias=True)
    assert isinstance(layer, nn.Linear)
    assert {k: v.shape for k, v in layer.state_dict().items()} == {
        k: v.shape for k, v in plain.state_dict().items()
    }
    plain.load_state_dict(layer.state_dict())
    assert BitLinear(6, 4).bias is None, "the paper leaves the bias out"
    assert "norm='rms'" in repr(layer)


def test_any_other_norm_is_refused() -> None:
    with pytest.raises(ValueError, match="'layer'"):
        BitLinear(4, 4, norm="layer")  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_a_network_of_one_dtype_stays_in_it(dtype: torch.dtype) -> None:
    layer = BitLinear(16, 8, bias=True).to(dtype)
    x = torch.randn(3, 16, generator=rng()).to(dtype).requires_grad_()
    y = layer(x)
    y.sum().backward()
    assert y.dtype == dtype and y.isfinite().all()
    assert x.grad is not None and x.grad.dtype == dtype and layer.weight.grad is not None
    exact = copy.deepcopy(layer).double()(x.detach().double())
    scale = exact.abs().max()
    # A rounding of activations on another side of an edge costs one step of 127; half precision 2^-8 a value.
    assert (y - exact).abs().max() <= scale * max(1e-6, 16 * torch.finfo(dtype).eps)


def test_under_autocast_only_the_product_is_in_half_precision() -> None:
    layer, x = BitLinear(64, 32), torch.randn(5, 64, generator=rng())
    seen = []
    layer.quantise_weight = lambda w, real=layer.quantise_weight: seen.append(real(w)) or seen[-1]  # type: ignore[func-returns-value]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        under = layer(x.bfloat16())
    assert under.dtype == torch.bfloat16 and seen[0].dtype == torch.float32
    torch.testing.assert_close(under.float(), layer(x), rtol=0.05, atol=0.02)


def test_the_norm_makes_the_size_of_the_input_irrelevant() -> None:
    layer, x = BitLinear(32, 8), torch.randn(4, 32, generator=rng())
    torch.testing.assert_close(layer(1000 * x), layer(x), rtol=1e-3, atol=1e-4)
    bare = BitLinear(32, 8, norm=None)
    torch.testing.assert_close(bare(1000 * x), 1000 * bare(x), rtol=1e-5, atol=1e-3)


def test_a_copy_does_the_same() -> None:
    layer, x = BitLinear(8, 4, bias=True), torch.randn(2, 8, generator=rng())
    assert torch.equal(copy.deepcopy(layer)(x), layer(x))


def test_it_goes_through_export() -> None:
    """MLflow keeps models this way."""
    layer, x = BitLinear(8, 4, bias=True).eval(), torch.randn(2, 8, generator=rng())
    exported = torch.export.export(layer, (x,)).module()
    assert torch.equal(exported(x), layer(x))
