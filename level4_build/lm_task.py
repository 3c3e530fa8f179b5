"""The task of language: the next token of the shop's text, by a model in Llama's layout.

    fit(LanguageConfig(steps=200)).scores  # "loss/val", "perplexity/val", "bits_per_byte/val"

The texts of a split are joined to one long line of tokens, each text between <|bos|> and <|eos|>, and cut
into blocks of T + 1. So no place in a batch is empty. In a block the model also sees the text before, which
is another: it learns that nothing carries over a <|bos|>.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Any, Self

import torch
import torch.nn.functional as F  # noqa: N812 - as everywhere
from torch import Tensor

from level4_build.llama import SIZES, Llama, LlamaConfig, initialise
from level4_build.recipe import DEV_BATCHES, Recipe
from level4_build.shop import ShopSplit
from level4_build.task import Batch, Item, Split
from level4_build.text import ShopText
from level4_build.tokens import LEAST, Tokens, train_tokens
from shared.errors import BadUsage

NOTHING = -100  # the target of a place that no token is expected at


@dataclass(frozen=True)
class LanguageConfig(Recipe):
    """All that decides the training of a language model.

    Attributes:
        train_count, val_count: documents to learn, and to score.
        length: T, the tokens of a block.
        vocab: the most tokens that the tokenizer may learn.
        preset: the model's size, one of SIZES; its vocabulary is that of the tokenizer.
    """

    train_count: int = 5000
    val_count: int = 200
    length: int = 128
    vocab: int = 4096
    preset: str = "tiny"

    def __post_init__(self) -> None:
        if self.preset not in SIZES:
            raise BadUsage(f"There is no preset {self.preset!r}.", f"Take one of {', '.join(SIZES)}.")
        super().__post_init__()

    def least(self) -> dict[str, float]:
        return super().least() | {"train_count": 1, "val_count": 1, "length": 1, "vocab": LEAST}

    def most(self) -> dict[str, tuple[float, str]]:
        own: dict[str, float] = {"train_count": 1_000_000, "val_count": 100_000, "vocab": 65_536}
        context = (SIZES[self.preset].context, f" with the preset {self.preset}")
        return super().most() | {name: (high, "") for name, high in own.items()} | {"length": context}

    def task(self) -> Language:
        return Language(self)

    def dev_run(self) -> Self:
        few = DEV_BATCHES * self.batch * 2  # a document gives about one block
        counts = {name: min(getattr(self, name), few) for name in ("train_count", "val_count")}
        return replace(super().dev_run(), **counts)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        return cls(**{f.name: values[f.name] for f in fields(cls) if f.name in values})


class Language:
    """Blocks of tokens, cross-entropy of the next one, perplexity and bits per byte.

    Args:
        scored: the texts that "val" means; the held-out ones are for a model that is chosen already.
    """

    decides, higher = "bits_per_byte/val", False

    def __init__(self, config: LanguageConfig, scored: ShopSplit = "development") -> None:
        self.config = config
        self.scored: ShopSplit = scored

    @property
    def tokens(self) -> Tokens:
        """The tokenizer, trained on the texts that are learnt; made once in each process."""
        return learn_tokens(self.config.train_count, self.config.vocab, self.config.seed)

    def model_config(self) -> LlamaConfig:
        return replace(SIZES[self.config.preset], vocab=len(self.tokens))

    def network(self) -> Llama:
        return initialise(Llama(self.model_config()), torch.Generator().manual_seed(self.config.seed))

    def text(self, split: Split) -> ShopText:
        if split == "train":
            return ShopText("train", self.config.train_count, self.config.seed)
        return ShopText(self.scored, self.config.val_count, self.config.seed)

    def size(self, split: Split) -> int:
        """Blocks of the split; the last one may be short."""
        return math.ceil((len(self.line(split)) - 1) / self.config.length)

    def line(self, split: Split) -> Tensor:
        """The whole split as tokens, (N,) int32."""
        text, config = self.text(split), self.config
        return _line(text.split, text.count, text.seed, config.train_count, config.vocab)

    def batch(self, split: Split, items: Sequence[Item]) -> Batch:
        """Tokens (B, T) int64, and for each the one that follows, (B, T); beyond the end NOTHING follows."""
        blocks = [self._block(split, index) for _, index in items]  # (T + 1,) each
        whole = torch.stack(blocks)
        return whole[:, :-1].clamp(min=0), whole[:, 1:].contiguous()

    def _block(self, split: Split, index: int) -> Tensor:
        """Block `index` begins with the token that ended the one before, so that each is expected once."""
        T = self.config.length  # noqa: N806 - the field's own name
        piece = self.line(split)[index * T : index * T + T + 1].long()
        return F.pad(piece, (0, T + 1 - len(piece)), value=NOTHING)

    def loss(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Cross-entropy in nats, summed over the tokens that are expected, and their number.

        Args:
            outputs: logits (B, T, vocab) of any precision; the loss is in float32 at least.
            targets: tokens (B, T), or NOTHING.
        """
        logits = outputs.to(torch.promote_types(outputs.dtype, torch.float32)).flatten(0, 1)
        summed = F.cross_entropy(logits, targets.flatten(), ignore_index=NOTHING, reduction="sum")
        return summed, (targets != NOTHING).sum()

    def counts(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The summed loss, the tokens, and the bytes of text that they stand for: (3,)."""
        summed, expected = self.loss(outputs, targets)
        sizes = self.tokens.byte_counts().to(targets.device)  # (vocab,)
        written = sizes[targets[targets != NOTHING]].sum()
        return torch.stack([summed.double(), expected.double(), written.double()]).cpu()

    def scores(self, counts: Tensor) -> dict[str, float | None]:
        """The loss is per token, and so another tokenizer changes it; bits per byte can be compared."""
        summed, expected, written = counts.tolist()
        loss = summed / expected
        return {
            "loss/val": loss,
            "perplexity/val": math.exp(min(loss, 700.0)),
            "bits_per_byte/val": summed / math.log(2) / written if written else None,
        }

    def digests(self) -> Mapping[str, str]:
        texts = {"train": self.text("train"), "val": self.text("val")}
        return {
            **{split: _digest(text.split, text.count, text.seed) for split, text in texts.items()},
            "tokens": self.tokens.digest(),
        }


@lru_cache(maxsize=4)
def learn_tokens(count: int, vocab: int, seed: int) -> Tokens:
    """The tokenizer of the first `count` documents to learn."""
    return train_tokens(ShopText("train", count, seed), vocab)


@lru_cache(maxsize=8)
def _digest(split: ShopSplit, count: int, seed: int) -> str:
    """A checkpoint names the data: the text need not be written anew for each."""
    return ShopText(split, count, seed).digest()


@lru_cache(maxsize=4)
def _line(split: ShopSplit, count: int, seed: int, learnt: int, vocab: int) -> Tensor:
    tokens = learn_tokens(learnt, vocab, seed)
    pieces = tokens.encode_all(ShopText(split, count, seed))
    every = [token for piece in pieces for token in (tokens.bos, *piece, tokens.eos)]
    return torch.tensor(every, dtype=torch.int32)
