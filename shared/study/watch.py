"""`ladder watch`: check an exercise on every save of its file, and listen to single keys.

It looks at one file, so the save of another changes nothing. It never goes on by itself: the error of an
exercise that one has not seen yet would look like one's own.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from textwrap import indent

import click

from shared.errors import BadUsage
from shared.study import show
from shared.study.attempt import attempt, attempt_all, begun, keep, show_hint
from shared.study.check import Process, Start, new_process
from shared.study.exercise import Exercise, course, exercise
from shared.study.keys import END, ESCAPE, Keys
from shared.study.verdict import Verdict
from shared.study.warm import Warm, available, heavy
from shared.study.workspace import Workspace

POLL_S = 0.2  # between two looks at the file; one that is the same at both has been written to its end
FINISHED = """Every exercise has passed, or its level's gate. Checked again just now: all {} that passed.
Show what you have done: ladder report"""

Stamp = tuple[int, int, int]


def watch(workspace: Workspace, one: Exercise) -> None:
    """Check an exercise now and on every save of its file, until q is pressed.

    Raises:
        BadUsage: nobody sits at the keyboard.
        LadderError: the exercise or the progress file cannot be read.
    """
    if not sys.stdin.isatty():
        raise BadUsage("Nobody is at the keyboard to watch.", f"Check once with: ladder check {one.name}")
    with Worker() as worker, Keys() as keys:
        Watch(workspace, worker, keys).run(one)


def stamp(file: Path) -> Stamp | None:
    """What differs after a file was saved, also by a rename; None if there is no such file."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


class Worker:
    """Starts the checks: as forks of a warm worker where there can be one, else as new processes."""

    def __init__(self) -> None:
        self._held = ExitStack()
        self._modules: set[str] | None = None
        self._fork: Start | None = None

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def prepare(self, one: Exercise) -> None:
        """See to a worker that has behind it what this exercise imports."""
        needed = set(heavy([one]))
        if available() and (self._modules is None or not needed <= self._modules):
            self._held.close()
            self._modules = needed
            self._fork = self._held.enter_context(Warm(sorted(needed)))

    def start(self, job: Path) -> Process:
        """Start one check."""
        try:
            return self._fork(job) if self._fork else new_process(job)
        except (OSError, ValueError):  # the worker has died
            self._fork = None
            return new_process(job)


