"""The blocks and the network: shapes at any size, gradients everywhere, attention against its formula."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onnxruntime import InferenceSession
from torch import Tensor
from torch.export import Dim

from level4_build.attention import Attention
from level4_build.blocks import ConvBlock, Down, Up, initialise
from level4_build.trainer import TrainConfig, new_model
from level4_build.transformer import EncoderBlock, FeedForward, positions
from level4_build.unet import UNet, UNetConfig, parameters
from shared.errors import BadUsage

TINY = UNetConfig(widths=(4, 8), transformer_layers=1, heads=2)


@pytest.mark.parametrize(("height", "width"), [(64, 64), (37, 53), (8, 9), (1, 1), (5, 64)])
@pytest.mark.parametrize("config", [TINY, UNetConfig(), UNetConfig(widths=(6,), transformer_layers=0)])
def test_a_mask_has_the_size_of_its_picture(config: UNetConfig, height: int, width: int) -> None:
    logits = UNet(config)(torch.rand(2, 3, height, width))
    assert logits.shape == (2, 6, height, width) and torch.isfinite(logits).all()


def test_the_blocks_keep_to_their_docstrings() -> None:
    x = torch.rand(2, 4, 7, 5)
    assert ConvBlock(4, 6)(x).shape == (2, 6, 7, 5)
    coarse = Down(4, 8)(x)
    assert coarse.shape == (2, 8, 4, 3)
    assert Up(8, 4)(coarse, x).shape == (2, 4, 7, 5)
    tokens = torch.rand(2, 9, 8)
    assert all(m(tokens).shape == (2, 9, 8) for m in (Attention(8, 2), FeedForward(8), EncoderBlock(8, 4)))


def test_the_gradient_reaches_every_parameter() -> None:
    model = new_model(TrainConfig())
    model(torch.rand(2, 3, 21, 19)).square().mean().backward()
    still = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert still == []


def by_hand(layer: Attention, x: Tensor) -> Tensor:
    """Vaswani et al., equation 1, one head at a time, in float64."""
    C = x.shape[-1]  # noqa: N806
    q, k, v = (x @ layer.qkv.weight.T + layer.qkv.bias).split(C, dim=-1)
    wide = C // layer.heads
    heads = []
    for h in range(layer.heads):
        one = slice(h * wide, (h + 1) * wide)
        weights = torch.softmax(q[..., one] @ k[..., one].transpose(1, 2) / wide**0.5, dim=-1)
        heads.append(weights @ v[..., one])
    return torch.cat(heads, dim=-1) @ layer.out.weight.T + layer.out.bias


@pytest.mark.parametrize("tokens", [1, 7, 97])
def test_attention_is_its_formula(tokens: int) -> None:
    layer = Attention(12, 3).double()
    x = torch.randn(2, tokens, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    # Both are sums of float64 in another order: 1e-12 is thousands of roundings.
    torch.testing.assert_close(layer(x), by_hand(layer, x), rtol=0, atol=1e-12)


def test_without_positions_attention_cannot_tell_places_apart_and_with_them_it_can() -> None:
    grid = positions(5, 7, 16)
    assert grid.shape == (35, 16)
    apart = torch.cdist(grid, grid) + torch.eye(35)
    assert apart.min() > 0.1, "each cell has a code of its own"
    torch.testing.assert_close(positions(9, 9, 16).view(9, 9, 16)[:5, :7].reshape(35, 16), grid)


def test_the_seed_alone_decides_the_first_weights() -> None:
    torch.manual_seed(1)
    one = new_model(TrainConfig(seed=3)).state_dict()
    torch.manual_seed(2)
    same, other = new_model(TrainConfig(seed=3)).state_dict(), new_model(TrainConfig(seed=4)).state_dict()
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["stem.conv1.weight"], other["stem.conv1.weight"])


def test_parameters_are_counted() -> None:
    assert parameters(torch.nn.Linear(3, 2)) == 8


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (torch.rand(3, 8, 8), "image[None]"),
        (torch.rand(1, 1, 8, 8), "3 colours"),
        (torch.rand(1, 3, 0, 8), "3 colours"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), "255"),
    ],
)
def test_a_wrong_picture_is_explained(wrong: Tensor, said: str) -> None:
    with pytest.raises(BadUsage) as told:
        UNet(TINY)(wrong)
    assert said in str(told.value)


@pytest.mark.parametrize(
    "wrong", [{"widths": ()}, {"widths": (8, 10)}, {"heads": 0}, {"classes": 1}, {"widths": (8, 0)}]
)
def test_a_network_that_cannot_be_is_refused_before_it_is_built(wrong: dict[str, object]) -> None:
    with pytest.raises(BadUsage):
        UNetConfig(**wrong)  # type: ignore[arg-type]


# Other precisions, layouts and homes -----------------------------------------------------------------

ODD = [(1, 8, 8), (2, 9, 8), (1, 37, 53), (3, 16, 31)]  # batch, height, width


def fixed(config: UNetConfig = TINY) -> UNet:
    model = UNet(config)
    initialise(model, torch.Generator().manual_seed(0))
    return model.eval()


def pictures(batch: int, height: int, width: int) -> Tensor:
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(height))


@settings(max_examples=20)
@given(
    st.integers(8, 48),
    st.integers(8, 48),
    st.sampled_from([(4, 8), (4, 6, 8), (4, 4, 4, 8), (2, 2, 2, 2, 4)]),
)
def test_any_resolution_from_8_pixels_gives_a_mask_of_its_size(
    height: int, width: int, widths: tuple[int, ...]
) -> None:
    logits = fixed(UNetConfig(widths=widths, transformer_layers=1, heads=2))(pictures(1, height, width))
    assert logits.shape == (1, 6, height, width) and torch.isfinite(logits).all()


@pytest.mark.parametrize("size", ODD)
@pytest.mark.parametrize("way", ["autocast", "all of it"])
def test_in_bfloat16_it_says_nearly_the_same(size: tuple[int, int, int], way: str) -> None:
    model, x = fixed(UNetConfig()), pictures(*size)
    wanted = model(x)
    with torch.autocast("cpu", torch.bfloat16, enabled=way == "autocast"):
        found = model(x) if way == "autocast" else model.bfloat16()(x.bfloat16())
    assert found.dtype == torch.bfloat16
    # One rounding is 2⁻⁹ = 0.2 % of a number, and some twenty layers follow each other.
    assert (found.float() - wanted).abs().max() < 0.05 * wanted.abs().max()
    found.float().square().mean().backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


@pytest.mark.parametrize("size", ODD)
def test_with_the_channels_last_in_memory_it_says_the_same(size: tuple[int, int, int]) -> None:
    model, x = fixed(UNetConfig()), pictures(*size)
    wanted = model(x)
    found = model.to(memory_format=torch.channels_last)(x.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-4)  # sums of float32 in another order


def test_exported_by_torch_it_takes_any_batch_and_size() -> None:
    model, free = fixed(), {0: Dim.DYNAMIC, 2: Dim.DYNAMIC, 3: Dim.DYNAMIC}
    exported = torch.export.export(model, (pictures(2, 40, 56),), dynamic_shapes=(free,)).module()
    for size in ODD:
        torch.testing.assert_close(exported(pictures(*size)), model(pictures(*size)), rtol=0, atol=1e-6)


def in_onnx(model: UNet, folder: Path) -> InferenceSession:
    file = folder / "unet.onnx"
    free = {0: "batch", 2: "height", 3: "width"}
    torch.onnx.export(
        model, (pictures(2, 40, 56),), file, dynamo=True, dynamic_shapes=(free,), input_names=["images"],
        output_names=["scores"], verbose=False,
    )  # fmt: skip
    return InferenceSession(file, providers=["CPUExecutionProvider"])


def test_in_onnx_it_says_the_same_at_any_batch_and_size(tmp_path: Path) -> None:
    model = fixed(UNetConfig())
    session = in_onnx(model, tmp_path)
    for size in [*ODD, (1, 64, 65)]:
        (found,) = session.run(None, {"images": pictures(*size).numpy()})
        torch.testing.assert_close(torch.from_numpy(found), model(pictures(*size)), rtol=0, atol=1e-4)
