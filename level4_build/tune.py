"""Settings by trial: which learning rate, width, batch … the network learns best with on a small budget.

    study = tune(Plan(trials=12, steps=60))
    study.best.settings, study.importance

Optuna's TPE proposes from what the trials before it gave (Bergstra et al., *Algorithms for Hyper-Parameter
Optimization*, NeurIPS 2011, section 4); a trial that is worse than the median of the others at the same point
is cut short. Every trial sees as many scenes, so a small batch gets more steps. The first one has the default
settings, so that it can be seen what the search adds.

All trials are scored on the same validation scenes, so the best score is also the luckiest one. Confirm it
with another seed before believing it.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from level4_build.segmentation import TrainConfig
from level4_build.trainer import Step, fit
from level4_build.tune_store import opened
from level4_build.unet import UNetConfig
from shared.errors import BadUsage, LadderError

if TYPE_CHECKING:
    import optuna

State = Literal["complete", "pruned", "diverged"]
BATCH = TrainConfig.batch  # `steps` of a plan are steps of so many scenes
LOOKS = 4  # evaluations in a trial; after each it may be cut short
STARTUP = 5  # trials at random before TPE has enough to go by
BEFORE_PRUNING = 3  # complete trials before any is cut short
LEAST_TOLD = 8  # complete trials before importance means anything
DEFAULT = {"lr": 3e-3, "weight_decay": 0.01, "width": 16, "batch": 16, "transformer_layers": 2}


@dataclass(frozen=True)
class Plan:
    """How to search.

    Attributes:
        trials: how many, those of an earlier start included.
        steps: how long each may be, in steps of 16 scenes.
        size: side of the scenes in pixels.
        seed: of the search, and of every trial's scenes and first weights.
        train_count, val_count: how many scenes to learn and to score.
    """

    trials: int = 12
    steps: int = 60
    size: int = 64
    seed: int = 0
    train_count: int = TrainConfig.train_count
    val_count: int = TrainConfig.val_count

    def __post_init__(self) -> None:
        for name, least in (("trials", 1), ("steps", 2 * LOOKS), ("seed", 0)):
            if getattr(self, name) < least:
                raise BadUsage(f"{name} is {getattr(self, name)}.", f"It must be at least {least}.")

    def config(self, settings: dict[str, Any]) -> TrainConfig:
        """The training of a trial: as many scenes as any other, however large its batches."""
        width, batch = settings["width"], settings["batch"]
        steps = max(LOOKS, self.steps * BATCH // batch)
        return TrainConfig(
            steps=steps, batch=batch, lr=settings["lr"], weight_decay=settings["weight_decay"],
            warmup=min(TrainConfig.warmup, steps // 5), eval_every=math.ceil(steps / LOOKS), seed=self.seed,
            size=self.size, train_count=self.train_count, val_count=self.val_count,
            model=UNetConfig(
                widths=(width, 2 * width, 4 * width), transformer_layers=settings["transformer_layers"]
            ),
        )  # fmt: skip

    @property
    def name(self) -> str:
        """Of its study in the home: trials are added to one that was planned the same."""
        same = {name: value for name, value in asdict(self).items() if name != "trials"}
        told = json.dumps([same, DEFAULT, LOOKS, STARTUP, BEFORE_PRUNING])
        return f"segmenter-{hashlib.sha256(told.encode()).hexdigest()[:12]}"


@dataclass(frozen=True)
class Trial:
    """One training of the search.

    Attributes:
        number: from 1 on; 1 has the default settings.
        state: `pruned` if it was cut short, `diverged` if its loss became no number.
        scores: macro IoU at each of its evaluations.
        losses: of every step.
    """

    number: int
    state: State
    settings: dict[str, Any]
    scores: tuple[float, ...]
    wall_s: float
    losses: tuple[float, ...] = field(default=(), repr=False)

    @property
    def score(self) -> float:
        """The last one; nan if it never came to be scored."""
        return self.scores[-1] if self.scores else math.nan

    def as_dict(self) -> dict[str, Any]:
        """What a script would read."""
        plain = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "losses"}
        return plain | {"macro_iou": None if math.isnan(self.score) else self.score}


@dataclass(frozen=True)
class Study:
    """What came of a search.

    Attributes:
        importance: the share of each setting in what sets the better trials apart, from PED-ANOVA (Watanabe
            et al., IJCAI 2023); empty where too few trials ran to their end.
    """

    plan: Plan
    trials: list[Trial]
    importance: dict[str, float]

    @property
    def complete(self) -> list[Trial]:
        """Those that ran to their end."""
        return [each for each in self.trials if each.state == "complete"]

    @property
    def best(self) -> Trial:
        """The best of these."""
        return max(self.complete, key=lambda each: each.score)

    @property
    def default(self) -> float | None:
        """What the default settings reach; None if they diverged."""
        return self.trials[0].score if self.trials[0].state == "complete" else None

    def config(self) -> TrainConfig:
        """The training that was best."""
        return self.plan.config(self.best.settings)

    def as_dict(self) -> dict[str, Any]:
        """What a script would read."""
        return {
            "plan": asdict(self.plan), "scored_on": "validation",
            "trials": [each.as_dict() for each in self.trials],
            "best": self.best.as_dict(), "importance": self.importance, "config": self.config().as_dict(),
        }  # fmt: skip


def suggest(trial: optuna.Trial) -> dict[str, Any]:
    """The search space: what may be tried."""
    return {
        "lr": trial.suggest_float("lr", 3e-4, 3e-2, log=True),
        "weight_decay": trial.suggest_float("weight_decay", 1e-4, 1e-1, log=True),
        "width": trial.suggest_categorical("width", [8, 16, 24]),  # at full size; it doubles twice
        "batch": trial.suggest_categorical("batch", [8, 16, 32]),
        "transformer_layers": trial.suggest_int("transformer_layers", 0, 3),
    }


def tune(
    plan: Plan,
    on_step: Callable[[int, Step], None] = lambda trial, step: None,
    on_trial: Callable[[Trial], None] = lambda trial: None,
    fresh: bool = False,
) -> Study:
    """Search until there are as many trials as planned; one that was stopped goes on.

    What a trial tries depends on the plan and on the trials before it alone, so a search that was stopped
    tries what it would have tried.

    Args:
        on_step: told each step, and the number of its trial.
        on_trial: told each trial that has ended.
        fresh: forget the trials of an earlier start.

    Raises:
        LadderError: another search goes on in this home, or no trial ran to its end.
        KeyboardInterrupt: Ctrl-C; what has ended is kept.
    """
    with opened(plan.name, BEFORE_PRUNING, fresh) as study:
        while (number := len(ended(study)) + 1) <= plan.trials:
            on_trial(_run(plan, study, number, on_step))
        trials = ended(study)
        if not any(each.state == "complete" for each in trials):
            raise LadderError(
                f"None of {len(trials)} trials ran to its end.", "Search on with more: --trials 24"
            )
        return Study(plan, trials, _importance(study))


# One trial -------------------------------------------------------------------------------------------


def _run(plan: Plan, study: optuna.Study, number: int, on_step: Callable[[int, Step], None]) -> Trial:
    """Ask for settings, train by them, tell what came of it."""
    import optuna

    seed = int(np.random.SeedSequence([plan.seed, number]).generate_state(1)[0])
    study.sampler = optuna.samplers.TPESampler(n_startup_trials=STARTUP, seed=seed)
    if number == 1:
        study.enqueue_trial(DEFAULT, skip_if_exists=True)
    asked = study.ask()
    config = plan.config(suggest(asked))
    scores: list[float] = []
    losses: list[float] = []
    began = time.monotonic()
    state: State = "complete"

    def look(step: Step) -> None:
        losses.append(step.loss)
        on_step(number, step)
        if step.evaluation is not None:
            scores.append(step.evaluation.macro_iou)
            asked.report(scores[-1], step=len(scores))
            if step.step < step.steps and asked.should_prune():
                raise optuna.TrialPruned

    try:
        fit(config, on_step=look)
    except optuna.TrialPruned:
        state = "pruned"
    except BadUsage:
        raise
    except LadderError:  # the loss became no number: the worst that settings can do, and worth knowing
        state = "diverged"
    except KeyboardInterrupt:
        study.tell(asked, state=optuna.trial.TrialState.FAIL)
        raise KeyboardInterrupt(
            f"Stopped in trial {number} of {plan.trials}: the same again goes on with it."
        ) from None
    wall_s = time.monotonic() - began
    for name, value in (("state", state), ("wall_s", wall_s)):
        asked.set_user_attr(name, value)
    if state == "complete":
        study.tell(asked, scores[-1])
    else:
        study.tell(asked, state=optuna.trial.TrialState.PRUNED)
    return Trial(number, state, dict(asked.params), tuple(scores), wall_s, tuple(losses))


# What has ended ---------------------------------------------------------------------------------------


def ended(study: optuna.Study) -> list[Trial]:
    """The trials that have ended, in their order. One that was stopped is not among them."""
    from optuna.trial import TrialState

    found = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
    return [
        Trial(
            number, each.user_attrs["state"], dict(each.params),
            tuple(each.intermediate_values[at] for at in sorted(each.intermediate_values)),
            each.user_attrs["wall_s"],
        )
        for number, each in enumerate(found, start=1)
    ]  # fmt: skip


def _importance(study: optuna.Study) -> dict[str, float]:
    """See `Study`."""
    import optuna
    from optuna.trial import TrialState

    if len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))) < LEAST_TOLD:
        return {}
    found = optuna.importance.get_param_importances(study)
    return {name: float(value) for name, value in found.items()}
