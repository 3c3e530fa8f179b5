"""Each block against torch's own module with the same weights, in float64.

Both sides add the same float64 numbers in another order, so 1e-12 is thousands of roundings.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - as everywhere
from torch import Tensor, nn

from level4_build.attention import Attention, CrossAttention, attend
from level4_build.blocks import ConvBlock, Down, FullyConnected, GroupNorm, Up, initialise
from level4_build.transformer import Decoder, DecoderBlock, EncoderBlock, Mean, Patches, Queries, positions

C, HEADS = 12, 3
SIZES = [1, 7, 97]  # tokens
written_out = pytest.mark.parametrize("written_out", [True, False], ids=["written out", "torch's kernel"])


@pytest.fixture(autouse=True)
def in_float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def scattered(module: Any) -> Any:
    """With weights far from their first values, biases and norms too, so that each one counts."""
    for number, weight in enumerate(module.parameters()):
        weight.data = draw(*weight.shape, seed=number) / math.sqrt(weight.shape[-1])
    return module.eval()


def same(found: Tensor, wanted: Tensor) -> None:
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)


def some_mask(*shape: int) -> Tensor:
    """Half of it is seen, and of every row at least the first."""
    mask = draw(*shape, seed=5) > 0
    mask[..., 0] = True
    return mask


# Attention -------------------------------------------------------------------------------------------


def with_weights_of(ours: Attention) -> nn.MultiheadAttention:
    theirs = nn.MultiheadAttention(C, HEADS, batch_first=True)
    names = {"in_proj_weight": "qkv.weight", "in_proj_bias": "qkv.bias"}
    names |= {"out_proj.weight": "out.weight", "out_proj.bias": "out.bias"}
    theirs.load_state_dict({name: ours.state_dict()[own] for name, own in names.items()})
    return theirs.eval()


@written_out
@pytest.mark.parametrize("tokens", SIZES)
@pytest.mark.parametrize("masked", ["no mask", "causal", "for all", "for each", "causal and for each"])
def test_attention_is_torchs_own(written_out: bool, tokens: int, masked: str) -> None:
    ours = scattered(Attention(C, HEADS, causal="causal" in masked, written_out=written_out))
    x = draw(2, tokens, C)
    mask = {"for all": some_mask(tokens, tokens), "for each": some_mask(2, tokens, tokens)}
    given = next((mask[name] for name in mask if masked.endswith(name)), None)
    seen = (
        torch.ones(2, tokens, tokens, dtype=torch.bool) if given is None else given.expand(2, tokens, tokens)
    )
    if "causal" in masked:
        seen = seen & torch.ones(tokens, tokens, dtype=torch.bool).tril()
    hidden = ~seen.repeat_interleave(HEADS, dim=0)  # torch's mask is the other way round, and of each head
    wanted, _ = with_weights_of(ours)(x, x, x, attn_mask=hidden, need_weights=False)
    same(ours(x, given), wanted)


@written_out
@pytest.mark.parametrize("masked", [True, False])
def test_cross_attention_is_torchs_own(written_out: bool, masked: bool) -> None:
    ours = scattered(CrossAttention(C, HEADS, written_out))
    theirs = nn.MultiheadAttention(C, HEADS, batch_first=True)
    mine = ours.state_dict()
    theirs.load_state_dict(
        {
            f"in_proj_{what}": torch.cat([mine[f"query.{what}"], mine[f"key_value.{what}"]])
            for what in ("weight", "bias")
        }
        | {f"out_proj.{what}": mine[f"out.{what}"] for what in ("weight", "bias")}
    )
    x, source, mask = draw(2, 5, C), draw(2, 9, C, seed=1), some_mask(5, 9) if masked else None
    wanted, _ = theirs(x, source, source, attn_mask=None if mask is None else ~mask, need_weights=False)
    same(ours(x, source, mask), wanted)


@pytest.mark.parametrize("tokens", SIZES)
@pytest.mark.parametrize("causal", [True, False])
def test_both_ways_of_attention_have_the_same_gradients(tokens: int, causal: bool) -> None:
    gradients = []
    for written in (True, False):
        q, k, v = (draw(2, HEADS, tokens, 4, seed=n).requires_grad_() for n in range(3))
        attend(q, k, v, some_mask(2, tokens, tokens), causal, written).square().sum().backward()
        gradients.append([q.grad, k.grad, v.grad])
    for one, other in zip(*gradients, strict=True):
        same(one, other)


@written_out
def test_a_token_that_may_look_nowhere_gets_zeros_and_no_gradient_that_is_no_number(
    written_out: bool,
) -> None:
    q, k, v = (draw(1, 1, 4, 2, seed=n).requires_grad_() for n in range(3))
    mask = torch.ones(4, 4, dtype=torch.bool)
    mask[2] = False
    y = attend(q, k, v, mask, written_out=written_out)
    assert torch.equal(y[0, 0, 2], torch.zeros(2)) and y[0, 0, 1].abs().sum() > 0
    y.square().sum().backward()
    assert all(torch.isfinite(x.grad).all() for x in (q, k, v))


@written_out
@pytest.mark.parametrize("rotary", [True, False])
def test_causal_blocks_do_not_see_what_comes_later(written_out: bool, rotary: bool) -> None:
    block = scattered(EncoderBlock(C, HEADS, causal=True, rotary=rotary, written_out=written_out))
    x = draw(1, 9, C)
    later = x.clone()
    later[:, 5:] = draw(1, 4, C, seed=9)
    same(block(later)[:, :5], block(x)[:, :5])
    assert (block(later)[:, 5:] - block(x)[:, 5:]).abs().min() > 1e-6


def test_with_rotary_positions_attention_feels_the_distance_and_not_the_place() -> None:
    layer = scattered(Attention(C, HEADS, rotary=True))
    x = draw(1, 6, C)
    turned = x.roll(1, dims=1)
    assert (layer(turned).roll(-1, dims=1) - layer(x)).abs().max() > 1e-3, "the order counts"
    plain = scattered(Attention(C, HEADS))
    same(plain(turned).roll(-1, dims=1), plain(x))
    # The same tokens after one that none may see: their distances are the same, their places are not.
    hidden = torch.ones(7, 7, dtype=torch.bool)
    hidden[:, 0] = False
    shifted = layer(torch.cat([draw(1, 1, C, seed=3), x], dim=1), hidden)[:, 1:]
    # The angles themselves are in float32: one rounding of an angle of up to 6 is 5e-7.
    torch.testing.assert_close(shifted, layer(x), rtol=0, atol=1e-5)


# Transformer blocks ----------------------------------------------------------------------------------


def renamed(block: nn.Module, names: dict[str, str]) -> dict[str, Tensor]:
    """The weights of a block under torch's names."""
    mine = block.state_dict()
    return {theirs + "".join(rest): mine[ours + "".join(rest)] for theirs, ours in names.items()
            for rest in ([".weight"], [".bias"])}  # fmt: skip


