"""Which passages are nearest in meaning to a question? Exact cosine search.

An encoder turns each text into a vector of D numbers; texts that mean nearly the same point nearly the same
way. The cosine of the angle between two vectors is their dot product divided by the product of their lengths:
1 for the same direction, 0 for none in common, and 0 by agreement where one of them has no length.

    passages = np.array([[0.0, 9.0], [5.0, 5.0], [0.1, 0.0]])
    search(np.array([1.0, 0.0]), passages, k=2)        [(2, 1.0), (1, 0.707…)]

Check with: ladder check cosine-search
"""

import numpy as np


def cosines(question: np.ndarray, passages: np.ndarray) -> np.ndarray:
    """The cosine of the question (D,) with each passage (N, D); (N,), of the same dtype."""
    lengths = np.linalg.norm(passages, axis=1) * np.linalg.norm(question)  # (N,)
    return passages @ question / np.maximum(lengths, 1e-12)  # 0 / 0 would be NaN, which sorts anywhere


def best(scores: np.ndarray, k: int) -> np.ndarray:
    """The places of the k highest of the scores (N,), the highest first; all N where k is larger."""
    return np.argsort(scores)[-k:]


def search(question: np.ndarray, passages: np.ndarray, k: int) -> list[tuple[int, float]]:
    """The k nearest passages as (place, cosine), the nearest first."""
    scores = cosines(question, passages)
    return [(int(place), float(scores[place])) for place in best(scores, k)]


if __name__ == "__main__":
    passages = np.array([[0.0, 9.0], [5.0, 5.0], [0.1, 0.0], [0.0, 0.0]])
    for place, cosine in search(np.array([1.0, 0.0]), passages, k=9):
        print(f"{cosine:.3f}  passage {place}")
