"""A small network with scikit-learn's `fit` and `predict`, so that it is measured as its baselines are.

network = SmallNetwork(classes=10).fit(X, y)
network.predict(X)

One hidden layer, trained by plain torch. Goodfellow et al., Deep Learning, chapter 6.
"""

from __future__ import annotations

import numpy as np
import torch
from sklearn.base import BaseEstimator
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - as everywhere
from torch.nn.utils import skip_init


class SmallNetwork(BaseEstimator):
    """Linear, ReLU, linear: the class of a row, or its number.

    Args:
        classes: how many there are; 0 for a number.
        hidden: units between the two layers.
        epochs: passes over the rows.
        batch: rows in each step.
        lr: learning rate of AdamW (Loshchilov and Hutter, arXiv 1711.05101).
        decay: its weight decay.
        seed: decides the first weights and the order of the rows.
    """

    def __init__(
        self,
        classes: int,
        hidden: int = 64,
        epochs: int = 40,
        batch: int = 32,
        lr: float = 0.003,
        decay: float = 0.01,
        seed: int = 0,
    ) -> None:
        self.classes, self.hidden, self.epochs, self.batch = classes, hidden, epochs, batch
        self.lr, self.decay, self.seed = lr, decay, seed

    def fit(self, X: np.ndarray, y: np.ndarray) -> SmallNetwork:  # noqa: N803 - as scikit-learn calls it
        """Train on rows (n, d), whose columns should have about the same scale, and targets (n,)."""
        g = torch.Generator().manual_seed(self.seed)
        self.middle_, self.scale_ = (0.0, 1.0) if self.classes else (float(y.mean()), float(y.std()) or 1.0)
        self.net_ = self._network(X.shape[1], g)
        inputs = torch.tensor(X, dtype=torch.float32)  # (n, d)
        targets = torch.tensor(y) if self.classes else torch.tensor((y - self.middle_) / self.scale_).float()
        optimiser = torch.optim.AdamW(self.net_.parameters(), lr=self.lr, weight_decay=self.decay)
        for _ in range(self.epochs):
            for chosen in torch.randperm(len(inputs), generator=g).split(self.batch):
                loss = self._loss(self.net_(inputs[chosen]), targets[chosen])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
        return self

    @torch.inference_mode()
    def predict(self, X: np.ndarray) -> np.ndarray:  # noqa: N803
        """The class, or the number, of each row: (n, d) -> (n,)."""
        found = self.net_(torch.tensor(X, dtype=torch.float32))  # (n, classes or 1)
        return found.argmax(1).numpy() if self.classes else found[:, 0].numpy() * self.scale_ + self.middle_

    def _loss(self, found: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(found, targets) if self.classes else F.mse_loss(found[:, 0], targets)

    def _network(self, inputs: int, g: torch.Generator) -> nn.Sequential:
        """The layers, their weights drawn from this generator alone (He et al., arXiv 1502.01852)."""
        first = skip_init(nn.Linear, inputs, self.hidden)  # nn.Linear itself would draw from the global one
        last = skip_init(nn.Linear, self.hidden, self.classes or 1)
        for layer in (first, last):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=g)
            nn.init.zeros_(layer.bias)
        return nn.Sequential(first, nn.ReLU(), last)
