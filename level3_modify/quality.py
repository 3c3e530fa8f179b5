"""How much of an encoder's quality is left: by its vectors, and by what the vectors are for.

Two measures that teach different things. Agreement asks whether the changed encoder gives the same vectors.
Retrieval asks whether it still finds the right passage. Vectors may move far before any passage changes rank.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from level2_prompting.evaluate import Encode, Retrieval
from shared.stats import Interval, bootstrap_ratio


@dataclass(frozen=True)
class Agreement:
    """The cosine between the vectors of a text before and after the change: mean and worst text."""

    mean: float
    worst: float


def agreement(changed: np.ndarray, reference: np.ndarray) -> Agreement:
    """Compare vectors (N, width) of the same texts, row by row.

    Raises:
        ValueError: the two do not hold the same number of vectors, or none.
    """
    if changed.shape != reference.shape or not len(changed):
        raise ValueError(f"need the same texts twice, got {changed.shape} and {reference.shape}")
    a, b = changed.astype(np.float64), reference.astype(np.float64)
    cosines = (a * b).sum(1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))  # (N,)
    return Agreement(float(cosines.mean()), float(cosines.min()))


@dataclass(frozen=True)
class Shift:
    """How a mean over questions moved against the reference, and how far chance goes."""

    mean: float
    interval: Interval

    @property
    def certain(self) -> bool:
        """Whether the interval leaves out 0: a difference that more than chance explains."""
        return self.interval.low > 0 or self.interval.high < 0

    @property
    def lost(self) -> bool:
        """Whether it fell, by more than chance explains."""
        return self.interval.high < 0


def shift(changed: Sequence[float], reference: Sequence[float], rng: np.random.Generator) -> Shift:
    """The mean difference over the same questions, with its paired bootstrap interval.

    Paired: a drawn question brings both of its values along, so that hard questions, which lower both sides,
    do not widen the interval.

    Args:
        changed, reference: (n,) one value a question, in the same order.
        rng: the generator that draws.
    """
    differences = np.asarray(changed, float) - np.asarray(reference, float)
    interval = bootstrap_ratio(differences, np.ones(len(differences)), rng, unit="questions")
    return Shift(float(differences.mean()), interval)


def remembering(encode: Encode) -> Encode:
    """The same function, which encodes no text twice: a corpus is long, and is asked for more than once."""
    known: dict[str, np.ndarray] = {}

    def look_up(texts: Sequence[str]) -> np.ndarray:
        new = [text for text in dict.fromkeys(texts) if text not in known]
        if new:
            known.update(zip(new, encode(new), strict=True))
        return np.stack([known[text] for text in texts]) if texts else encode(texts)

    return look_up


def hits(retrieval: Retrieval, k: int) -> list[float]:
    """For each question 1 if a relevant passage is among the first k, else 0."""
    return [float(rank is not None and rank <= k) for rank in retrieval.ranks]
