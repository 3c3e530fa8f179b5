"""The trainer: a step, an evaluation, the loop around them. Plain torch, from top to bottom.

    done = fit(TrainConfig(steps=300), checkpoint=Path("checkpoint.pt"))
    done.macro_iou, done.losses[-1]

What is trained, on what, and how well it does, `recipe.task()` says. And nothing here depends on when it was
stopped: the learning rate and the batch are functions of the step, and the rest is in the checkpoint. So a
training that is killed and resumed ends with the very bits of one that ran through (on the same machine, with
as many threads and processes).
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from level4_build import checkpoint as files
from level4_build.distributed import Ranks
from level4_build.ema import Average
from level4_build.interrupts import interrupts
from level4_build.loader import Order, learnt, loader
from level4_build.outcome import Evaluation as Evaluation
from level4_build.outcome import Fit as Fit
from level4_build.outcome import Step as Step
from level4_build.precision import FULL, Precision, choose
from level4_build.recipe import Recipe
from level4_build.schedules import better, drops_at, learning_rate, out_of_patience
from level4_build.segmentation import (
    TrainConfig as TrainConfig,
)  # the task that this level begins with, so that
from level4_build.segmentation import new_model as new_model  # `trainer` alone is enough to train one
from level4_build.task import Batch, Item, Split, Task
from shared.errors import LadderError

EVAL_BATCH = 32  # items at once where no gradient is needed


# The loop --------------------------------------------------------------------------------------------


def fit(
    config: Recipe,
    model: nn.Module | None = None,
    on_step: Callable[[Step], None] | None = None,
    checkpoint: Path | None = None,
    stop: Callable[[], bool] | None = None,
    ranks: Ranks | None = None,
) -> Fit:
    """Train by a recipe, and evaluate on what is not trained on.

    Args:
        model: trained in place; by default the network of the task.
        on_step: told each step that is done.
        checkpoint: kept here every `save_every` steps; one that is there is gone on from.
        stop: asked after each step; the training ends early, evaluated, once it says True.
        ranks: the processes that train together; by default this one alone.

    Raises:
        LadderError: the loss is no number any more, or the checkpoint is of another training.
        KeyboardInterrupt: Ctrl-C or SIGTERM; the checkpoint has been written.
    """
    ranks = ranks or Ranks()
    began = time.monotonic()
    with files.own_randomness(config.seed + ranks.rank), interrupts() as interrupted:
        trainer = Trainer(config, model, ranks)
        if checkpoint is not None and checkpoint.exists():
            trainer.restore(checkpoint)
        resumed_at, earlier = trainer.done, trainer.wall_s

        def keep() -> None:
            trainer.wall_s = earlier + time.monotonic() - began
            if checkpoint is not None:
                state = trainer.state()
                if ranks.rank == 0:
                    files.save(checkpoint, state)

        pieces = trainer.pieces() if not trainer.complete else iter(())
        while not trainer.complete:
            lr = trainer.rate()
            loss = trainer.step([next(pieces) for _ in range(config.accumulate)], lr)
            asked, enough = ranks.any(interrupted.is_set(), stop is not None and stop())
            evaluation = None
            if enough or trainer.done % config.eval_every == 0 or trainer.done == config.steps:
                evaluation = trainer.evaluate()
            if trainer.done % config.save_every == 0 or trainer.complete or asked or enough:
                keep()
            if on_step is not None:
                on_step(Step(trainer.done, config.steps, loss, lr, evaluation))
            if asked and not trainer.complete:
                kept = "the same again goes on from here" if checkpoint is not None else "nothing was kept"
                raise KeyboardInterrupt(f"Stopped after step {trainer.done} of {config.steps}: {kept}.")
            if enough:
                break
        del pieces  # its workers end here, and not when Python gets round to it
        trainer.wall_s = earlier + time.monotonic() - began if trainer.done > resumed_at else earlier
        return trainer.hand_back(resumed_at)


class Trainer:
    """A network in training: what one step does, how it is scored, what a checkpoint holds.

    Attributes:
        losses: of the steps so far.
        history: the evaluations so far.
        best: the best of them, and the weights that it was of.
    """

    def __init__(self, recipe: Recipe, model: nn.Module | None = None, ranks: Ranks | None = None) -> None:
        self.recipe, self.ranks, self.task = recipe, ranks or Ranks(), recipe.task()
        self.device = self.ranks.device
        self.precision = choose(recipe.precision, self.device)
        self.model = (self.task.network() if model is None else model).to(self.device).train()
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=recipe.lr, weight_decay=recipe.weight_decay
        )
        self.average = Average(self.model, recipe.ema) if recipe.ema else None
        self.items = learnt(recipe, self.task)
        self.losses: list[float] = []
        self.history: list[Evaluation] = []
        self.best: tuple[Evaluation, dict[str, Tensor]] | None = None
        self.wall_s = 0.0

    @property
    def done(self) -> int:
        return len(self.losses)

    @property
    def complete(self) -> bool:
        return self.done == self.recipe.steps or out_of_patience(self.history, self.recipe, self.task)

    def rate(self) -> float:
        """The learning rate of the step that comes."""
        return learning_rate(self.done, self.recipe, drops_at(self.history, self.recipe, self.task))

    def pieces(self) -> Any:
        """The pieces of the batches from here on, as this process has its share of them."""
        order = Order(self.recipe, self.items, self.done, self.ranks.rank, self.ranks.count)
        return loader(self.task, self.recipe, order, self.device)

    def step(self, pieces: Sequence[Batch], lr: float) -> float:
        """One step down the gradient of one batch. Returns its loss.

        The gradient is summed over the pieces and the processes, and divided once by what it is a sum over.
        """
        self.optimizer.zero_grad()
        total = torch.zeros(2, dtype=torch.float64, device=self.device)  # the loss, and what it is a sum over
        for inputs, targets in pieces:
            summed, count = self._loss(inputs, targets)
            summed.backward()
            total += torch.stack([summed.detach().double(), count.double()])
        gradients = [p.grad for p in self.model.parameters() if p.grad is not None]
        self.ranks.add_up([total])
        self.ranks.add_up(gradients)
        for gradient in gradients:
            gradient /= total[1]
        length = nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip)
        loss, longest = torch.stack([total[0] / total[1], length.double()]).tolist()
        if math.isfinite(loss) and math.isfinite(longest):
            for group in self.optimizer.param_groups:
                group["lr"] = lr
            self.optimizer.step()
            if self.average is not None:
                self.average.update(self.model)
        else:  # every process has the same sums, so all of them come here
            self._pass_over(loss, longest)
            loss = math.nan
        self.losses.append(loss)
        return loss

    @torch.no_grad()
    def evaluate(self) -> Evaluation:
        """Score the network (the averaged one, where there is one) on all items that are not trained on."""
        with self.average.in_place(self.model) if self.average is not None else nullcontext():
            overfit = self.recipe.overfit_batches > 0
            split: Split = "train" if overfit else "val"
            count = self.items if overfit else self.task.size("val")
            found = evaluate(
                self.model, self.task, split, count, self.done, ranks=self.ranks, precision=self.precision
            )
            self.history.append(found)
            regular = self.done % self.recipe.eval_every == 0 or self.done == self.recipe.steps
            if regular and better(found, self.best[0] if self.best else None, self.task):
                self.best = found, _copied(self.model)
        return found

    # What is kept --------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """All that `restore` needs. Every process has to ask for it: randomness is gathered from all."""
        regular = [
            e for e in self.history if e.step % self.recipe.eval_every == 0 or e.step == self.recipe.steps
        ]
        epoch, position = divmod(self.done * self.recipe.batch, self.items)
        return {
            "config": self.recipe.as_dict(), "network": fingerprint(self.model),
            "data": dict(self.task.digests()), "code": files.code_digest(), "precision": self.precision.name,
            "step": self.done, "epoch": epoch, "position": position,
            "model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(),
            "average": self.average.state() if self.average is not None else None,
            "random": self.ranks.gather(files.random_state()),
            "losses": torch.tensor(self.losses, dtype=torch.float64),
            "history": [asdict(each) for each in regular],
            "best": (asdict(self.best[0]), self.best[1]) if self.best else None, "wall_s": self.wall_s,
        }  # fmt: skip

    def restore(self, path: Path) -> None:
        """Be where the checkpoint was.

        Raises:
            LadderError: it is damaged, or of another training.
        """
        state = files.load(path)
        self._refuse_others(path, state)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.average is not None:
            self.average.restore(state["average"])
        self.losses, self.wall_s = state["losses"].tolist(), state["wall_s"]
        self.history = [Evaluation(**each) for each in state["history"]]
        self.best = (Evaluation(**state["best"][0]), state["best"][1]) if state["best"] else None
        if self.ranks.rank < len(state["random"]):  # with more processes than before, the new ones begin anew
            files.set_random_state(state["random"][self.ranks.rank])

    def hand_back(self, resumed_at: int) -> Fit:
        """The network that came of it, and how it went."""
        if self.average is not None:
            self.model.load_state_dict(self.average.weights)
        evaluation = self.history[-1]
        if self.recipe.patience and self.best:
            evaluation, weights = self.best
            self.model.load_state_dict(weights)
        return Fit(
            self.recipe, self.model.cpu().eval(), self.losses, self.history, evaluation, self.wall_s,
            resumed_at, self.precision.name, self.device.type,
        )  # fmt: skip

    # Small parts ---------------------------------------------------------------------------------------

    def _loss(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        inputs, targets = (
            inputs.to(self.device, non_blocking=True),
            targets.to(self.device, non_blocking=True),
        )
        with self.precision.autocast(self.device):
            outputs = self.model(inputs)
        return self.task.loss(outputs, targets)  # outside: in float32

    def _pass_over(self, loss: float, longest: float) -> None:
        """Accept that a step cannot be done, or stop if there were too many in a row."""
        row = 1
        while row <= len(self.losses) and math.isnan(self.losses[-row]):
            row += 1
        if row > self.recipe.skip:
            what = f"The loss became {loss}" if not math.isfinite(loss) else f"The gradient became {longest}"
            lr, clip = self.recipe.lr, self.recipe.clip
            raise LadderError(
                f"{what} at step {self.done + 1} of {self.recipe.steps}.",
                f"Lower the learning rate (it is {lr:g}), or clip more (it is {clip:g}).",
            )

    def _refuse_others(self, path: Path, state: dict[str, Any]) -> None:
        before, now = state["config"], self.recipe.decisive()
        differs = {name: before.get(name, "another") for name in now if before.get(name) != now[name]}
        if not differs:
            here = {"network": fingerprint(self.model), "data": dict(self.task.digests())}
            differs = {name: "another" for name, value in here.items() if state[name] != value}
        if not differs and state["precision"] != self.precision.name:
            differs = {"precision": state["precision"]}
        if differs:
            changed = ", ".join(f"{name} was {value}" for name, value in differs.items())
            raise LadderError(
                f"The checkpoint {path} is of another training: {changed}.",
                "Train with those settings to go on with it, or start anew with --fresh or another --out.",
            )


# Parts that stand alone ------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(
    model: nn.Module,
    task: Task,
    split: Split = "val",
    count: int | None = None,
    step: int = 0,
    batch: int = EVAL_BATCH,
    ranks: Ranks | None = None,
    precision: Precision = FULL,
) -> Evaluation:
    """Score a network on the first `count` items of a split, by default on all.

    Counts are summed over the items and the processes first, and turned into scores once. Each item is scored
    by one process alone, so that none weighs twice where the set does not divide evenly.
    """
    ranks = ranks or Ranks(device=next(model.parameters()).device)
    items = [Item(0, index) for index in range(task.size(split) if count is None else count)]
    batches = [items[first : first + batch] for first in range(0, len(items), batch)]
    mine, training = None, model.training
    model.eval()
    for each in batches[ranks.rank :: ranks.count]:
        inputs, targets = (tensor.to(ranks.device) for tensor in task.batch(split, each))
        with precision.autocast(ranks.device):
            outputs = model(inputs)
        counts = task.counts(outputs, targets).cpu()
        mine = counts if mine is None else mine + counts
    model.train(training)
    total = torch.stack([found for found in ranks.gather(mine) if found is not None]).sum(0)
    return Evaluation(step, task.scores(total))


def fingerprint(model: nn.Module) -> str:
    """A hash of what a network is made of, layer by layer; its weights do not matter."""
    return hashlib.sha256(repr(model).encode()).hexdigest()


def _copied(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}
