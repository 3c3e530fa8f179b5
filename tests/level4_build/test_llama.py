"""The language model against `transformers`: the same names, shapes and scores, in both directions."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, LlamaForCausalLM
from transformers import LlamaConfig as TheirConfig

from level4_build.llama import SIZES, Llama, LlamaConfig, initialise
from level4_build.norms import RMSNorm, rms_norm
from level4_build.pretrained import from_transformers, load_model, save, to_transformers
from level4_build.rotary import angles, rotate
from level4_build.tokens import train_tokens
from level4_build.unet import parameters
from shared.errors import BadUsage, LadderError

SMALL = LlamaConfig(vocab=300, width=48, layers=3, heads=6, kv_heads=2, hidden=80, context=128)
KINDS = {
    "grouped and tied": SMALL,
    "grouped and untied": replace(SMALL, tied=False),
    "one key head": replace(SMALL, kv_heads=1),
    "no grouping, other base": replace(SMALL, kv_heads=6, theta=500_000.0, eps=1e-6),
}
kinds = pytest.mark.parametrize("config", KINDS.values(), ids=KINDS.keys())


def dice(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def ours(config: LlamaConfig) -> Llama:
    """With weights far larger than the first ones, so that attention is sharp and errors would show."""
    model = initialise(Llama(config), dice())
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim == 2:
                weight.mul_(4)
            else:
                weight.uniform_(0.5, 1.5, generator=dice(weight.numel()))
    return model.eval()


def theirs(model: Llama) -> LlamaForCausalLM:
    other = LlamaForCausalLM(TheirConfig(**to_transformers(model.config), attn_implementation="sdpa"))
    other.load_state_dict(model.state_dict())
    return other.eval()


def texts(batch: int = 3, length: int = 97) -> Tensor:
    return torch.randint(0, SMALL.vocab, (batch, length), generator=dice(1))


def in_float64(model: LlamaForCausalLM) -> LlamaForCausalLM:
    """Their norms go through float32 whatever the model is in; torch's own norm does not."""
    model = model.double()
    for parent in list(model.modules()):
        for name, norm in list(parent.named_children()):
            if type(norm).__name__ == "LlamaRMSNorm":
                plain = nn.RMSNorm(norm.weight.shape[0], eps=norm.variance_epsilon, dtype=torch.float64)
                plain.weight = norm.weight
                setattr(parent, name, plain)
    return model


@kinds
def test_names_and_shapes_are_those_of_llama(config: LlamaConfig) -> None:
    model = Llama(config)
    other = LlamaForCausalLM(TheirConfig(**to_transformers(config)))
    expected = {name: value.shape for name, value in other.state_dict().items()}
    assert {name: value.shape for name, value in model.state_dict().items()} == expected
    assert parameters(model) == parameters(other)


@kinds
def test_our_weights_give_the_same_scores_in_theirs(config: LlamaConfig) -> None:
    model = ours(config)
    with torch.no_grad():
        mine, other = model(texts()), theirs(model)(texts()).logits
        assert mine.std() > 0.5, "scores near 0 would agree whatever the model does"
        torch.testing.assert_close(mine, other, rtol=0, atol=1e-5)


@kinds
def test_in_float64_they_agree_to_the_last_digits(config: LlamaConfig) -> None:
    model = ours(config).double()
    with torch.no_grad():
        mine, other = model(texts()), in_float64(theirs(model))(texts()).logits
        torch.testing.assert_close(mine, other, rtol=0, atol=1e-12)


@kinds
def test_their_weights_give_the_same_scores_in_ours(config: LlamaConfig, tmp_path: Path) -> None:
    torch.manual_seed(3)
    other = LlamaForCausalLM(TheirConfig(**to_transformers(config), initializer_range=0.1)).eval()
    other.save_pretrained(tmp_path)
    model = load_model(tmp_path)
    assert model.config == config
    with torch.no_grad():
        torch.testing.assert_close(model(texts()), other(texts()).logits, rtol=0, atol=1e-5)


