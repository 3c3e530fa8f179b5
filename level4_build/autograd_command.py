"""The command `ladder level4 autograd`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from shared.cli import example, json_option, say, say_run
from shared.files import results_folder, write_atomic
from shared.progress import progress, waiting
from shared.tables import number, table


@click.command(
    epilog=example(
        "ladder level4 autograd",
        "ladder level4 autograd --hidden 3 --seed 1",
        "ladder level4 autograd --out my-perceptron --json",
    )
)
@click.option("--steps", default=300, show_default=True, help="How many batches.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of points and weights.")
@click.option("--hidden", default=12, show_default=True, help="Neurons of the first layer.")
@click.option("--lr", default=2.0, show_default=True, help="The learning rate at the beginning.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Also keep both pictures here.")
@json_option
def autograd(steps: int, seed: int, hidden: int, lr: float, out: Path | None, as_json: bool) -> None:
    """Train a perceptron on half-moons with a gradient engine that is one page of plain Python.

    First the gradients of one neuron, value by value; then 300 steps of a network, in a few seconds.
    """
    from level4_build import graph, perceptron

    config = perceptron.MoonsConfig(steps=steps, seed=seed, hidden=hidden, lr=lr)
    results_folder(out)
    loss = graph.neuron_example()
    loss.backward()
    if not as_json:
        rows = [
            (row["value"], row["made by"], number(row["data"]), number(row["grad"]))
            for row in graph.rows(loss)
        ]
        click.echo(table(["value", "made by", "number", "gradient"], rows, right=["number", "gradient"]))
    unseen, tenth = not sys.stderr.isatty(), max(1, steps // 10)  # without a terminal there is no bar
    with progress(f"Training on scalars, {steps} steps") as advance:

        def on_step(step: int, value: float) -> None:
            advance(step / steps)
            if unseen and step % tenth == 0:
                say(f"step {step} of {steps}: loss {value:.3f}")

        fit = perceptron.train(config, on_step)
    if not as_json:
        accuracies = [("trained on", fit.train_accuracy), ("not trained on", fit.accuracy)]
        told = [(name, config.count, f"{value:.1%}") for name, value in accuracies]
        click.echo("\n" + table(["points", "count", "accuracy"], told, right=["count", "accuracy"]))
    say(f"{steps} steps in {fit.wall_s:.1f} s; the graph of each batch has {fit.nodes:,} values.")
    with waiting("Recording the run in MLflow …"):
        from level4_build.boundary import png
        from level4_build.first_record import record_autograd

        files = [] if out is None else [
            write_atomic(out / "boundary.png", png(fit)), write_atomic(out / "graph.svg", graph.svg(loss))
        ]  # fmt: skip
        run = record_autograd(fit, loss, source="command")
    if files:
        say(f"Wrote {files[0]} and {files[1]}")
    if as_json:
        result = {
            "steps": steps, "wall_s": fit.wall_s, "loss": fit.losses[-1], "nodes": fit.nodes,
            "accuracy": {"train": fit.train_accuracy, "val": fit.accuracy}, "expression": graph.rows(loss),
            "files": [str(file) for file in files],
        }  # fmt: skip
        click.echo(json.dumps({**result, "run_id": run.id, "url": run.url}, indent=2))
    else:
        say_run(run.url)
