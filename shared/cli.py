"""The command `ladder`. It stays light: each subcommand imports what it needs when it is called.

ladder up          service, MLflow UI and demo pages; Ctrl-C ends all three
ladder level1 …    a level's own commands
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from io import TextIOWrapper
from typing import Any

import click

from shared import __version__
from shared.errors import LadderError
from shared.interrupt import wait_for_imports
from shared.levels import levels

STUDY = {  # in shared/study_commands.py
    "init": "Make your workspace, apart from the course.",
    "list": "The exercises and their state.",
    "check": "Check the exercise you are at.",
    "watch": "Check it on every save.",
    "hint": "A hint, up to three an exercise.",
    "solution": "The solution, as a diff after the pass.",
    "reset": "Begin an exercise anew; yours is kept.",
    "gate": "A level's exam.",
    "report": "A page to show what you have done.",
    "dev": "For authors of exercises.",
}


class Ladder(click.Group):
    """Finds `levelN` in the registry and imports that level's `cli.py` only when it is asked for."""

    def list_commands(self, context: click.Context) -> list[str]:
        return [*super().list_commands(context), *STUDY, *(level.command for level in levels())]

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name in STUDY:
            return import_module("shared.study_commands").COMMANDS.get(name)
        for level in levels():
            if level.command == name:
                return import_module(f"{level.package}.cli").cli
        return super().get_command(context, name)

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(context, args)
        except click.NoSuchCommand as error:  # click suggests only from commands that are loaded
            raise click.NoSuchCommand(
                error.command_name, possibilities=self.list_commands(context), ctx=context
            ) from None

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Levels"):
            formatter.write_dl([(level.command, level.title) for level in levels()])
        with formatter.section("The study path"):
            formatter.write_dl(list(STUDY.items()))
        own = [(name, command) for name, command in sorted(self.commands.items()) if not command.hidden]
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.get_short_help_str(70)) for name, command in own])

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except LadderError as error:
            click.echo(f"Error: {error}", err=True)
            context.exit(error.exit_code)
        except KeyboardInterrupt as stopped:
            click.echo(f"\n{str(stopped) or 'Stopped.'}", err=True)
            context.exit(130)


def example(*lines: str) -> str:
    """The epilog of a command: how one would type it."""
    return "\b\nExample:\n" + "\n".join(f"  {line}" for line in lines)


json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


@click.group(cls=Ladder, invoke_without_command=True, epilog=example("ladder up", "ladder level1 --help"))
@click.version_option(__version__, prog_name="ladder")
@click.pass_context
def cli(context: click.Context) -> None:
    """Six levels of working with AI, one runnable project a level.

    With no command: where you stand on the ladder, and the next step.
    """
    if context.invoked_subcommand is None:
        from shared.tour import where_you_stand

        click.echo(where_you_stand())


@cli.command(
    short_help="Start service, MLflow UI and pages; Ctrl-C ends them.",
    epilog=example("ladder up", "ladder up --tour --no-browser"),
)
@click.option("--tour", is_flag=True, help="Also run each level's main job once.")
@click.option("--browser/--no-browser", default=True, help="Open the first page where there is a browser.")
def up(tour: bool, browser: bool) -> None:
    """Start the local AI service, the MLflow UI and the demo pages; Ctrl-C ends all three."""
    from shared.processes import up as start

    sys.exit(start(open_browser=browser, tour=tour, say=say))


@cli.command(short_help="Each level's main job once.", epilog=example("ladder tour", "ladder tour --json"))
@click.option("--again", is_flag=True, help="Run every level, also those that have run before.")
@json_option
def tour(again: bool, as_json: bool) -> None:
    """Run each level's main job once, with a table of results and run links.

    A level takes 30 s at most on two cores that have nothing else to do.
    """
    from shared.tour import run, tour_table

    stops = run(say, again=again)
    click.echo(json.dumps([stop.as_dict() for stop in stops], indent=2) if as_json else tour_table(stops))
    sys.exit(1 if any(stop.state == "failed" for stop in stops) else 0)


