"""The commands of level 5: `ladder level5 verify|train`.

Results go to stdout, everything else to stderr; the link to the recorded run comes last.
"""

from __future__ import annotations

import json
import sys

import click

from shared.cli import example, json_option, say, say_run
from shared.progress import progress, waiting

RECORDING = "Recording the run in MLflow …"
seed_option = click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True)


@click.group(epilog=example("ladder level5 verify", "ladder level5 train"))
def cli() -> None:
    """A layer written from a paper: does it do what the paper says, and does it learn?"""


@cli.command(epilog=example("ladder level5 verify", "ladder level5 verify --seed 1 --json"))
@seed_option
@json_option
def verify(seed: int, as_json: bool) -> None:
    """Check BitLinear against its paper: measured errors, tolerances, and what is wrong if one fails."""
    from level5_components.bitlinear import BitLinear
    from level5_components.checks import LINEAR
    from level5_components.record import record_verify
    from level5_components.verify import verify as work
    from level5_components.verify import verify_table

    with waiting("Checking BitLinear …"):
        findings = work(BitLinear, LINEAR, seed)
    failed = sum(not finding.passed for finding in findings)
    if not as_json:
        click.echo(verify_table(findings))
        say(f"{len(findings) - failed} of {len(findings)} checks passed.")
    with waiting(RECORDING):
        run = record_verify("BitLinear", findings, seed, source="command")
    if as_json:
        told = {"layer": "BitLinear", "passed": not failed, "checks": [f.as_dict() for f in findings]}
        click.echo(json.dumps({**told, "run_id": run.id, "url": run.url}, indent=2))
    else:
        say_run(run.url)
    sys.exit(1 if failed else 0)


@cli.command(epilog=example("ladder level5 train", "ladder level5 train --steps 60 --seed 3 --json"))
@click.option("--steps", type=click.IntRange(1, 100_000), default=300, show_default=True, help="Of each.")
@seed_option
@json_option
def train(steps: int, seed: int, as_json: bool) -> None:
    """Train level 4's network with and without BitLinear: same weights, scenes and order.

    300 steps of each take a minute or two.
    """
    from level4_build.trainer import Step
    from level5_components.record import record_train
    from level5_components.train import ARMS, ONE_SEED, Arm, compare, preset

    with progress(f"Training {' and '.join(ARMS)}") as advance:

        def on_step(arm: Arm, step: Step) -> None:
            advance((ARMS.index(arm) + step.step / step.steps) / len(ARMS))

        found = compare(preset(steps, seed), on_step)
    if not as_json:
        click.echo(found.table())
        click.echo(f"\n{found.size()}\n{ONE_SEED}")
    with waiting(RECORDING):
        run = record_train(found, source="command")
    if as_json:
        click.echo(json.dumps({**found.as_dict(), "run_id": run.id, "url": run.url}, indent=2))
    else:
        say_run(run.url)
