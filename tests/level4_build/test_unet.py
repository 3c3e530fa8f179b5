"""The blocks and the network: shapes at any size, gradients everywhere, attention against its formula."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from level4_build.attention import Attention
from level4_build.blocks import ConvBlock, Down, Up
from level4_build.transformer import EncoderBlock, FeedForward, positions
from level4_build.trainer import TrainConfig, new_model
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
