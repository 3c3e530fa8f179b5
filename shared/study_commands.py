"""The commands of the study path: init, list, check, watch, hint, solution, reset, gate, report, and dev.

`shared/cli.py` imports this module when one of them is asked for.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shared.cli import example, json_option, say
from shared.errors import BadUsage
from shared.levels import levels
from shared.progress import waiting
from shared.study.exercise import Exercise, course, exercise

if TYPE_CHECKING:
    from shared.study.workspace import Workspace


class Names(click.ParamType):
    """The name of an exercise, completed by the shell."""

    name = "exercise"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Exercise:
        return value if isinstance(value, Exercise) else exercise(str(value))

    def shell_complete(self, ctx: click.Context, param: click.Parameter, start: str) -> list:
        from click.shell_completion import CompletionItem

        return [CompletionItem(one.name) for one in course() if one.name.startswith(start)]


name_argument = click.argument("one", metavar="[NAME]", type=Names(), required=False)
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


@click.command(epilog=example("ladder init", "ladder init ~/my-ladder"))
@click.argument("folder", metavar="[DIR]", type=click.Path(path_type=Path), required=False)
def init(folder: Path | None) -> None:
    """Make your workspace: a folder of your own with the exercises, apart from the course.

    DIR is new or empty; by default my-ladder in this directory. Typed again it takes up a workspace that is
    there and brings what is new in the course; what you have written stays.
    """
    from shared.study.record import references
    from shared.study.workspace import make

    workspace, is_new = make(folder)
    for line in workspace.update():
        say(line)
    progress = workspace.book.read()
    plain = [one for one in course() if not one.gate]
    count = sum(progress.passed(one) for one in plain)
    told = f"{len(plain)} exercises" if is_new else f"{count} of {len(plain)} exercises passed"
    click.echo(f"Your workspace: {workspace.folder} ({told})")
    _next(workspace, is_new)
    with waiting("Bringing the reference runs into MLflow; you can begin meanwhile …"):
        references(course())


def _next(workspace: Workspace, is_new: bool) -> None:
    one = workspace.book.read().open()
    if one:
        click.echo(f"\nNext: open {workspace.file(one)}\n      then type: ladder check")
        if is_new:
            click.echo("      or let it check on every save: ladder watch")


@click.command("list", epilog=example("ladder list", "ladder list --level 1 --json"))
@click.option("--level", type=click.IntRange(1, 6), help="Only this level's exercises.")
@json_option
def list_(level: int | None, as_json: bool) -> None:
    """List the exercises with their state, the minutes they take, and what they need."""
    from shared.study.progress import Progress
    from shared.study.show import list_table
    from shared.study.workspace import find, no_workspace

    workspace = find()
    progress = workspace.book.read() if workspace else Progress()
    chosen = [one for one in course() if level in (None, one.level.number)]
    if as_json:
        rows = [
            {
                "name": one.name, "level": one.level.number, "title": one.about.title, "gate": one.gate,
                "minutes": one.about.minutes, "needs": one.about.needs,
                "file": str(workspace.file(one)) if workspace else None, **progress.of(one).model_dump(),
            }
            for one in chosen
        ]  # fmt: skip
        click.echo(json.dumps(rows, indent=2))
        return
    click.echo(list_table(chosen, progress))
    say(f"Workspace: {workspace.folder}" if workspace else str(no_workspace()))


@click.command(epilog=example("ladder check", "ladder check subtitles -v", "ladder check --all --json"))
@name_argument
@click.option("--all", "every", is_flag=True, help="Every exercise that you have begun, and all that passed.")
@click.option("-v", "--verbose", is_flag=True, help="Every case, the whole traceback, all that was printed.")
@json_option
def check(one: Exercise | None, every: bool, verbose: bool, as_json: bool) -> None:
    """Check an exercise: the one you are at, or the one you name.

    NAME is the exercise's name or the path of its file. Exit code 0 means that it passed.
    """
    if every:
        sys.exit(_check_all(as_json))
    workspace = _workspace()
    chosen = one or workspace.book.read().open()
    if chosen is None:
        say("Every exercise has passed, or its level's gate. Check them all again with: ladder check --all")
        return
    sys.exit(_check_one(workspace, chosen, verbose, as_json))


def _check_one(workspace: Workspace, one: Exercise, verbose: bool, as_json: bool) -> int:
    from shared import store
    from shared.study import show
    from shared.study.attempt import attempt, keep
    from shared.study.standing import next_step, standing

    if not as_json:
        say(f"Checking {one.name} …")
    with waiting(f"Checking {one.name}"):
        verdict = attempt(workspace, one)
    passed = verdict.state == "PASS"
    if not as_json:
        click.echo(show.verdict_text(one, verdict, whole=verbose))
    with waiting("Recording the run …"):
        recorded = keep(workspace, one, verdict) if passed else None
    progress = workspace.book.read()
    if as_json:
        run = {"run": recorded.url, "compare": recorded.compare} if recorded else {}
        click.echo(json.dumps({**verdict.as_dict(), **run}, indent=2, ensure_ascii=False))
        return 0 if passed else 1
    if passed:
        click.echo(show.after_pass(one, verdict, recorded, workspace))
    if recorded and recorded.url and not store.ui_runs():
        say("  Open these links with: ladder ui")
    step = next_step(standing(workspace), workspace)
    following = (progress.open() if step.file else None) if passed else one
    keys = "" if following else f"Next: {step.command}   ({step.words})"
    click.echo("\n" + show.foot(following, progress, workspace, keys))
    return 0 if passed else 1


def _check_all(as_json: bool) -> int:
    from shared.study.attempt import attempt_all, begun
    from shared.study.show import list_table

    workspace = _workspace()
    chosen = begun(workspace)
    if not chosen:
        say("No exercise has been begun yet. Start with: ladder check")
        return 0
    verdicts = attempt_all(workspace, chosen, say)
    if as_json:
        click.echo(json.dumps([verdict.as_dict() for verdict in verdicts], indent=2, ensure_ascii=False))
    else:
        click.echo(list_table(chosen, workspace.book.read()))
    return 0 if all(verdict.state == "PASS" for verdict in verdicts) else 1


@click.command(epilog=example("ladder watch", "ladder watch subtitles"))
@name_argument
def watch(one: Exercise | None) -> None:
    """Check an exercise on every save of its file, until you press q.

    NAME is by default the exercise that you are at. Keys: n next, h hint, s skip, l list, c check all,
    v more, x reset, q quit.
    """
    from shared.study.watch import watch as start

    workspace = _workspace()
    chosen = one or workspace.book.read().open()
    if chosen is None:
        say("Every exercise has passed, or its level's gate. Name the one to watch; see: ladder list")
        return
    start(workspace, chosen)


@click.command(epilog=example("ladder hint", "ladder hint 2", "ladder hint subtitles 1"))
@click.argument("words", nargs=-1, metavar="[NAME] [N]")
def hint(words: tuple[str, ...]) -> None:
    """Show the next hint for an exercise, or hint N of three.

    NAME is by default the exercise that you are at.
    """
    from shared.study.attempt import show_hint
    from shared.study.show import prose

    numbers = [int(word) for word in words if word.isdigit()]
    names = [word for word in words if not word.isdigit()]
    if len(numbers) > 1 or len(names) > 1:
        raise BadUsage(
            "A hint is asked for by one name and one number.", "For example: ladder hint subtitles 2"
        )
    workspace = _workspace()
    one = exercise(names[0]) if names else _current(workspace)
    count = len(one.about.hints)
    if not count:
        click.echo(f"{one.name} is a gate: no hints this time.")
        return
    found = show_hint(workspace, one, numbers[0] if numbers else None)
    if found is None:
        raise BadUsage(f"{one.name} has {count} hints, and no hint {numbers[0]}.", f"Choose 1 to {count}.")
    click.echo(f"Hint {found[0]} of {count} for {one.name}\n\n{prose(found[1])}")
    if not numbers and found[0] == count:
        say("\nThat is the last; an earlier one: ladder hint 1")


@click.command(epilog=example("ladder solution", "ladder solution subtitles --yes"))
@name_argument
@yes_option
def solution(one: Exercise | None, yes: bool) -> None:
    """Show the solution of an exercise: after the pass as a diff to yours.

    Before the pass it asks once, and marks the exercise as seen; it can still be passed.
    """
    from shared.study.attempt import look_at_solution
    from shared.study.show import solution_diff

    workspace = _workspace()
    one = one or _current(workspace, last=True)
    entry = workspace.book.read().of(one)
    if not entry.passed and not entry.seen and not yes:
        _ask(f"{one.name} has not passed yet. Show its solution, and mark it as seen?")
    look_at_solution(workspace, one)
    if not entry.passed:
        click.echo(one.solution.read_text(encoding="utf-8").rstrip())
    elif diff := solution_diff(workspace, one):
        click.echo(diff)
    else:
        say("Yours is the solution, line by line.")
    say(f"It lies in {workspace.solution(one)}")


@click.command(epilog=example("ladder reset subtitles", "ladder reset subtitles --yes"))
@name_argument
@yes_option
def reset(one: Exercise | None, yes: bool) -> None:
    """Begin an exercise anew: its starter comes back, and your file is kept as a backup."""
    workspace = _workspace()
    one = one or _current(workspace)
    if not yes and workspace.file(one).exists():
        _ask(f"Put the starter of {one.name} in place of your file?")
    kept = workspace.reset(one)
    click.echo(f"{workspace.file(one)} is the starter again.")
    if kept:
        say(f"Your file is kept as {kept}")


@click.command(epilog=example("ladder gate 1"))
@click.argument("level", type=click.IntRange(1, 6))
@click.option("-v", "--verbose", is_flag=True, help="Every case, the whole traceback, all that was printed.")
@json_option
def gate(level: int, verbose: bool, as_json: bool) -> None:
    """Take a level's exam. Passing it counts for all of the level's exercises."""
    found = next((one for one in course() if one.gate and one.level.number == level), None)
    if found is None:
        gates = [str(one.level.number) for one in course() if one.gate]
        raise BadUsage(
            f"Level {level} has no gate yet.", f"Levels with a gate: {', '.join(gates) or 'none'}."
        )
    sys.exit(_check_one(_workspace(), found, verbose, as_json))


@click.command(epilog=example("ladder report", "ladder report --out evidence"))
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Default: your workspace.")
def report(out: Path | None) -> None:
    """Write a page to show: levels climbed, exercises, runs, best values against the reference.

    It is written as report.md and report.html.
    """
    from shared.study.report import write

    with waiting("Writing the report …"):
        files = write(_workspace(), out)
    for file in files:
        click.echo(str(file))


@click.group(epilog=example("ladder dev check", "ladder dev new 4 dice-loss"))
def dev() -> None:
    """For authors: prove that every exercise and every documented command does what it claims."""


@dev.command("check", epilog=example("ladder dev check", "ladder dev check subtitles --seeds 3"))
@click.argument("names", nargs=-1, metavar="[NAME]...", type=Names())
@click.option("--seeds", default=1, show_default=True, type=click.IntRange(1, 100), help="Of drawn cases.")
@click.option("--docs", is_flag=True, help="Run the shell blocks of every README instead.")
@click.option("--slow", is_flag=True, help="With --docs: the slow blocks too.")
def dev_check(names: tuple[Exercise, ...], seeds: int, docs: bool, slow: bool) -> None:
    """Prove exercises: the starter is TODO, the solution passes, each mistake gets its own sentence."""
    from shared.study.author import check_course
    from shared.study.docs import check_docs

    problems = check_docs(slow, say) if docs else check_course(names or course(), seeds, say)
    for problem in problems:
        click.echo(problem)
    sys.exit(1 if problems else 0)


@dev.command("measure", epilog=example("ladder dev measure cosine-search"))
@click.argument("one", metavar="NAME", type=Names())
def dev_measure(one: Exercise) -> None:
    """Let an exercise's solution measure, and write its reference.json."""
    from shared.study.author import measure

    with waiting(f"Measuring {one.name}"):
        found = measure(one)
    click.echo(json.dumps(found, indent=2))