@cli.command(
    short_help="The local AI service alone.", epilog=example("ladder serve", "ladder serve --port 9000")
)
@click.option("--port", type=click.IntRange(1, 65535), help="Default: LADDER_SERVICE_PORT, 8321.")
def serve(port: int | None) -> None:
    """Run the local AI service alone: an OpenAI-compatible server on loopback."""
    from shared.processes import serve as start

    sys.exit(start(port, say))


@cli.command(short_help="The MLflow UI alone.", epilog=example("ladder ui"))
@click.option("--browser/--no-browser", default=True, help="Open the page where there is a browser.")
def ui(browser: bool) -> None:
    """Open the MLflow UI on the ladder's own store, whatever directory you are in."""
    from shared.processes import ui as start

    sys.exit(start(open_browser=browser, say=say))


@cli.command(
    short_help="The last runs, with links.",
    epilog=example("ladder runs", "ladder runs --level 1 --limit 5 --json"),
)
@click.option("--level", type=click.IntRange(1, 6), help="Only this level's runs.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1000))
@json_option
def runs(level: int | None, limit: int, as_json: bool) -> None:
    """List the last runs of all levels, with links into the MLflow UI."""
    from shared import runs as store

    found = store.last_runs(level, limit)
    click.echo(json.dumps(found, indent=2) if as_json else store.runs_table(found, level))


@cli.command(
    short_help="Runs side by side.",
    epilog=example("ladder compare 3f2a 91bc", "ladder compare 3f2a 91bc --json"),
)
@click.argument("run_ids", metavar="RUN RUN…", nargs=-1, required=True)
@json_option
def compare(run_ids: tuple[str, ...], as_json: bool) -> None:
    """Show runs side by side: what differs in their settings, and every metric.

    A RUN is an id as `ladder runs` shows it; its first characters are enough.
    """
    from shared import runs as store

    found = store.compare(run_ids)
    click.echo(json.dumps(found, indent=2) if as_json else store.compare_table(found))


@cli.group(
    short_help="What models there are; fetch one by name.",
    invoke_without_command=True,
    epilog=example("ladder models", "ladder models pull whisper-tiny"),
)
@json_option
@click.pass_context
def models(context: click.Context, as_json: bool) -> None:
    """List every model the ladder knows: size, licence, shutdown date, and whether it is here."""
    if context.invoked_subcommand is None:
        from shared.models import models_json
        from shared.tables import models_table

        found = models_json()
        click.echo(json.dumps(found, indent=2) if as_json else models_table(found))


@models.command(epilog=example("ladder models pull whisper-tiny"))
@click.argument("name")
def pull(name: str) -> None:
    """Download a model by name, after saying how large it is. The only command that downloads."""
    from shared.pull import pull as fetch

    fetch(name, say)


@cli.command(
    short_help="Check this machine, and what mends it.",
    epilog=example("ladder doctor", "ladder doctor --json"),
)
@json_option
def doctor(as_json: bool) -> None:
    """Check this machine: one line a fact, and for each failure what mends it."""
    from shared.doctor import as_json as to_json
    from shared.doctor import check, render

    facts = check()
    click.echo(json.dumps(to_json(facts), indent=2) if as_json else render(facts))
    sys.exit(1 if any(fact.status == "FAIL" for fact in facts) else 0)


def say(message: str) -> None:
    """A message to the person, on stderr, so that stdout holds results alone."""
    click.echo(message, err=True)


def say_run(url: str | None, kind: str = "Run") -> None:
    """The link to the run or trace that was recorded, last, and how to open it where the UI does not run."""
    if url:
        from shared import store
        from shared.baselines import reached

        for slug, best in reached().items():
            if best.url == url:
                level = next(level for level in levels() if level.slug == slug)
                say(f"This reaches the baseline of level {level.number}. Where you stand: ladder")
        say(f"{kind}: {url}" + ("" if store.ui_runs() else "  (open it with: ladder ui)"))


def main() -> None:
    for stream in (sys.stdout, sys.stderr):  # a terminal that has no "✓" gets a "?", not a traceback
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    wait_for_imports()
    cli.main(prog_name="ladder")


if __name__ == "__main__":
    main()
