"""Level 4's part of the tour: a short training, scored on scenes that it has not seen, in a few seconds."""

from __future__ import annotations

from collections.abc import Callable

from shared.tour import Outcome

STEPS = 60
EVERY = 20


def tour(say: Callable[[str], None]) -> Outcome:
    """Train a U-Net on small scenes; its weights are kept if no network is there yet."""
    from level4_build import weights
    from level4_build.record import record
    from level4_build.trainer import Step, TrainConfig, fit

    config = TrainConfig(steps=STEPS, size=48, val_count=32, train_count=256)

    def tell(step: Step) -> None:
        if step.step % EVERY == 0:
            say(f"step {step.step} of {step.steps}: loss {step.loss:.2f}")

    done = fit(config, on_step=tell)
    run = record(done, "tour", keep=not weights.place().exists(), source="tour")
    result = f"U-Net, {done.steps} steps: macro IoU {done.macro_iou:.2f} on {config.val_count} scenes"
    return Outcome(result, run.id, run.url)
