"""Level 5's part of the tour: every check on BitLinear, then a short training beside full precision."""

from __future__ import annotations

from collections.abc import Callable

from shared.errors import LadderError
from shared.tour import Outcome

STEPS = 30


def tour(say: Callable[[str], None]) -> Outcome:
    """Verify the layer, train both networks for a few steps, record the training."""
    from level5_components.bitlinear import BitLinear
    from level5_components.checks import LINEAR
    from level5_components.record import record_train
    from level5_components.train import ARMS, compare, preset
    from level5_components.verify import verify

    findings = verify(BitLinear, LINEAR)
    for finding in findings:
        if not finding.passed:
            raise LadderError(
                f"BitLinear fails at {finding.name!r}: {finding.sentence}", "ladder level5 verify"
            )
    say(f"BitLinear passes all {len(findings)} checks against its paper")
    found = compare(preset(STEPS))
    for arm in ARMS:
        fit = found.fits[arm]
        say(f"{arm}: loss {fit.losses[0]:.2f} to {fit.losses[-1]:.2f}, IoU {fit.macro_iou:.2f}")
    run = record_train(found, source="tour")
    return Outcome(
        f"{len(findings)} checks passed; after {STEPS} steps IoU {found.ternary.macro_iou:.2f} with "
        f"{found.census.share:.0%} of the weights ternary, {found.full.macro_iou:.2f} in full precision",
        run.id,
        run.url,
    )
