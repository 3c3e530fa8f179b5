"""A cross-encoder reads question and passage together, and says in one number how well they fit.

    CrossEncoder.load("ms-marco-minilm").scores("What holds back the sea?", ["A tide gate …"])    # (1,)

It sees what two vectors made apart cannot, and costs a run of the model for each passage (Nogueira and Cho,
"Passage Re-ranking with BERT", 2019). None comes in the box: it is a folder of one's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from shared.errors import LadderError
from shared.settings import settings

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerFast

BATCH = 16  # pairs read at once
MOST_TOKENS = 512  # of a question and a passage together; a passage has some 120


class CrossEncoder:
    """A model that gives a pair of texts one number.

    Args:
        model: transformers' model for sequence classification, with one label.
        tokenizer: the one that it was trained with.
    """

    def __init__(self, model: torch.nn.Module, tokenizer: PreTrainedTokenizerFast) -> None:
        self._model, self._tokenizer = model.eval(), tokenizer

    @classmethod
    @lru_cache(maxsize=1)
    def load(cls, name: str) -> CrossEncoder:
        """The model in a folder, or in the folder of that name among the models of the home.

        Raises:
            LadderError: there is no cross-encoder in it.
        """
        import torch
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        folder = Path(name) if Path(name).is_dir() else settings().models / name
        try:
            model = AutoModelForSequenceClassification.from_pretrained(
                folder, local_files_only=True, use_safetensors=True, dtype=torch.float32
            )
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError) as error:
            raise LadderError(
                f"{folder} holds no cross-encoder.",
                "Name a folder with config.json and model.safetensors, or leave the cross-encoder out.",
            ) from error
        if model.config.num_labels != 1:
            raise LadderError(
                f"The model in {folder} gives {model.config.num_labels} numbers for a pair, not one.",
                "Name a cross-encoder that was trained to rank.",
            )
        return cls(model, tokenizer)  # type: ignore[arg-type]

    def scores(self, question: str, passages: Sequence[str]) -> np.ndarray:
        """How well each of the N passages fits, (N,): larger is better, of no fixed range."""
        import torch

        found = np.zeros(len(passages), np.float32)
        for first in range(0, len(passages), BATCH):
            batch = list(passages[first : first + BATCH])
            pairs = self._tokenizer(
                [question] * len(batch), batch, truncation=True, max_length=MOST_TOKENS, padding=True,
                return_tensors="pt",
            )  # fmt: skip
            with torch.inference_mode():
                found[first : first + BATCH] = self._model(**pairs).logits[:, 0].float().numpy()
        return found
