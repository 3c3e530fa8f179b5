"""The vectors that the exercise `cosine-search` keeps are those of the encoder in the box."""

from __future__ import annotations

import numpy as np

from level2_prompting import LEVEL
from shared.encoder import Encoder


def test_the_kept_vectors_are_the_encoders() -> None:
    kept = np.load(LEVEL.folder / "exercises" / "cosine-search" / "vectors" / "vectors.npz")
    some = slice(None, None, 17)
    fresh = Encoder.load().encode(kept["texts"][some].tolist())
    # Another number of threads adds up in another order; the encoder's own tests allow as much.
    np.testing.assert_allclose(kept["vectors"][some], fresh, atol=1e-5)
