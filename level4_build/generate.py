"""Generation: one token after another, each chosen from the model's scores; what was read stays in a cache.

    for step in stream(model, [tokens.encode("The blue jug")], most=40, stop=[tokens.eos]):
        print(tokens.decode(step))

Without a cache, each new token would need the whole text to be read again. The keys and values of a token do
not change when others follow, so they are kept, and a step reads one token only.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from level4_build.llama import Llama
from shared.errors import BadUsage

# The cache -------------------------------------------------------------------------------------------


class Cache:
    """The keys and values of all layers, in room that is taken once.

    Attributes:
        length: how many tokens are in it, padding included.
        mask: which places the tokens read last may look at, (B or 1, 1, T, length), True where they may; None
            where it is plain: the text's beginning (is_causal), or a single token.
    """

    def __init__(self, model: Llama, batch: int, room: int, padding: Tensor | None = None) -> None:
        """
        Args:
            room: the most tokens that will be in it; no more than the model's context.
            padding: how many places at the left of each text are empty, (B,); None if there are none.
        """
        config, like = model.config, model.lm_head.weight
        if not 1 <= room <= config.context:
            raise BadUsage(
                f"A cache of {room} tokens was asked for; this model reads {config.context}.",
                "Ask for fewer tokens, or shorten the text.",
            )
        shape = (config.layers, batch, config.kv_heads, room, config.head)
        self.keys = torch.zeros(shape, dtype=like.dtype, device=like.device)
        self.values = torch.zeros_like(self.keys)
        self.padding = padding
        self.room = room
        self.length = 0
        self.mask: Tensor | None = None
        self._new = slice(0)

    def advance(self, count: int) -> slice:
        """Make place for so many tokens; each layer then writes its own. Gives the place."""
        before, self.length = self.length, self.length + count
        if self.length > self.room:
            raise BadUsage(
                f"The cache has room for {self.room} tokens, and {self.length} were read.", "Make it larger."
            )
        self._new = slice(before, self.length)
        plain = self.padding is None and (before == 0 or count == 1)
        self.mask = None if plain else self._mask()
        return self._new

    def write(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Add the new tokens' keys and values, (B, kv_heads, T, D); gives those of all, a view."""
        keys, values = self.keys[layer], self.values[layer]  # (B, kv_heads, room, D)
        keys[:, :, self._new], values[:, :, self._new] = k, v
        return keys[:, :, : self.length], values[:, :, : self.length]

    def _mask(self) -> Tensor:
        """Each token looks at those before it and never at padding, but always at itself: a softmax over
        nothing is no number. Rotary positions tell distances alone, so padding shifts nothing."""
        seen = torch.arange(self.length, device=self.keys.device)  # (S,)
        asking = seen[self._new, None]  # (T, 1)
        allowed = (seen <= asking)[None, None]  # (1, 1, T, S)
        if self.padding is not None:
            real = seen >= self.padding.to(seen.device)[:, None, None, None]  # (B, 1, 1, S)
            allowed = allowed & real | (seen == asking)
        return allowed


# Choosing --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen from the scores.

    Attributes:
        temperature: 0 takes the best; 1 draws as the model says; above 1 is bolder.
        top_k: draw from so many of the best; None for all.
        top_p: draw from the best that reach this share together (Holtzman et al., arXiv 1904.09751,
            equation 2); None for all.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < math.inf:
            raise BadUsage(f"The temperature is {self.temperature}.", "It must be 0 or a number above it.")
        if self.top_k is not None and self.top_k < 1:
            raise BadUsage(f"top_k is {self.top_k}.", "It must be at least 1.")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise BadUsage(f"top_p is {self.top_p}.", "It must be above 0 and at most 1.")


GREEDY = Sampling(temperature=0.0)


