"""Token ids to text as they come: never half a character, and half a mark is seen to be one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

HALF = "\ufffd"  # what bytes that are no whole character are decoded to


class Spelling:
    """The text of one answer. What all calls return together is the decoded answer.

    Args:
        tokenizer: the model's own.
        spoken: special tokens that belong to the text all the same.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast, spoken: Sequence[str] = ()) -> None:
        self._tokenizer = tokenizer
        self._silent = {
            number
            for number, token in tokenizer.added_tokens_decoder.items()
            if token.special and token.content not in spoken
        }
        self._ids: list[int] = []
        self._before = 0  # ids from here to `_said` are told already: some tokenizers put a blank by what
        self._said = 0  # stands before, so that the next ones are spelled together with them

    def add(self, token: int) -> str:
        """The characters that became whole with this token, perhaps none."""
        if token in self._silent:
            return ""
        self._ids.append(token)
        text = self._decode(self._ids[self._before :])
        return "" if text.endswith(HALF) else self._new(text)

    def rest(self) -> str:
        """At the end: the whole characters that were held for the sake of half a one, which is dropped."""
        return self._new(self._decode(self._ids[self._before :]).rstrip(HALF))

    def _new(self, text: str) -> str:
        known = self._decode(self._ids[self._before : self._said])
        self._before, self._said = self._said, len(self._ids)
        return text[len(known) :]

    def _decode(self, ids: list[int]) -> str:
        plain = {"skip_special_tokens": False, "clean_up_tokenization_spaces": False}
        return str(self._tokenizer.decode(ids, **plain))


def begun(text: str, marks: Iterable[str]) -> int:
    """How many characters at the end of the text could be the beginning of a mark."""
    sizes = (
        n for mark in marks for n in range(min(len(mark) - 1, len(text)), 0, -1) if text.endswith(mark[:n])
    )
    return max(sizes, default=0)
