"""Encode the passages and the questions of level 2 once, so that a check need not load the encoder.

    python level2_prompting/exercises/cosine-search/vectors/make_vectors.py

Run it again after a change of the articles, the questions or the splitter: the check says so.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from level2_prompting.corpus import articles
from level2_prompting.questions import questions
from level2_prompting.split import split
from shared.encoder import Encoder

FILE = Path(__file__).with_name("vectors.npz")


def main() -> None:
    chunks = [chunk for article in articles() for chunk in split(article.text, article.name)]
    asked = [question for question in questions() if question.answerable]
    texts = [chunk.text for chunk in chunks] + [question.text for question in asked]
    np.savez_compressed(FILE, texts=texts, vectors=Encoder.load().encode(texts))  # (N,), (N, 384) float32
    print(f"{FILE.name}: {len(chunks)} passages, {len(asked)} questions, {FILE.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
