"""Tokens: byte pairs merged by how often they meet: a common word is one token, and any text has some.

    tokens = train_tokens(texts, vocab=4096)
    ids = tokens.encode("two blue jugs")
    tokens.decode(ids)  # "two blue jugs"

Byte pair encoding (Sennrich et al., arXiv 1508.07909) on the bytes of UTF-8, as GPT-2 has it. A digit is
always a token of its own: a model that copies and adds prices needs to see their digits.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor

from shared.errors import BadUsage, LadderError
from shared.files import write_atomic

SPECIAL = ("<|bos|>", "<|eos|>", "<|pad|>", "<|system|>", "<|user|>", "<|assistant|>")  # ids 0 to 5
LEAST = len(SPECIAL) + 256  # a token for every byte


class Tokens:
    """A trained tokenizer: text in, whole numbers out, and back.

    What stands in a text is always text: "<|eos|>" typed by a user is seven characters and ends nothing. The
    special tokens are written by their ids: `bos`, `eos`, `pad`, `system`, `user`, `assistant`.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        ids = {name: tokenizer.token_to_id(name) for name in SPECIAL}
        there = [number for number in ids.values() if number is not None]
        if len(there) < len(SPECIAL):
            missing = ", ".join(name for name, number in ids.items() if number is None)
            raise LadderError(
                f"The tokenizer has no {missing}.", "Train one: level4_build.tokens.train_tokens"
            )
        self.bos, self.eos, self.pad, self.system, self.user, self.assistant = there
        self._tokenizer = tokenizer
        self._tokenizer.encode_special_tokens = True

    def __len__(self) -> int:
        """How many tokens there are: the model's vocabulary."""
        return self._tokenizer.get_vocab_size()

    def encode(self, text: str) -> list[int]:
        """The tokens of a text, none before it and none after it.

        Raises:
            BadUsage: the text is no Unicode (a lone surrogate, as a broken file name may hold).
        """
        return self.encode_all([text])[0]

    def encode_all(self, texts: Iterable[str]) -> list[list[int]]:
        """The tokens of many texts, on all cores."""
        try:
            return [one.ids for one in self._tokenizer.encode_batch(list(texts))]
        except (TypeError, UnicodeEncodeError):
            raise BadUsage("A text holds half of a character.", "Read its file as UTF-8.") from None

    def decode(self, ids: Iterable[int]) -> str:
        """The text of tokens, the special ones by name. Bytes that are no character become U+FFFD."""
        return self._tokenizer.decode(list(ids), skip_special_tokens=False)

    def byte_counts(self) -> Tensor:
        """How many bytes of text each token stands for: (len(self),) int64; a special token for none."""
        sizes = torch.zeros(len(self), dtype=torch.int64)
        for name, number in self._tokenizer.get_vocab(with_added_tokens=False).items():
            sizes[number] = len(name)  # byte level writes each byte as one character of its own
        sizes[[self._tokenizer.token_to_id(name) for name in SPECIAL]] = 0
        return sizes

    def digest(self) -> str:
        """A hash of the merges: two tokenizers with the same digest cut every text in the same way."""
        return hashlib.sha256(self._tokenizer.to_str().encode()).hexdigest()

    def save(self, folder: Path) -> Path:
        """Write tokenizer.json, and what `transformers` needs to open it as PreTrainedTokenizerFast."""
        about = {
            "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": SPECIAL[0], "eos_token": SPECIAL[1],
            "pad_token": SPECIAL[2], "padding_side": "left", "clean_up_tokenization_spaces": False,
        }  # fmt: skip
        write_atomic(folder / "tokenizer_config.json", json.dumps(about, indent=2) + "\n")
        return write_atomic(folder / "tokenizer.json", self._tokenizer.to_str(pretty=True))

    @classmethod
    def load(cls, folder: Path) -> Tokens:
        """Read what `save` wrote.

        Raises:
            LadderError: there is none, or it is damaged.
        """
        file = folder / "tokenizer.json"
        try:
            return cls(Tokenizer.from_str(file.read_text(encoding="utf-8")))
        except OSError:
            raise LadderError(f"No tokenizer is at {file}.", "Train a language model first.") from None
        except LadderError:
            raise
        except Exception:  # the library raises bare Exception for whatever it cannot read
            raise LadderError(
                f"The tokenizer {file} is damaged.", "Write it again, or name another."
            ) from None


def train_tokens(texts: Iterable[str], vocab: int = 4096) -> Tokens:
    """Learn merges from texts: the pair that meets most often becomes a token, again and again.

    Args:
        vocab: how many tokens at most, the 6 special ones and the 256 bytes included. Few texts give fewer:
            no merge is learnt from a pair that was met once.
    """
    if vocab < LEAST:
        raise BadUsage(f"A vocabulary of {vocab} cannot hold every byte.", f"Take at least {LEAST}.")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab,
        min_frequency=2,
        special_tokens=list(SPECIAL),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return Tokens(tokenizer)