class Watch:
    """What is on the screen, and what a key does to it."""

    one: Exercise
    verdict: Verdict
    seen: Stamp | None  # of the file, before its last check

    def __init__(self, workspace: Workspace, worker: Worker, keys: Keys) -> None:
        self.workspace, self.worker, self.keys = workspace, worker, keys
        self.after = self.hint = ""  # what stands below the verdict
        self.whole = self.over = False
        self.answer: Callable[[str], None] | None = None  # who gets the next key, where something was asked
        self.actions: dict[str, Callable[[], None]] = {
            "n": self.go_on, "h": self.next_hint, "s": self.skip, "l": self.show_list, "c": self.check_all,
            "v": self.more, "x": self.ask_reset, "q": self.quit, END: self.quit, ESCAPE: self.refresh,
        }  # fmt: skip

    def run(self, one: Exercise) -> None:
        """Begin with an exercise; returns when the person leaves."""
        self.go(one)
        before = self.seen
        while not self.over:
            if key := self.keys.read(POLL_S):
                self.press(key.lower())
                continue
            now = stamp(self.workspace.file(self.one))
            if now != self.seen and now == before:
                self.check()
            before = now

    def press(self, key: str) -> None:
        """Do what a key is for."""
        answer, self.answer = self.answer, None
        if answer:
            answer(key)
        elif key in self.actions:
            self.actions[key]()

    def go(self, one: Exercise, note: str = "") -> None:
        """Turn to an exercise."""
        self.one, self.hint = one, ""
        self.worker.prepare(one)
        self.check(note)

    def check(self, note: str = "") -> None:
        """Check the file as it is now. What was pressed meanwhile was not meant for what is shown then."""
        file = self.workspace.file(self.one)
        self.answer, self.after, self.seen = None, "", stamp(file)
        click.clear()
        say(f"Checking {self.one.name} …")
        self.verdict = attempt(self.workspace, self.one, self.worker.start)
        self.keys.drop()
        if self.verdict.restored:  # the code deleted its file: that was no save
            self.seen = stamp(file)
        if self.verdict.state == "PASS":
            self.hint = ""
            self.record()
        self.refresh(note)

    def record(self) -> None:
        """Record what a pass measured, with the verdict on the screen: MLflow takes its time."""
        if self.one.about.measure:
            self.refresh("Recording the run …")
        recorded = keep(self.workspace, self.one, self.verdict)
        self.after = show.after_pass(self.one, self.verdict, recorded, self.workspace).lstrip("\n")

    # The keys ------------------------------------------------------------------------------------------

    def go_on(self) -> None:
        """After a pass: the next exercise, and behind the last one all of them once more."""
        progress = self.workspace.book.read()
        if not progress.passed(self.one):
            self.refresh("n goes on after a pass. To leave this one for later: s")
        elif following := progress.after(self.one):
            self.go(following)
        else:
            self.finish()

    def skip(self) -> None:
        """The next exercise that has not passed."""
        following = self.workspace.book.read().after(self.one)
        if following:
            self.go(following)
        else:
            self.refresh("No other exercise is open.")

    def finish(self) -> None:
        """Nothing is left to do: see whether what has passed passes still."""
        progress = self.workspace.book.read()
        verdicts = self.try_all([one for one in course() if progress.passed(one)])
        broken = next((verdict.name for verdict in verdicts if verdict.state != "PASS"), None)
        if broken:
            self.go(exercise(broken), f"{broken} has passed before, and does not pass now.")
        else:
            self.pause(FINISHED.format(len(verdicts)))

    def check_all(self) -> None:
        """Check whatever has been begun, and show the list."""
        chosen = begun(self.workspace)
        if self.try_all(chosen):
            self.pause(show.list_table(chosen, self.workspace.book.read()))
        else:
            self.refresh("No exercise has been begun yet.")

    def try_all(self, exercises: Iterable[Exercise]) -> list[Verdict]:
        """Check one after the other, with their names on the screen."""
        click.clear()
        found = attempt_all(self.workspace, exercises, say, self.worker.start)
        self.keys.drop()
        return found

    def show_list(self) -> None:
        """Every exercise with its state."""
        self.pause(show.list_table(course(), self.workspace.book.read()))

    def next_hint(self) -> None:
        """One hint more below the verdict."""
        found = show_hint(self.workspace, self.one)
        if found is None:
            self.refresh("This is a gate: no hints this time.")
            return
        number, text = found
        self.hint = f"Hint {number} of {len(self.one.about.hints)}\n{indent(show.prose(text), '  ')}"
        self.refresh()

    def more(self) -> None:
        """Every case, or the earliest that did not pass."""
        self.whole = not self.whole
        self.refresh()

    def ask_reset(self) -> None:
        """Ask before the starter takes the file's place."""
        self.answer = self.reset
        self.refresh(keys=f"Put the starter of {self.one.name} in place of your file? y/n")

    def reset(self, key: str) -> None:
        """Bring the starter back if the answer was yes."""
        if key != "y":
            return self.refresh("Nothing was changed.")
        kept = self.workspace.reset(self.one)
        self.check(f"Your file is kept as {kept}" if kept else "")

    def quit(self) -> None:
        """Leave."""
        self.over = True

    # The screen ----------------------------------------------------------------------------------------

    def refresh(self, note: str = "", keys: str = "") -> None:
        """The verdict and what belongs to it."""
        verdict = show.verdict_text(self.one, self.verdict, self.whole)
        self.draw([verdict, self.after, self.hint, note], keys or self.offer())

    def pause(self, text: str) -> None:
        """Something else, until a key is pressed."""
        self.answer = lambda key: self.refresh()
        self.draw([text], "any key goes back")

    def offer(self) -> str:
        """The keys that do something now, in 80 columns."""
        progress, hints = self.workspace.book.read(), len(self.one.about.hints)
        return " · ".join(
            [
                *(["n next"] if progress.passed(self.one) else []),
                *([f"h hint {progress.of(self.one).hints}/{hints}"] if hints else []),
                "s skip", "l list", "c check all", "v less" if self.whole else "v more", "x reset", "q quit",
            ]
        )  # fmt: skip

    def draw(self, parts: Iterable[str], keys: str) -> None:
        """A screen: its parts, and the three lines that every screen ends with."""
        click.clear()
        foot = show.foot(self.one, self.workspace.book.read(), self.workspace, keys)
        click.echo("\n\n".join([*filter(None, parts), foot]))


def say(message: str) -> None:
    """What is being done, on stderr like all that is no result."""
    click.echo(message, err=True)