def likelihoods(scores: Tensor, sampling: Sampling) -> Tensor:
    """The chance of each token to be drawn: (B, vocab) -> (B, vocab), each row sums to 1."""
    best = scores.max(-1, keepdim=True).values
    scores = (scores - best) / sampling.temperature
    if sampling.top_k is not None and sampling.top_k < scores.shape[-1]:
        least = scores.topk(sampling.top_k).values[:, -1:]  # (B, 1)
        scores = scores.masked_fill(scores < least, -math.inf)
    likely = scores.softmax(-1)
    if sampling.top_p is not None:
        ranked, order = likely.sort(descending=True)
        enough = ranked.cumsum(-1) - ranked >= sampling.top_p  # what stands before it reaches the share
        likely = torch.zeros_like(likely).scatter(-1, order, ranked.masked_fill(enough, 0.0))
        likely = likely / likely.sum(-1, keepdim=True)
    return likely


def pick(scores: Tensor, sampling: Sampling, generator: torch.Generator | None = None) -> Tensor:
    """The next token of each text: (B, vocab) -> (B,). Of equal scores, greedy takes the first."""
    if sampling.temperature == 0:
        return scores.argmax(-1)
    return torch.multinomial(likelihoods(scores, sampling), 1, generator=generator)[:, 0]


# The loop --------------------------------------------------------------------------------------------


@torch.inference_mode()
def stream(
    model: Llama,
    prompts: Sequence[Sequence[int]],
    most: int,
    sampling: Sampling = GREEDY,
    generator: torch.Generator | None = None,
    stop: Collection[int] = (),
) -> Iterator[list[int | None]]:
    """Go on with the prompts, a step at a time: one token for each text, None for one that has ended.

    A text ends with a token of `stop`, which is still given, or after `most` tokens, or when the longest text
    fills the context.

    Args:
        generator: of the CPU, where tokens are drawn, so that a seed gives the same text on every device. It
            may be left out for greedy choices alone.

    Raises:
        BadUsage: a prompt is empty or too long, or chance was asked for without a generator.
    """
    if sampling.temperature and generator is None:
        raise BadUsage("Tokens are to be drawn, but no generator was given.", "Pass a torch.Generator.")
    tokens, padding = pad_left(prompts)  # (B, T), (B,)
    length, device = tokens.shape[1], model.lm_head.weight.device
    if length >= model.config.context:
        raise BadUsage(
            f"The prompt has {length} tokens; this model reads {model.config.context}.", "Shorten the prompt."
        )
    most = min(most, model.config.context - length)
    cache = Cache(model, len(prompts), length + most, padding.to(device) if padding.any() else None)
    running = [True] * len(prompts)
    for _ in range(most):
        scores = model(tokens.to(device), cache, last=True)[:, -1]  # (B, vocab)
        chosen = pick(scores.float().cpu(), sampling, generator)  # (B,)
        tokens = chosen[:, None]
        step = [token if runs else None for token, runs in zip(chosen.tolist(), running, strict=True)]
        yield step
        running = [token is not None and token not in stop for token in step]
        if not any(running):
            return


def generate(
    model: Llama,
    prompts: Sequence[Sequence[int]],
    most: int,
    sampling: Sampling = GREEDY,
    generator: torch.Generator | None = None,
    stop: Collection[int] = (),
) -> list[list[int]]:
    """What `stream` gives, all at once: the new tokens of each text, without those of the prompt."""
    texts: list[list[int]] = [[] for _ in prompts]
    for step in stream(model, prompts, most, sampling, generator, stop):
        for text, token in zip(texts, step, strict=True):
            if token is not None:
                text.append(token)
    return texts


def pad_left(prompts: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Prompts as one tensor (B, T) that all end at its right, and how many places each leaves empty, (B,)."""
    if not prompts or not all(prompts):
        raise BadUsage("A prompt has no tokens.", "Begin each with at least the token <|bos|>.")
    longest = max(map(len, prompts))
    empty = [longest - len(prompt) for prompt in prompts]
    rows = [[0] * left + list(prompt) for left, prompt in zip(empty, prompts, strict=True)]
    return torch.tensor(rows), torch.tensor(empty)
