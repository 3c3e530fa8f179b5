"""A course of four small exercises in a temporary folder, for tests of the study path.

    course = build(tmp_path / "course")
    subprocess.run(["ladder", "list"], env=environment(course, tmp_path / "home"))

`double` is plain, `wait` takes as long as the learner's file does (3 s at most), `guess` measures, and
`toy-gate` is the gate. The folder holds a package and the metadata of a distribution called ai-ladder; first
on PYTHONPATH it hides the real one's, so that the child sees one level with these exercises and no other.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

NAMES = ("double", "wait", "guess", "toy-gate")

LEVEL = """from shared.levels import Level

LEVEL = Level(
    number=1, slug="level1-toy", title="A toy", question="Does the engine work?", minutes=1,
    exercises=("double", "wait", "guess"), gate="toy-gate",
)
"""

METADATA = "Metadata-Version: 2.4\nName: ai-ladder\nVersion: 0.1.0\n"
ENTRY_POINTS = "[ladder.levels]\nlevel1 = level1_toy:LEVEL\n"

ABOUT = """name = "{name}"
title = "{title}"
minutes = 1
seconds = 3
hints = {hints}
after = "This is why {name} works."

[mistakes]
{mistake}
"""

HINTS = ["What is asked of {name}?", "Look at {name} again.", "Nearly all of {name}."]

CHECK = '''"""What the exercise asks for."""

from collections.abc import Iterator
from types import ModuleType

import numpy as np

from shared.study import Case


def cases(work: ModuleType, rng: np.random.Generator) -> Iterator[Case]:
{cases}
'''

FILE = '''"""Check it with: ladder check {name}"""


def {function}:
    # TODO: what the learner writes
    {body}
'''

# Of each exercise: title, function, the cases, the solution, a mistake with its sentence and its body.
EXERCISES = {
    "double": (
        "Twice a number",
        "double(number: int) -> int",
        """    yield Case("three", call="double", args=(3,), expected=6, mistakes={"squares": 9})
    drawn = int(rng.integers(3, 1000))
    yield Case("any number", call="double", args=(drawn,), expected=2 * drawn)""",
        "return 2 * number",
        ("squares", "This is the square.", "return number * number"),
    ),
    "wait": (
        "A file that takes its time",
        "wait() -> str",
        """    yield Case("it comes to an end", call="wait", expected="done", mistakes={"numbers": 1})""",
        'return "done"',
        ("numbers", "A word is asked for.", "return 1"),
    ),
    "guess": (
        "A guess that is measured",
        "guess() -> float",
        """    yield Case(
        "near one", call="guess", expected="a number from 0 to 2", holds=lambda got: 0 <= got <= 2,
        mistakes={"negative": lambda got: got < 0},
        measures=lambda got: {"error": abs(got - 1), "chance": 0.5, "baseline": 0.25},
    )""",
        "return 0.9",
        ("negative", "A guess is not negative.", "return -1.0"),
    ),
    "toy-gate": (
        "All of it",
        "exam(number: int) -> int",
        """    yield Case("three", call="exam", args=(3,), expected=4, mistakes={"constant": 3})""",
        "return number + 1",
        ("constant", "The number itself came back.", "return number"),
    ),
}

MEASURE = """
[measure]
metric = "error"
better = "lower"
needed = 0.2
"""

MAKE = """
import sys
from pathlib import Path
from shared.study.workspace import make
workspace, _ = make(Path(sys.argv[1]))
workspace.update()
"""


def build(folder: Path) -> Path:
    """Write the course into a folder; returns the folder."""
    _write(folder / "level1_toy" / "__init__.py", LEVEL)
    _write(folder / "ai_ladder-0.1.0.dist-info" / "METADATA", METADATA)
    _write(folder / "ai_ladder-0.1.0.dist-info" / "entry_points.txt", ENTRY_POINTS)
    for name in NAMES:
        _exercise(folder / "level1_toy" / "exercises" / name)
    return folder


def environment(course: Path, home: Path, **more: str) -> dict[str, str]:
    """The environment of a child process that sees this course, and has this home."""
    path = os.pathsep.join([str(course), *filter(None, [os.environ.get("PYTHONPATH")])])
    own = {"PYTHONPATH": path, "LADDER_HOME": str(home)}
    safe = {"PYTHONSAFEPATH": "1"}  # else `python -m` puts the clone, and its own metadata, before the course
    return os.environ | own | safe | more


def workspace(folder: Path, env: dict[str, str]) -> Path:
    """Make a workspace as `ladder init` does, without the reference runs, which take MLflow's seconds."""
    subprocess.run([sys.executable, "-c", MAKE, str(folder)], env=env, check=True, timeout=120)
    return folder


def file_text(name: str, body: str | None = None) -> str:
    """A learner's file for an exercise: with this body, by default the solution's."""
    _, function, _, solution, _ = EXERCISES[name]
    return FILE.format(name=name, function=function, body=body or solution)


def _exercise(folder: Path) -> None:
    name = folder.name
    title, _, cases, _, (mistake, sentence, wrong) = EXERCISES[name]
    hints = [] if name == "toy-gate" else [hint.format(name=name) for hint in HINTS]
    about = ABOUT.format(name=name, title=title, hints=json.dumps(hints), mistake=f'{mistake} = "{sentence}"')
    _write(folder / "exercise.toml", about + (MEASURE if name == "guess" else ""))
    _write(folder / "check.py", CHECK.format(cases=cases))
    _write(folder / "starter.py", file_text(name, "raise NotImplementedError"))
    _write(folder / "solution.py", file_text(name))
    _write(folder / "wrong" / f"{mistake}.py", file_text(name, wrong))
    if name == "guess":
        reference = {"metrics": {"error": 0.1, "chance": 0.5, "baseline": 0.25}, "measured": "2026-11-20"}
        _write(folder / "reference.json", json.dumps(reference))


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