@written_out
@pytest.mark.parametrize("tokens", SIZES)
@pytest.mark.parametrize("causal", [True, False])
def test_an_encoder_block_is_torchs_own(written_out: bool, tokens: int, causal: bool) -> None:
    ours = scattered(EncoderBlock(C, HEADS, causal, written_out=written_out))
    theirs = nn.TransformerEncoderLayer(C, HEADS, 4 * C, 0.0, "gelu", batch_first=True, norm_first=True)
    names = {
        "self_attn.out_proj": "attention.out",
        "linear1": "feed_forward.widen",
        "linear2": "feed_forward.narrow",
    }
    weights = renamed(ours, names | {"norm1": "norm1", "norm2": "norm2"})
    weights["self_attn.in_proj_weight"] = ours.attention.qkv.weight
    weights["self_attn.in_proj_bias"] = ours.attention.qkv.bias
    theirs.load_state_dict(weights)
    mask = ~torch.ones(tokens, tokens, dtype=torch.bool).tril() if causal else None
    x = draw(2, tokens, C)
    same(ours(x), theirs.train()(x, src_mask=mask))  # in training mode it takes no short cut; dropout is 0


@written_out
@pytest.mark.parametrize("tokens", SIZES)
@pytest.mark.parametrize("causal", [True, False])
def test_a_decoder_block_is_torchs_own(written_out: bool, tokens: int, causal: bool) -> None:
    ours = scattered(DecoderBlock(C, HEADS, causal, written_out=written_out))
    theirs = nn.TransformerDecoderLayer(C, HEADS, 4 * C, 0.0, "gelu", batch_first=True, norm_first=True)
    names = {"self_attn.out_proj": "attention.out", "multihead_attn.out_proj": "cross.out"}
    names |= {"linear1": "feed_forward.widen", "linear2": "feed_forward.narrow"}
    weights = renamed(ours, names | {f"norm{n}": f"norm{n}" for n in (1, 2, 3)})
    cross = ours.cross
    for what in ("weight", "bias"):
        weights[f"self_attn.in_proj_{what}"] = getattr(ours.attention.qkv, what)
        joined = torch.cat([getattr(cross.query, what), getattr(cross.key_value, what)])
        weights[f"multihead_attn.in_proj_{what}"] = joined
    theirs.load_state_dict(weights)
    past, there = torch.ones(tokens, tokens, dtype=torch.bool).tril(), some_mask(tokens, 5)
    x, source = draw(2, tokens, C), draw(2, 5, C, seed=1)
    wanted = theirs(x, source, tgt_mask=~past if causal else None, memory_mask=~there)
    same(ours(x, source, source_mask=there), wanted)


def test_a_decoder_asks_the_source_in_every_block() -> None:
    decoder = Decoder(scattered(DecoderBlock(C, HEADS)) for _ in range(2))
    x, source = draw(2, 4, C), draw(2, 6, C, seed=1)
    same(decoder(x, source), decoder[1](decoder[0](x, source), source))


