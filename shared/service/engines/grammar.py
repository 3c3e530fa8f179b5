"""Answers that keep to a JSON schema: only tokens that can still lead to a valid answer may be said.

The automaton is llguidance's. It says before each token which of the vocabulary may follow.
"""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from shared.service.refusal import Refusal

if TYPE_CHECKING:
    from llguidance import LLTokenizer
    from transformers import PreTrainedTokenizerFast

# No blanks between the parts: where any number of them is valid, an unsure model says nothing else.
SPELLING = {"whitespace_flexible": False}


def vocabulary(tokenizer: PreTrainedTokenizerFast, width: int, ends: Collection[int]) -> LLTokenizer:
    """What the automaton must know of a model; costs about a second for a big vocabulary.

    Args:
        width: scores that the model gives a step.
        ends: the tokens that end an answer.
    """
    from llguidance.hf import from_tokenizer

    return from_tokenizer(tokenizer, n_vocab=max(width, len(tokenizer)), eos_token=sorted(ends))


class Grammar:
    """Where one answer stands in its schema.

    Raises:
        Refusal: the schema cannot be promised.
    """

    def __init__(self, schema: Mapping[str, Any], tokens: LLTokenizer) -> None:
        from llguidance import LLMatcher, LLParserLimits

        grammar = LLMatcher.grammar_from_json_schema(dict(schema), overrides=SPELLING)  # type: ignore[arg-type]
        self._matcher = LLMatcher(tokens, grammar, log_level=0, limits=LLParserLimits(verbose_errors=False))
        self._complain("this schema cannot be promised")

    def masked(self, scores: torch.Tensor) -> torch.Tensor:
        """The scores (V,), with minus infinity where the answer would not be valid any more."""
        bits = np.frombuffer(self._matcher.compute_bitmask(), np.uint8)
        allowed = torch.from_numpy(np.unpackbits(bits, count=len(scores), bitorder="little").astype(bool))
        self._complain("the answer got lost in this schema")
        return scores.masked_fill(~allowed, float("-inf"))

    def accept(self, token: int) -> bool:
        """Go on by one token. True if the answer is whole and nothing could follow."""
        self._matcher.consume_token(token)
        self._complain("the answer got lost in this schema")
        return bool(self._matcher.is_stopped())

    def _complain(self, what: str) -> None:
        if self._matcher.is_error():
            reason = textwrap.shorten(self._matcher.get_error(), 300, placeholder=" …").rstrip(".")
            raise Refusal(f"response_format: {what}: {reason}.", param="response_format")
