"""The same training without a stop and with one; the check has one of its own, and forgets on purpose."""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from shared.study.case import Case

EXAMPLES = 8
STATE = ("optimiser", "schedule", "random", "order", "place")
FORGOTTEN = {
    "weights-alone": STATE,
    "starts-the-epoch-anew": ("shuffles",),
    "no-optimiser": ("optimiser",),
    "no-schedule": ("schedule",),
    "no-randomness": ("random",),
    "no-order": ("order",),
    "no-place": ("place",),
}


def cases(work: ModuleType, rng: np.random.Generator) -> Iterator[Case]:
    yield Case(
        "a state that can be written to a file and read with weights_only=True",
        call="save",
        run=_readable,
        given="torch.save and torch.load of save(training)",
        expected="read",
        mistakes={"whole-objects": lambda got: got != "read"},
    )
    yield Case(
        "a state while the training goes on",
        call="save",
        run=_changed,
        given="state = save(training), then three more steps",
        expected="a state in which nothing has changed",
        holds=lambda got: got == [],
        mistakes={"still-alive": lambda got: bool(got)},
    )
    yield _case("stopped after 5 of 12 steps", 1, 5, 12)
    yield _case("stopped at the end of an epoch", 1, EXAMPLES, 12)
    yield _case("stopped before the first step", 3, 0, 12)
    seed, stop = int(rng.integers(2**31)), int(rng.integers(EXAMPLES + 1, 2 * EXAMPLES))
    yield _case(f"another training, stopped after {stop} of 40 steps", seed, stop, 40)


def _case(title: str, seed: int, stop: int, steps: int) -> Case:
    return Case(
        title,
        call="load",
        run=lambda work: _resumed(work, seed, stop, steps),
        given=f"the weights after {stop} steps, a file, and {steps - stop} steps in a new process",
        expected=_weights(_trained(seed, steps)),  # no tolerance: to the bit
        mistakes={name: _forgetful(seed, stop, steps, parts) for name, parts in FORGOTTEN.items()},
    )


def _weights(training: Any) -> Tensor:
    return training.network.weight.detach()[0].clone()


def _readable(work: ModuleType) -> str:
    training = work.Training(0)
    training.step()
    state = work.save(training)
    try:
        _through_a_file(state)
    except (pickle.PicklingError, pickle.UnpicklingError, AttributeError, TypeError) as error:
        return type(error).__name__
    return "read"


def _through_a_file(state: Any) -> Any:
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def _changed(work: ModuleType) -> list[str]:
    """Which parts of a state are others after some more steps."""
    training = work.Training(0)
    training.step()
    state = work.save(training)
    before = _through_a_file(state)
    for _ in range(3):
        training.step()
    return [str(name) for name in before if repr(before[name]) != repr(state[name])]


def _resumed(work: ModuleType, seed: int, stop: int, steps: int) -> Tensor:
    first = work.Training(seed)
    for _ in range(stop):
        first.step()
    later = work.Training(seed + 1)
    work.load(later, _through_a_file(work.save(first)))
    for _ in range(steps - stop):
        later.step()
    return _weights(later)


# The oracle: the training itself, and what becomes of it if a part is forgotten ----------------------------


class _Training:
    """The training of the exercise, so that a learner's change to it is not taken for the truth."""

    def __init__(self, seed: int) -> None:
        self.random = torch.Generator().manual_seed(seed)
        self.network = nn.Linear(2, 1, bias=False)
        nn.init.normal_(self.network.weight, generator=self.random)
        self.optimiser = torch.optim.SGD(self.network.parameters(), lr=0.1, momentum=0.9)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimiser, lambda step: 0.9**step)
        self.order, self.place = torch.randperm(EXAMPLES, generator=self.random), 0
        self.x = torch.linspace(-1, 1, 2 * EXAMPLES).view(EXAMPLES, 2)
        self.y = self.x.sin().sum(dim=1)

    def step(self) -> None:
        chosen = self.order[self.place]
        noise = 0.1 * torch.randn(2, generator=self.random)
        self.optimiser.zero_grad()
        (self.network(self.x[chosen] + noise) - self.y[chosen]).square().sum().backward()
        self.optimiser.step()
        self.schedule.step()
        self.place += 1
        if self.place == EXAMPLES:
            self.order, self.place = torch.randperm(EXAMPLES, generator=self.random), 0


def _trained(seed: int, steps: int) -> _Training:
    training = _Training(seed)
    for _ in range(steps):
        training.step()
    return training


def _forgetful(seed: int, stop: int, steps: int, parts: tuple[str, ...]) -> Tensor:
    """The weights of a training whose new process has the old one's parts but for these."""
    first, later = _trained(seed, stop), _Training(seed + 1)
    later.network.load_state_dict(first.network.state_dict())
    if "optimiser" not in parts:
        later.optimiser.load_state_dict(first.optimiser.state_dict())
    if "schedule" not in parts:
        later.schedule.load_state_dict(first.schedule.state_dict())
    if "random" not in parts:
        later.random.set_state(first.random.get_state())
    if "order" not in parts:
        later.order = first.order
    if "place" not in parts:
        later.place = first.place
    if "shuffles" in parts:
        later.order, later.place = torch.randperm(EXAMPLES, generator=later.random), 0
    for _ in range(steps - stop):
        later.step()
    return _weights(later)
