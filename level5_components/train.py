"""Does it learn? Level 4's network twice: as it is, and with its linear layers swapped for BitLinear.

    found = compare(preset(steps=300, seed=0))
    found.full.macro_iou, found.ternary.macro_iou

Both begin with the same weights and see the same scenes in the same order; the rounding is all that differs.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from level4_build.trainer import Fit, Step, TrainConfig, fit, new_model
from level5_components.convert import Census, census, convert_linears
from shared.errors import LadderError
from shared.tables import number, table

Arm = Literal["full precision", "ternary"]
ARMS: tuple[Arm, ...] = ("full precision", "ternary")
ONE_SEED = (
    "One seed is one draw: another changes both numbers. Whether ternary weights cost anything here, "
    "several seeds and an interval can say; that is level 6."
)


def preset(steps: int = 300, seed: int = 0) -> TrainConfig:
    """Small scenes, so that both trainings take a minute and not an evening."""
    return TrainConfig(
        steps=steps, seed=seed, size=32, train_count=512, val_count=128,
        warmup=min(20, steps), eval_every=max(steps // 6, 1),
    )  # fmt: skip


@dataclass(frozen=True)
class Comparison:
    """Both trainings, and what the swap made of the network.

    Attributes:
        census: of the ternary network.
        began: for each training when it began, in seconds since the epoch.
    """

    config: TrainConfig
    fits: dict[Arm, Fit]
    census: Census
    began: dict[Arm, float]

    @property
    def full(self) -> Fit:
        return self.fits["full precision"]

    @property
    def ternary(self) -> Fit:
        return self.fits["ternary"]

    @property
    def difference(self) -> float:
        """Ternary minus full precision, in macro IoU."""
        return self.ternary.macro_iou - self.full.macro_iou

    def table(self) -> str:
        """For the terminal: a line for each class, then the mean, the loss and the time."""
        both = (self.full, self.ternary)
        rows = [(f"IoU {name}", *(number(f.iou[name]) for f in both)) for name in self.full.iou]
        rows += [
            ("IoU, mean of classes", *(number(f.macro_iou) for f in both)),
            ("loss on validation scenes", *(number(f.history[-1].loss) for f in both)),
            ("seconds", *(number(f.wall_s, 1) for f in both)),
        ]
        return table(["", *ARMS], rows, right=ARMS)

    def size(self) -> str:
        """One sentence on what is ternary and how large that would be."""
        c = self.census
        return (
            f"{c.ternary:,} of {c.parameters:,} weights ({c.share:.0%}) are ternary, "
            f"in {len(c.names)} layers. "
            f"Packed they would take {c.packed_bytes / 1e3:,.0f} kB and not {c.float_bytes / 1e3:,.0f} kB, "
            f"{c.bits_per_weight:.1f} bits a weight: computed, for nothing is packed yet."
        )

    def as_dict(self) -> dict[str, Any]:
        """What a script would read."""
        c = self.census
        arms = {
            arm: {
                "macro_iou": f.macro_iou,
                "iou": f.iou,
                "loss_val": f.history[-1].loss,
                "losses": f.losses,
                "wall_s": f.wall_s,
            }
            for arm, f in self.fits.items()
        }
        return {
            "steps": self.config.steps,
            "seed": self.config.seed,
            "arms": arms,
            "difference": self.difference,
            "ternary_share": c.share,
            "bits_per_weight": c.bits_per_weight,
            "packed_bytes": c.packed_bytes,
            "float_bytes": c.float_bytes,
            "note": ONE_SEED,
        }


def compare(
    config: TrainConfig,
    on_step: Callable[[Arm, Step], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Comparison:
    """Train both networks, one after the other.

    Args:
        on_step: told each step that is done, and of which network.
        stop: asked after each step; once it says True, both end.

    Raises:
        LadderError: it was stopped: networks of different lengths cannot be compared.
    """
    fits: dict[Arm, Fit] = {}
    began: dict[Arm, float] = {}
    swapped = Census((), 0, 0)
    for arm in ARMS:
        model = new_model(config)  # the same first weights each time
        if arm == "ternary":
            model = convert_linears(model)
            swapped = census(model)

        def tell(step: Step, arm: Arm = arm) -> None:
            if on_step:
                on_step(arm, step)

        began[arm] = time.time()
        fits[arm] = fit(config, model, tell, stop=stop)
        if (done := fits[arm].steps) < config.steps:
            raise LadderError(
                f"Stopped at step {done} of {config.steps}, {arm}: there is nothing to compare.",
                "Train both to the end; fewer steps are faster.",
            )
    return Comparison(config, fits, swapped, began)
