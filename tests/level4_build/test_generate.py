"""Generation: the cache changes nothing, choices are those of `transformers`, a batch is its texts alone."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from transformers import LlamaConfig as TheirConfig
from transformers import LlamaForCausalLM
from transformers.generation.logits_process import TopKLogitsWarper, TopPLogitsWarper

from level4_build.generate import (
    GREEDY,
    Cache,
    Sampling,
    generate,
    likelihoods,
    pad_left,
    pick,
    stream,
)
from level4_build.llama import Llama, LlamaConfig, initialise
from level4_build.pretrained import to_transformers
from shared.errors import BadUsage

CONFIG = LlamaConfig(vocab=120, width=48, layers=3, heads=6, kv_heads=2, hidden=80, context=64)


def dice(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def loud(config: LlamaConfig = CONFIG) -> Llama:
    """Weights so large that scores lie far apart and attention is sharp."""
    model = initialise(Llama(config), dice())
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(5 if weight.ndim == 2 else 1)
    return model.eval()


def text(length: int, seed: int = 1) -> list[int]:
    return torch.randint(0, CONFIG.vocab, (length,), generator=dice(seed)).tolist()


@pytest.mark.parametrize("pieces", [[40], [7] + [1] * 33, [1] * 40, [5, 1, 9, 1, 1, 23]])
@pytest.mark.parametrize("kv_heads", [1, 2, 6])
def test_the_cache_gives_what_a_full_pass_gives_at_every_step(pieces: list[int], kv_heads: int) -> None:
    """However the text is cut: at once, token by token, and in pieces that each look back."""
    model = loud(replace(CONFIG, kv_heads=kv_heads))
    tokens = torch.tensor([text(40, seed) for seed in (1, 2)])
    with torch.no_grad():
        whole = model(tokens)  # (2, 40, vocab)
        cache = Cache(model, batch=2, room=40)
        parts = [model(piece, cache) for piece in tokens.split(pieces, dim=1)]
    assert cache.length == 40
    torch.testing.assert_close(torch.cat(parts, dim=1), whole, rtol=0, atol=1e-5)
    assert whole.std() > 0.3, "scores near 0 would agree whatever the cache does"


def test_padding_at_the_left_changes_no_score() -> None:
    model = loud()
    prompts, more = [text(3), text(17, 2), text(9, 3)], text(5, 4)
    tokens, padding = pad_left(prompts)
    cache = Cache(model, batch=3, room=22, padding=padding)
    with torch.no_grad():
        steps = [model(tokens, cache, last=True)[:, -1]]
        steps += [model(torch.full((3, 1), token), cache)[:, -1] for token in more]
        for row, prompt in enumerate(prompts):
            alone = model(torch.tensor([prompt + more]))[0, len(prompt) - 1 :]  # (6, vocab)
            torch.testing.assert_close(torch.stack(steps)[:, row], alone, rtol=0, atol=1e-5)


def test_greedy_choices_are_those_of_transformers() -> None:
    model = loud()
    theirs = LlamaForCausalLM(TheirConfig(**to_transformers(CONFIG))).eval()
    theirs.load_state_dict(model.state_dict())
    prompt = torch.tensor([text(8)])
    settings = {"do_sample": False, "eos_token_id": None, "pad_token_id": 0}
    expected = theirs.generate(prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=40, **settings)
    assert generate(model, prompt.tolist(), most=40) == [expected[0, 8:].tolist()]


def test_a_batch_gives_what_each_text_gives_alone() -> None:
    model, prompts = loud(), [text(3), text(17, 2), text(9, 3)]
    together = generate(model, prompts, most=20)
    assert together == [generate(model, [prompt], most=20)[0] for prompt in prompts]
    assert len(set(map(tuple, together))) == 3


def test_a_text_ends_at_its_stop_token_and_the_others_go_on() -> None:
    model, prompts, bold = loud(), [text(3), text(17, 2)], Sampling(temperature=1.5)
    free = generate(model, prompts, 12, bold, dice())
    at = next(i for i, token in enumerate(free[0]) if 1 < i < 8 and token not in free[1] + free[0][:i])
    cut = generate(model, prompts, 12, bold, dice(), stop=[free[0][at]])
    assert cut == [free[0][: at + 1], free[1]]
    last = generate(model, prompts[:1], 12)[0][-1]
    steps = list(stream(model, prompts[:1], 12, stop=[last]))
    assert steps[-1] == [last] and [last] not in steps[:-1], "nothing is read once all have ended"


def test_tokens_come_one_by_one_and_stop_when_nobody_asks() -> None:
    steps = stream(loud(), [text(4)], most=10)
    first = [next(steps) for _ in range(3)]
    steps.close()  # type: ignore[attr-defined]
    assert first == [[token] for token in generate(loud(), [text(4)], most=3)[0]]


def test_the_context_is_filled_and_not_overrun() -> None:
    assert len(generate(loud(), [text(60)], most=50)[0]) == CONFIG.context - 60
    with pytest.raises(BadUsage, match="64 tokens; this model reads 64"):
        generate(loud(), [text(64)], most=1)


def scores() -> Tensor:
    return 3 * torch.randn(5, 50, generator=dice())


@pytest.mark.parametrize("top_k", [1, 5, 50, 80])
def test_top_k_is_that_of_transformers(top_k: int) -> None:
    expected = TopKLogitsWarper(top_k)(None, scores() / 0.7).softmax(-1)
    torch.testing.assert_close(likelihoods(scores(), Sampling(0.7, top_k=top_k)), expected)


@pytest.mark.parametrize("top_p", [0.01, 0.3, 0.9, 1.0])
def test_top_p_is_that_of_transformers_also_after_top_k(top_p: float) -> None:
    expected = TopPLogitsWarper(top_p)(None, scores() / 1.3).softmax(-1)
    torch.testing.assert_close(likelihoods(scores(), Sampling(1.3, top_p=top_p)), expected)
    both = TopPLogitsWarper(top_p)(None, TopKLogitsWarper(7)(None, scores())).softmax(-1)
    torch.testing.assert_close(likelihoods(scores(), Sampling(top_k=7, top_p=top_p)), both)


def test_tokens_are_drawn_as_often_as_the_model_says() -> None:
    row = torch.tensor([[1.0, 0.0, -1.0, 2.0]])
    drawn = Counter(pick(row.expand(20_000, 4), Sampling(), dice()).tolist())
    for token, chance in enumerate(row.softmax(-1)[0].tolist()):
        sigma = math.sqrt(20_000 * chance * (1 - chance))
        assert abs(drawn[token] - 20_000 * chance) < 4 * sigma


def test_the_generator_alone_decides_and_a_cold_draw_is_greedy() -> None:
    model, prompts, sampling = loud(), [text(5)], Sampling(temperature=1.5)
    torch.manual_seed(1)
    one = generate(model, prompts, 20, sampling, dice(3))
    torch.manual_seed(2)
    assert generate(model, prompts, 20, sampling, dice(3)) == one
    assert generate(model, prompts, 20, sampling, dice(0)) != one
    best = generate(model, prompts, 20, GREEDY)
    assert generate(model, prompts, 20, Sampling(temperature=1e-4), dice()) == best
    assert generate(model, prompts, 20, Sampling(temperature=9, top_k=1), dice()) == best


@pytest.mark.parametrize(
    "wrong", [{"temperature": -1.0}, {"temperature": math.nan}, {"top_k": 0}, {"top_p": 0.0}]
)
def test_a_sampling_that_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(BadUsage):
        Sampling(**wrong)  # type: ignore[arg-type]


def test_what_cannot_be_generated_is_explained() -> None:
    model = loud()
    with pytest.raises(BadUsage, match=r"torch\.Generator"):
        generate(model, [text(3)], 5, Sampling())
    for empty in ([], [[]], [text(3), []]):
        with pytest.raises(BadUsage, match="no tokens"):
            generate(model, empty, 5)
    with pytest.raises(BadUsage, match="this model reads 64"):
        Cache(model, batch=1, room=65)
    cache = Cache(model, batch=1, room=4)
    with pytest.raises(BadUsage, match="room for 4 tokens"):
        model(torch.tensor([text(5)]), cache)
