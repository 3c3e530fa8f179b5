"""From scores to the next token."""

from __future__ import annotations

import torch

from shared.service.engines.base import ChatAsk


def dice(seed: int | None) -> torch.Generator:
    """A source of chance of one's own: the same seed gives the same answer, whoever else samples."""
    source = torch.Generator()
    if seed is None:
        source.seed()
    else:
        source.manual_seed(seed)
    return source


def pick(scores: torch.Tensor, ask: ChatAsk, said: torch.Tensor, source: torch.Generator) -> int:
    """The next token.

    Args:
        scores: (V,) float32 on the CPU, so that a seed gives the same answer on every device.
        ask: its temperature, top_p and penalties.
        said: (V,) how often each token stands in the answer so far.
        source: where chance is from.
    """
    scores = scores - ask.frequency * said - ask.presence * (said > 0)
    if not ask.temperature:
        return int(scores.argmax())
    likely = torch.softmax((scores - scores.max()) / ask.temperature, -1)
    if ask.top_p is not None:
        likely = nucleus(likely, ask.top_p)
    return int(torch.multinomial(likely, 1, generator=source))


def nucleus(likely: torch.Tensor, top_p: float) -> torch.Tensor:
    """The likeliest tokens that reach `top_p` together, the others at 0 (Holtzman et al., "The Curious Case
    of Neural Text Degeneration", 2020, section 3.1). `likely`: (V,), sums to 1. The result need not."""
    ranked, order = likely.sort(descending=True)
    ranked[1:][ranked.cumsum(0)[:-1] >= top_p] = 0.0  # enough stands before it; the first always stays
    return torch.zeros_like(likely).scatter(0, order, ranked)
