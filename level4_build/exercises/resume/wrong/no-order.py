"""Stop a training after any step, go on in a new process, and end with the very same weights, bit for bit.

    first = Training(seed=1)            # takes 5 steps; save(first) goes into a file
    later = Training(seed=2)            # a new process, which knows nothing of the first
    load(later, state)                  # the state from the file; then 7 steps

must give `later` the weights of a Training(seed=1) that took 12 steps. What must the state not lack?

Check with: ladder check resume
"""

from copy import deepcopy

import torch
from torch import nn

X = torch.linspace(-1, 1, 16).view(8, 2)  # eight examples
Y = X.sin().sum(dim=1)


class Training:
    """Complete: read it, and look for all that the next step depends on."""

    def __init__(self, seed: int) -> None:
        self.random = torch.Generator().manual_seed(seed)
        self.network = nn.Linear(2, 1, bias=False)
        nn.init.normal_(self.network.weight, generator=self.random)
        self.optimiser = torch.optim.SGD(self.network.parameters(), lr=0.1, momentum=0.9)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimiser, lambda step: 0.9**step)
        self.order, self.place = torch.randperm(8, generator=self.random), 0

    def step(self) -> None:
        """One example, with some noise in it; after the last of them they are shuffled anew."""
        chosen = self.order[self.place]
        noise = 0.1 * torch.randn(2, generator=self.random)
        self.optimiser.zero_grad()
        (self.network(X[chosen] + noise) - Y[chosen]).square().sum().backward()
        self.optimiser.step()
        self.schedule.step()
        self.place += 1
        if self.place == len(X):
            self.order, self.place = torch.randperm(8, generator=self.random), 0


def save(training: Training) -> dict:
    """All that a training needs to go on: tensors and plain values, which later steps do not change."""
    state = {
        "network": training.network.state_dict(),
        "optimiser": training.optimiser.state_dict(),
        "schedule": training.schedule.state_dict(),
        "random": training.random.get_state(),
        "order": training.order,
        "place": training.place,
    }
    return deepcopy(state)  # state_dict() hands out the tensors that the next step changes


def load(training: Training, state: dict) -> None:
    """Be where the state was saved."""
    training.network.load_state_dict(state["network"])
    training.optimiser.load_state_dict(state["optimiser"])
    training.schedule.load_state_dict(state["schedule"])
    training.random.set_state(state["random"])
    training.place = state["place"]


if __name__ == "__main__":
    training = Training(seed=1)
    training.step()
    print(save(training))
