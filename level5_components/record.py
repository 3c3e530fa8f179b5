"""What is kept of a verification and of a comparison. Called after the result has been shown."""

from __future__ import annotations

from collections.abc import Sequence

from safetensors.torch import save

from level4_build.scenes import Scenes
from level4_build.trainer import Fit
from level5_components import LEVEL
from level5_components.figure import curves
from level5_components.train import ARMS, Comparison
from level5_components.verify import Finding
from shared.tracking import Run, track


def record_verify(layer: str, findings: Sequence[Finding], seed: int = 0, **tags: str) -> Run:
    """Record what the checks measured; returns when everything is written.

    Args:
        layer: the name of the layer that was checked.
        tags: more to find it by, for example `source="page"`.
    """
    told = {"engine": "torch", "device": "cpu", "seed": seed, **tags}
    with track(LEVEL.slug, f"verify {layer}", {"layer": layer, "seed": seed}, told) as run:
        run.metrics(checks=len(findings), failures=sum(not f.passed for f in findings))
        run.metrics({f"error/{f.name}": f.error for f in findings})
        run.table(
            "findings.json",
            {
                "check": [f.name for f in findings],
                "passed": [f.passed for f in findings],
                "error": [f.error for f in findings],
                "tolerance": [f.tolerance for f in findings],
                "sentence": [f.sentence for f in findings],
            },
        )
    return run


def record_train(found: Comparison, **tags: str) -> Run:
    """Record a comparison: a run with a child for each network, and both curves in one figure."""
    config, size = found.config, found.census
    told = {"engine": "torch", "device": "cpu", "seed": config.seed, **tags}
    params = {**config.as_dict(), "swapped": ", ".join(size.names)}
    name = f"train {config.steps} steps"
    with track(LEVEL.slug, name, params, told, began=found.began[ARMS[0]]) as run:
        for split, count, context in (
            ("train", config.train_count, "training"),
            ("val", config.val_count, "val"),
        ):
            scenes = Scenes(split, count, config.size, config.seed)  # type: ignore[arg-type]
            source = f"level4_build.scenes.Scenes({split!r}, {count}, {config.size}, {config.seed})"
            run.dataset(f"scenes-{split}", scenes.digest(), source, context)
        for arm in ARMS:
            with run.child(arm, {**params, "network": arm}, began=found.began[arm], **told) as child:
                _fill(child, found.fits[arm])
        run.metrics(
            {
                "iou/val/full": found.full.macro_iou,
                "iou/val/ternary": found.ternary.macro_iou,
                "iou/val/difference": found.difference,
                "ternary_share": size.share,
                "bits_per_weight": size.bits_per_weight,
                "packed_bytes": size.packed_bytes,
                "float_bytes": size.float_bytes,
                "wall_s": sum(f.wall_s for f in found.fits.values()),
            }
        )
        run.figure("curves.png", curves({arm: found.fits[arm] for arm in ARMS}))
    return run


def _fill(run: Run, fit: Fit) -> None:
    for step, loss in enumerate(fit.losses, 1):
        run.metrics({"loss/train": loss}, step)
    for at in fit.history:
        run.metrics({"loss/val": at.loss, "iou/val": at.macro_iou}, at.step)
    run.metrics({f"iou/val/{name}": value for name, value in fit.iou.items()}, fit.steps)
    run.metrics(wall_s=fit.wall_s)
    run.artifact("weights.safetensors", save(fit.model.state_dict()))
