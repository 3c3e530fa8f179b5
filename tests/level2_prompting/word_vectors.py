"""Embeddings that need no model: a text is the words in it. Near means that words are shared."""

from __future__ import annotations

import hashlib
import re

import numpy as np
from langchain_core.embeddings import Embeddings

WIDTH = 256


class WordVectors(Embeddings):
    """Each word adds 1 at a place that its hash gives."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        vector = np.full(WIDTH, 1e-3)
        for word in re.findall(r"\w+", text.lower()):
            vector[int(hashlib.sha256(word.encode()).hexdigest(), 16) % WIDTH] += 1
        return vector.tolist()
