"""The commands of level 4: `ladder level4 train|resume|predict|…`.

Results go to stdout, everything else to stderr; the link to the recorded run comes last.
"""

from __future__ import annotations

import click

from level4_build.autograd_command import autograd
from level4_build.baselines_command import baselines
from level4_build.build_command import build
from level4_build.evaluate_command import evaluate
from level4_build.export_command import export, models
from level4_build.predict_command import predict
from level4_build.train_command import resume, train
from level4_build.tune_command import tune
from shared.cli import example


@click.group(epilog=example("ladder level4 train", "ladder level4 resume", "ladder level4 predict scene:3"))
def cli() -> None:
    """Build a network from blocks, train it, stop and resume it, and use what it has learnt."""


cli.add_command(autograd)
cli.add_command(baselines)
cli.add_command(build)
cli.add_command(train)
cli.add_command(resume)
cli.add_command(evaluate)
cli.add_command(predict)
cli.add_command(models)
cli.add_command(export)
cli.add_command(tune)
