"""A decoder-only language model in the layout of Llama (Touvron et al., arXiv 2302.13971, section 2.2).

    model = Llama(SIZES["tiny"])
    logits = model(torch.tensor([[0, 17, 4]]))  # (1, 3, 4096): a score for every token that may come next

Its weights have Llama's names and shapes. So what is trained here runs wherever Llama runs, and its oracle is
`transformers`, which must give the same logits (`pretrained.py` writes and reads the folder).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812 - as everywhere
from torch import Tensor, nn

from level4_build.norms import RMSNorm
from level4_build.rotary import angles, rotate
from shared.errors import BadUsage

if TYPE_CHECKING:
    from level4_build.generate import Cache

STD = 0.02  # of the first weights, as in GPT-2 and Llama


@dataclass(frozen=True)
class LlamaConfig:
    """The model as a declaration.

    Attributes:
        vocab: how many tokens there are.
        width: C, the channels of a token.
        layers: decoder layers.
        heads, kv_heads: heads of the queries, and of keys and values; where there are fewer of these, several
            queries share one (grouped-query attention), and the cache shrinks by as much.
        hidden: channels inside the feed-forward.
        context: the longest text, in tokens.
        theta: the base of the rotary frequencies.
        eps: keeps the norms from dividing by 0.
        tied: whether the output scores are taken with the embedding itself.
    """

    vocab: int = 4096
    width: int = 128
    layers: int = 4
    heads: int = 4
    kv_heads: int = 2
    hidden: int = 344
    context: int = 512
    theta: float = 10_000.0
    eps: float = 1e-5
    tied: bool = True

    def __post_init__(self) -> None:
        for name in ("vocab", "width", "layers", "heads", "kv_heads", "hidden", "context"):
            if getattr(self, name) < 1:
                raise BadUsage(f"{name} is {getattr(self, name)}.", "It must be at least 1.")
        for name in ("theta", "eps"):
            if not getattr(self, name) > 0:
                raise BadUsage(f"{name} is {getattr(self, name)}.", "It must be above 0.")
        if self.width % self.heads or self.width // self.heads % 2:
            raise BadUsage(
                f"A width of {self.width} does not divide into {self.heads} heads of an even size.",
                f"Take a width that is a multiple of {2 * self.heads}.",
            )
        if self.heads % self.kv_heads:
            raise BadUsage(
                f"{self.heads} heads cannot share {self.kv_heads} heads of keys and values evenly.",
                "Take a kv_heads that divides heads.",
            )

    @property
    def head(self) -> int:
        """D, the channels of one head."""
        return self.width // self.heads


SIZES = {
    "tiny": LlamaConfig(),
    "small": LlamaConfig(width=320, layers=8, heads=5, kv_heads=5, hidden=856),
    "base": LlamaConfig(width=512, layers=9, heads=8, kv_heads=4, hidden=1376, context=1024),
}


class Attention(nn.Module):
    """Each token looks at itself and at those before it. (B, T, C) -> (B, T, C).

    Grouped-query attention (Ainslie et al., arXiv 2305.13245): query head i reads the keys and values of head
    i · kv_heads / heads.
    """

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        C, D = config.width, config.head  # noqa: N806 - the field's own names
        self.head, self.shared = D, config.kv_heads < config.heads
        self.q_proj = nn.Linear(C, config.heads * D, bias=False)
        self.k_proj = nn.Linear(C, config.kv_heads * D, bias=False)
        self.v_proj = nn.Linear(C, config.kv_heads * D, bias=False)
        self.o_proj = nn.Linear(config.heads * D, C, bias=False)

    def forward(self, x: Tensor, turn: tuple[Tensor, Tensor], cache: Cache | None, layer: int) -> Tensor:
        B, T, _ = x.shape  # noqa: N806
        q = rotate(self.q_proj(x).view(B, T, -1, self.head).transpose(1, 2), *turn)  # (B, heads, T, D)
        k = rotate(self.k_proj(x).view(B, T, -1, self.head).transpose(1, 2), *turn)  # (B, kv_heads, T, D)
        v = self.v_proj(x).view(B, T, -1, self.head).transpose(1, 2)
        mask = None
        if cache is not None:
            k, v = cache.write(layer, k, v)  # (B, kv_heads, S, D), S tokens so far
            mask = cache.mask
        # A single token may look at all there is, and needs no mask.
        y = F.scaled_dot_product_attention(
            q, k, v, mask, is_causal=mask is None and T > 1, enable_gqa=self.shared
        )  # (B, heads, T, D)
        return self.o_proj(y.transpose(1, 2).reshape(B, T, -1))


class SwiGLU(nn.Module):
    """down(silu(gate(x)) · up(x)): a feed-forward whose channels open and close. (B, T, C) -> (B, T, C).

    Shazeer, arXiv 2002.05202, equation 6.
    """

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(config.width, config.hidden, bias=False)
        self.up_proj = nn.Linear(config.width, config.hidden, bias=False)
        self.down_proj = nn.Linear(config.hidden, config.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class DecoderLayer(nn.Module):
    """Look back, then think; each added to what was there. (B, T, C) -> (B, T, C)."""

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.input_layernorm = RMSNorm(config.width, config.eps)
        self.self_attn = Attention(config)
        self.post_attention_layernorm = RMSNorm(config.width, config.eps)
        self.mlp = SwiGLU(config)

    def forward(self, x: Tensor, turn: tuple[Tensor, Tensor], cache: Cache | None, layer: int) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x), turn, cache, layer)
        return x + self.mlp(self.post_attention_layernorm(x))


class Decoder(nn.Module):
    """Tokens in, what each knows of its past out. (B, T) -> (B, T, C)."""

    cos: Tensor
    sin: Tensor

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab, config.width)
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(config.layers))
        self.norm = RMSNorm(config.width, config.eps)
        cos, sin = angles(torch.arange(config.context), config.head, config.theta)  # (context, D) each
        self.register_buffer("cos", cos, persistent=False)  # no weights: Llama's file has none for them
        self.register_buffer("sin", sin, persistent=False)

    def forward(self, tokens: Tensor, cache: Cache | None = None) -> Tensor:
        x = self.embed_tokens(tokens)  # (B, T, C)
        places = slice(tokens.shape[1]) if cache is None else cache.advance(tokens.shape[1])
        turn = (self.cos[places].to(x.dtype), self.sin[places].to(x.dtype))
        for number, layer in enumerate(self.layers):
            x = layer(x, turn, cache, number)
        return self.norm(x)


class Llama(nn.Module):
    """Tokens in, a score for each token that may come next out. (B, T) int64 -> (B, T, vocab).

    Raises:
        BadUsage: the tokens are no batch of texts, are longer than the context, or are not of the vocabulary.
    """

    def __init__(self, config: LlamaConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or LlamaConfig()
        self.model = Decoder(config)
        self.lm_head = nn.Linear(config.width, config.vocab, bias=False)
        if config.tied:
            self.lm_head.weight = self.model.embed_tokens.weight

    def forward(self, tokens: Tensor, cache: Cache | None = None, last: bool = False) -> Tensor:
        """
        Args:
            cache: the keys and values of the tokens before these; these are added to it.
            last: score what follows the last token alone, (B, 1, vocab): all that generation needs.
        """
        _check(tokens, self.config, 0 if cache is None else cache.length)
        x = self.model(tokens, cache)  # (B, T, C)
        return self.lm_head(x[:, -1:] if last else x)


def initialise(model: Llama, generator: torch.Generator) -> Llama:
    """Draw all weights anew, from this generator alone: normal, with a standard deviation of 0.02.

    What each layer adds is drawn smaller by sqrt(2 · layers), so that a deep model begins no louder than a
    shallow one (Radford et al., "Language Models are Unsupervised Multitask Learners", section 2.3).
    """
    for name, weight in model.named_parameters():
        if weight.ndim == 2:
            adds = name.endswith(("o_proj.weight", "down_proj.weight"))
            std = STD / (2 * model.config.layers) ** 0.5 if adds else STD
            nn.init.normal_(weight, std=std, generator=generator)
    return model


def _check(tokens: Tensor, config: LlamaConfig, before: int) -> None:
    shape = tuple(tokens.shape)
    if tokens.ndim != 2 or 0 in shape:
        raise BadUsage(
            f"The language model was given tokens of shape {shape}.",
            "It takes (batch, length), neither of them 0: for a single text, tokens[None].",
        )
    if tokens.dtype not in (torch.int64, torch.int32):
        raise BadUsage(
            f"The language model was given tokens of type {tokens.dtype}.", "It takes int64: tokens.long()."
        )
    if before + shape[1] > config.context:
        raise BadUsage(
            f"The text has {before + shape[1]} tokens; this model reads {config.context}.",
            "Cut it, or build the model with a larger context.",
        )
    if tokens.device.type == "cpu" and not torch.compiler.is_compiling():  # elsewhere a look would wait
        low, high = (int(end) for end in tokens.aminmax())
        if low < 0 or high >= config.vocab:
            raise BadUsage(
                f"There is no token {low if low < 0 else high}: the vocabulary is 0 to {config.vocab - 1}.",
                "Encode the text with the tokenizer that belongs to this model.",
            )
