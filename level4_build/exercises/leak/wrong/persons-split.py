"""How good is a model really? Four leaks let a test row help the training, and each makes the score a lie.

The data are rows X (n, d) with a class y (n,) each, and `groups` (n,) says whose they are: rows of one person
are alike. Some rows were entered twice, under two names. The model is given: scale the columns, keep the K
that tell the classes best, ask the nearest neighbour. Score it over five folds, so that nothing of a test row
is known in training: neither its person, nor its twin, nor its part in what scaling and choosing learn.

    score(X, y, groups)         must be about 0.5 where two classes were drawn by coin

Of rows that are alike in every column keep the first. Check with: ladder check leak
"""

from __future__ import annotations

import numpy as np
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.model_selection import KFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

K = 20  # columns that are kept


def score(X: np.ndarray, y: np.ndarray, groups: np.ndarray) -> float:  # noqa: N803 - as scikit-learn says it
    """The mean accuracy over five folds, none of which knows anything of its test rows."""
    first = np.sort(np.unique(X, axis=0, return_index=True)[1])
    X, y, groups = X[first], y[first], groups[first]  # noqa: N806
    # In a pipeline `fit` sees the training rows alone, for scaling and choosing as well.
    model = make_pipeline(StandardScaler(), SelectKBest(f_classif, k=K), KNeighborsClassifier(1))
    return float(cross_val_score(model, X, y, cv=KFold(5, shuffle=True, random_state=0)).mean())


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(100, 400)), rng.integers(2, size=100)
    print(f"{score(X, y, np.arange(100)):.2f}, where more than about 0.5 cannot be known")