# Pictures --------------------------------------------------------------------------------------------


@written_out
@pytest.mark.parametrize(
    ("groups", "shape"), [(1, (2, 6, 5, 7)), (3, (2, 6, 5, 7)), (6, (1, 6, 1, 2)), (2, (3, 4))]
)
def test_group_norm_is_torchs_own(written_out: bool, groups: int, shape: tuple[int, ...]) -> None:
    ours = scattered(GroupNorm(groups, shape[1], written_out=written_out))
    theirs = nn.GroupNorm(groups, shape[1])
    theirs.load_state_dict(ours.state_dict())
    x = 3 + 2 * draw(*shape)
    same(ours(x), theirs(x))
    layout = x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x
    same(ours(layout), theirs(x))


def test_a_convolution_block_is_its_parts() -> None:
    ours = scattered(ConvBlock(3, 8))
    theirs = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding="same", bias=False), nn.GroupNorm(8, 8), nn.SiLU(),
        nn.Conv2d(8, 8, 3, padding="same", bias=False), nn.GroupNorm(8, 8), nn.SiLU(),
    )  # fmt: skip
    theirs.load_state_dict(dict(zip(theirs.state_dict(), ours.state_dict().values(), strict=True)))
    x = draw(2, 3, 9, 5)
    same(ours(x), theirs(x))


@pytest.mark.parametrize(("height", "width"), [(8, 8), (9, 8), (7, 13), (1, 1)])
def test_down_and_up_come_back_to_any_size(height: int, width: int) -> None:
    x = draw(2, 4, height, width)
    coarse = Down(4, 8)(x)
    assert coarse.shape == (2, 8, math.ceil(height / 2), math.ceil(width / 2))
    assert Up(8, 4)(coarse, x).shape == x.shape
    assert Up(8, 5, skips=4)(coarse, x).shape == (2, 5, height, width)


@pytest.mark.parametrize(("small", "large"), [(4, 8), (4, 7), (1, 1), (49, 97), (3, 7)])
def test_up_repeats_each_pixel_twice_and_fits_the_rest_to_the_skip(small: int, large: int) -> None:
    up = Up(1, 1)
    up.reduce, up.block = nn.Identity(), nn.Identity()  # what is left is the new size and the join
    x, skip = draw(1, 1, small, small), draw(1, 1, large, large, seed=1)
    found = up(x, skip)
    assert torch.equal(found[:, 1:], skip)
    doubled = x.repeat_interleave(2, -1).repeat_interleave(2, -2)[..., :large, :large]
    if large <= 2 * small:
        assert torch.equal(found[:, :1], doubled), "an odd size is cut"
    else:
        assert set(found[:, 0].flatten().tolist()) == set(x.flatten().tolist()), "no pixel is made up"


def test_fully_connected_layers_are_their_parts() -> None:
    ours = scattered(FullyConnected(5, 7, 3))
    first, second = ours.layers
    for shape in ((4, 5), (2, 6, 5)):
        x = draw(*shape)
        same(ours(x), F.linear(F.silu(F.linear(x, first.weight, first.bias)), second.weight, second.bias))
    assert all(isinstance(layer, nn.Linear) for layer in ours.layers) and len(ours.layers) == 2


def test_patches_are_squares_in_reading_order_with_their_places() -> None:
    patches = scattered(Patches(3, 8, size=4))
    x = draw(2, 3, 8, 12)
    places = positions(2, 3, 8)
    for n in range(6):
        row, column = divmod(n, 3)
        square = x[:, :, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4].flatten(1)  # (B, 48)
        wanted = F.linear(square, patches.project.weight.flatten(1), patches.project.bias) + places[n]
        same(patches(x)[:, n], wanted)


def test_queries_ask_the_same_of_every_item_and_learn() -> None:
    queries = Queries(4, 6)
    asked = queries(draw(3, 9, 6))
    assert asked.shape == (3, 4, 6) and torch.equal(asked[0], asked[2])
    asked.sum().backward()
    same(queries.asked.weight.grad, torch.full((4, 6), 3.0))


def test_the_mean_is_over_all_places() -> None:
    x = draw(2, 3, 4, 5)
    same(Mean()(x), x.flatten(2).sum(2) / 20)
    same(Mean()(x.flatten(2).transpose(1, 2)), x.flatten(2).sum(2) / 20)


def test_the_generator_alone_decides_the_first_weights() -> None:
    def weights(noise: int, seed: int) -> dict[str, Tensor]:
        torch.manual_seed(noise)
        model = nn.ModuleList([ConvBlock(3, 4), Queries(3, 4), EncoderBlock(4, 2)])
        return initialise(model, torch.Generator().manual_seed(seed)).state_dict()

    one, again, other = weights(1, 0), weights(2, 0), weights(1, 3)
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not torch.equal(one["1.asked.weight"], other["1.asked.weight"])