@dev.command("new", epilog=example("ladder dev new 4 dice-loss"))
@click.argument("level", type=click.IntRange(1, 6))
@click.argument("name")
def dev_new(level: int, name: str) -> None:
    """Make the folder of a new exercise, with files to fill in."""
    from shared.study.author import new

    found = next(one for one in levels() if one.number == level)
    click.echo(str(new(found, name)))
    say(f"Now add {name!r} to the exercises in {found.package}/__init__.py.")
    say(f"Prove it with: ladder dev check {name}")


# Small parts -----------------------------------------------------------------------------------------


def _workspace() -> Workspace:
    """The workspace with what is new in the course."""
    from shared.study.workspace import opened

    workspace = opened()
    for line in workspace.update():
        say(line)
    return workspace


def _current(workspace: Workspace, last: bool = False) -> Exercise:
    """The exercise that one is at; with `last` the one that was looked at last, passed or not."""
    progress = workspace.book.read()
    known = {one.name: one for one in course()}
    if last and progress.current in known:
        return known[progress.current]
    found = progress.open()
    if found is None:
        raise BadUsage("Every exercise has passed.", "Name the one that you mean; see: ladder list")
    return found


def _ask(question: str) -> None:
    if not sys.stdin.isatty():
        raise BadUsage(f"{question} Nobody is here to answer.", "Say it with --yes.")
    if not click.confirm(question, err=True):
        raise KeyboardInterrupt("Nothing was changed.")


COMMANDS = {
    command.name: command
    for command in (init, list_, check, watch, hint, solution, reset, gate, report, dev)
    if command.name
}