def test_the_gradients_are_theirs_too() -> None:
    model = ours(SMALL)
    other = theirs(model)
    for scores in (model(texts()), other(texts()).logits):
        torch.nn.functional.cross_entropy(scores[:, :-1].flatten(0, 1), texts()[:, 1:].flatten()).backward()
    expected = dict(other.named_parameters())
    for name, weight in model.named_parameters():
        assert weight.grad is not None and weight.grad.abs().sum() > 0, name
        torch.testing.assert_close(weight.grad, expected[name].grad, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("tied", [True, False])
def test_a_saved_folder_opens_in_transformers_and_here(tmp_path: Path, tied: bool) -> None:
    tokens = train_tokens(["a blue jug and a red jug"], vocab=270)
    model = ours(replace(SMALL, vocab=len(tokens), tied=tied))
    folder = save(model, tokens, tmp_path / "model")
    ids = torch.tensor([tokens.encode("a red jug")])
    other = AutoModelForCausalLM.from_pretrained(folder)
    again = load_model(folder)
    with torch.no_grad():
        torch.testing.assert_close(model(ids), other(ids).logits, rtol=0, atol=1e-5)
        assert torch.equal(model(ids), again(ids))
    assert (other.config.bos_token_id, other.config.eos_token_id) == (tokens.bos, tokens.eos)
    assert again.config == model.config
    assert (again.lm_head.weight is again.model.embed_tokens.weight) == tied


def test_no_token_sees_what_comes_after_it() -> None:
    model, tokens = ours(SMALL), texts(1, 40)
    changed = tokens.clone()
    changed[0, 25:] = (changed[0, 25:] + 7) % SMALL.vocab
    with torch.no_grad():
        before, after = model(tokens), model(changed)
    torch.testing.assert_close(before[:, :25], after[:, :25], rtol=0, atol=1e-6)
    assert (before[:, 25:] - after[:, 25:]).abs().amax(-1).min() > 1e-3


def test_rotary_feels_the_distance_alone() -> None:
    q, k = torch.randn(2, 1, 1, 1, 16, dtype=torch.float64, generator=dice())
    cos, sin = angles(torch.arange(200), 16)

    def score(i: int, j: int) -> float:
        at = [(cos[[place]].double(), sin[[place]].double()) for place in (i, j)]
        return float((rotate(q, *at[0]) * rotate(k, *at[1])).sum())

    # The angles are float32: near 200 each is known to 1e-5 radians.
    assert score(7, 2) == pytest.approx(score(105, 100), abs=1e-4)
    assert abs(score(7, 2) - score(7, 3)) > 1e-2


def test_rotary_is_the_papers_turn_with_its_channels_in_another_order() -> None:
    x = torch.randn(1, 1, 5, 8, dtype=torch.float64, generator=dice())
    cos, sin = (table.double() for table in angles(torch.arange(5), 8))
    by_hand = torch.empty_like(x)
    for place in range(5):
        for pair in range(4):  # equation 34: channels 2i and 2i + 1, by place · 10000^(-2i / D)
            turn = torch.tensor(place * 10_000.0 ** (-2 * pair / 8), dtype=torch.float64)
            a, b = x[0, 0, place, 2 * pair], x[0, 0, place, 2 * pair + 1]
            by_hand[0, 0, place, 2 * pair] = a * turn.cos() - b * turn.sin()
            by_hand[0, 0, place, 2 * pair + 1] = a * turn.sin() + b * turn.cos()
    order = [0, 2, 4, 6, 1, 3, 5, 7]  # the first of every pair, then the second
    torch.testing.assert_close(rotate(x[..., order], cos, sin), by_hand[..., order], rtol=0, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_rms_norm_is_its_formula(dtype: torch.dtype) -> None:
    x = 100 * torch.randn(4, 7, 24, generator=dice()).to(dtype)
    norm = RMSNorm(24).to(dtype)
    with torch.no_grad():
        norm.weight.uniform_(0.5, 2, generator=dice())
        tolerance = {torch.float64: 1e-14, torch.float32: 1e-6, torch.bfloat16: 2e-2}[dtype]
        torch.testing.assert_close(norm(x), rms_norm(x, norm.weight, 1e-5), rtol=tolerance, atol=tolerance)
        plain = x[0, 0].double()  # one token by hand
        by_hand = plain / math.sqrt(sum(v * v for v in plain.tolist()) / 24 + 1e-5) * norm.weight.double()
        torch.testing.assert_close(norm(x)[0, 0].double(), by_hand, rtol=tolerance, atol=tolerance)
    assert not norm(torch.zeros(1, 24, dtype=dtype)).any(), "nothing stays nothing, and is no NaN"


def test_the_sizes_are_what_they_are_called() -> None:
    counts = {name: parameters(Llama(config)) for name, config in SIZES.items()}
    expected = {"tiny": 1e6, "small": 10e6, "base": 30e6}
    assert counts == {name: pytest.approx(count, rel=0.26) for name, count in expected.items()}
    assert all(small < large for small, large in pairwise(counts.values()))


def test_the_generator_alone_decides_the_first_weights() -> None:
    torch.manual_seed(1)
    one = initialise(Llama(SMALL), dice(4)).state_dict()
    torch.manual_seed(2)
    same, other = (initialise(Llama(SMALL), dice(seed)).state_dict() for seed in (4, 5))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["lm_head.weight"], other["lm_head.weight"])
    assert one["model.layers.0.self_attn.o_proj.weight"].std() == pytest.approx(0.02 / 6**0.5, rel=0.1)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (torch.zeros(5, dtype=torch.long), "tokens[None]"),
        (torch.zeros(1, 0, dtype=torch.long), "neither of them 0"),
        (torch.zeros(1, 5), "tokens.long()"),
        (torch.zeros(1, 129, dtype=torch.long), "129 tokens; this model reads 128"),
        (torch.tensor([[4, 300]]), "no token 300"),
        (torch.tensor([[-1, 3]]), "no token -1"),
    ],
)
def test_wrong_tokens_are_explained(wrong: Tensor, said: str) -> None:
    with pytest.raises(BadUsage) as told:
        Llama(SMALL)(wrong)
    assert said in str(told.value)


@pytest.mark.parametrize(
    "wrong", [{"heads": 5}, {"kv_heads": 4}, {"width": 6}, {"layers": 0}, {"theta": 0.0}, {"eps": -1.0}]
)
def test_a_model_that_cannot_be_is_refused_before_it_is_built(wrong: dict[str, float]) -> None:
    with pytest.raises(BadUsage):
        replace(SMALL, **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "other",
    [
        {"model_type": "mistral"},
        {"attention_bias": True},
        {"head_dim": 32},
        {"rope_parameters": {"rope_type": "yarn", "rope_theta": 1e4, "factor": 2.0}},
    ],
)
def test_a_model_of_another_kind_is_told_apart(other: dict[str, object]) -> None:
    with pytest.raises(LadderError, match="no plain Llama"):
        from_transformers(to_transformers(SMALL) | other)


def test_a_damaged_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(LadderError, match=r"config\.json cannot be read"):
        load_model(tmp_path)
    folder = save(ours(replace(SMALL, vocab=262)), train_tokens([""], vocab=262), tmp_path)
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(LadderError, match="no whole language model"):
        load_model(folder)
