"""The first test of any training: can it learn one batch by heart?

A loop with a mistake in it seldom stops; it learns a little worse, and one blames the data. Eight examples
that are shown again and again leave no excuse: their loss goes to nearly nothing, or something is broken.

    losses = overfit(network, batches)
    losses[0], losses[-1]           must be about 1.1 and 0.005 for three classes

`batches` is an iterator as a data loader gives it. The network comes as an evaluation left it.

Check with: ladder check overfit-one-batch
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - its usual name


def overfit(
    network: nn.Module, batches: Iterator[tuple[Tensor, Tensor]], steps: int = 200, rate: float = 0.3
) -> list[float]:
    """Train on the first batch alone, by plain SGD, with all that training needs.

    Args:
        network: numbers (B, D) in, logits (B, classes) out; it is trained in place.
        batches: numbers (B, D) and classes (B,).

    Returns:
        The cross-entropy of each step, as it was before the step.
    """
    network.train()
    optimiser = torch.optim.SGD(network.parameters(), lr=rate)
    x, y = next(batches)
    losses = []
    for _ in range(steps):
        loss = F.cross_entropy(network(x), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())  # a number: a tensor would keep the whole graph of its step
    return losses


if __name__ == "__main__":
    rng = torch.Generator().manual_seed(0)
    noise = ((torch.randn(8, 4, generator=rng), torch.randint(3, (8,), generator=rng)) for _ in range(1000))
    network = nn.Sequential(
        nn.Linear(4, 32, bias=False), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 3)
    ).eval()
    print([round(loss, 3) for loss in overfit(network, noise)[::20]])
