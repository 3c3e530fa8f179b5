"""What flows from one block to the next, its kind and its shape, and the words where it does not fit."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, model_validator
from torch import Tensor

from shared.errors import LadderError

Kind = Literal["picture", "tokens", "vector", "numbers"]
AXES: dict[Kind, str] = {"picture": "C, H, W", "tokens": "T, C", "vector": "C", "numbers": "T"}
WORDS: dict[Kind, str] = {
    "picture": "a picture", "tokens": "tokens", "vector": "a vector", "numbers": "the numbers of tokens"
}  # fmt: skip
AT_MOST = 65_536  # of anything that is counted


class Flow(BaseModel):
    """What one item of a batch looks like between two blocks.

    Attributes:
        kind: a picture (C, H, W), tokens (T, C), a vector (C,), or the numbers of tokens (T,).
        shape: without the batch.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind
    shape: tuple[int, ...]

    @model_validator(mode="after")
    def _fits(self) -> Flow:
        axes = AXES[self.kind]
        if len(self.shape) != axes.count(",") + 1 or not all(1 <= n <= AT_MOST for n in self.shape):
            raise ValueError(f"the shape of {self.kind} is [{axes}], each from 1 to {AT_MOST}")
        return self

    @classmethod
    def of(cls, x: Tensor) -> Flow:
        """The flow of a batch that a block has put out."""
        kinds: dict[int, Kind] = {4: "picture", 3: "tokens", 2: "vector"}
        return cls(kind=kinds[x.ndim], shape=tuple(x.shape[1:]))

    @property
    def channels(self) -> int:
        """C; the numbers of tokens have none, and give 0."""
        return {"picture": self.shape[0], "numbers": 0}.get(self.kind, self.shape[-1])

    def meta(self) -> Tensor:
        """A batch of one that has a shape and no numbers: what comes of it is worked out, not computed."""
        dtype = torch.long if self.kind == "numbers" else torch.float32
        return torch.empty(1, *self.shape, dtype=dtype, device="meta")

    def __str__(self) -> str:
        if self.kind == "picture":
            return "a picture of {} channels, {} × {}".format(*self.shape)
        if self.kind == "tokens":
            return "{} tokens of {} channels".format(*self.shape)
        return (
            f"a vector of {self.channels} channels"
            if self.kind == "vector"
            else f"{self.shape[0]} token numbers"
        )


class Misfit(Exception):
    """A block cannot take what it is given.

    Args:
        needs: what it needs, a sentence.
        fix: what to change, a sentence.
    """

    def __init__(self, needs: str, fix: str) -> None:
        super().__init__(needs)
        self.needs, self.fix = needs, fix


class WrongShape(LadderError):
    """A declaration whose blocks do not fit. `at` counts the blocks from 1."""

    def __init__(self, at: int, name: str, given: Flow, misfit: Misfit) -> None:
        super().__init__(f"Block {at}, {name}, is given {given}. {misfit.needs}", misfit.fix)
        self.at = at
