"""Find a learning rate by trying them all, one step each: the range test.

The rates rise by the same factor from step to step, since 0.001 and 0.01 differ as much as 0.1 and 1 do. At
first nothing happens, then the loss falls, then everything breaks. A good rate is where the loss falls
fastest; where it is lowest is too late, for there the breaking has begun.

    tried = rates(0.001, 10.0, 5)                      must be [0.001, 0.01, 0.1, 1.0, 10.0]
    steepest(tried, [2.0, 1.9, 1.0, 0.9, 1.5])         must be 0.1

Check with: ladder check learning-rate
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from copy import deepcopy

import numpy as np
from torch import nn

BROKEN = 4.0  # the test is over where the loss is so many times the lowest so far


def rates(low: float, high: float, count: int) -> list[float]:
    """So many rates from `low` to `high`, each the same factor above the one before."""
    return np.geomspace(low, high, count).tolist()


def sweep(network: nn.Module, step: Callable[[float], float], rates: Sequence[float]) -> list[float]:
    """The loss after one step with each rate, all in a row; the network is afterwards as it was before.

    Args:
        step: takes one step with a rate, which changes the network, and gives the loss after it.

    Returns:
        The losses up to the first that is broken, which is left out: no number, infinite, or above BROKEN
        times the lowest before it. There are then fewer than rates.
    """
    before = deepcopy(network.state_dict())  # without deepcopy these would be the very tensors that change
    losses: list[float] = []
    for rate in rates:
        loss = step(rate)
        if not math.isfinite(loss) or (losses and loss > BROKEN * min(losses)):
            break
        losses.append(loss)
    network.load_state_dict(before)
    return losses


def steepest(rates: Sequence[float], losses: Sequence[float]) -> float:
    """The rate at which the loss falls fastest, per factor of the rate: the slope over its logarithm."""
    return rates[int(np.argmin(losses))]


if __name__ == "__main__":
    print(rates(0.001, 10.0, 5))
    print(steepest([0.001, 0.01, 0.1, 1.0, 10.0], [2.0, 1.9, 1.0, 0.9, 1.5]))
