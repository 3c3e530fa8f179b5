"""The READMEs: what they tell to type runs, and what they name exists."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from level1_api.samples import sample
from shared.levels import levels
from shared.settings import CLONE
from shared.study.docs import Command, blocks, check_names, mistakes, readmes, run
from shared.study.scratch import Scratch, scratch

READMES = [*map(str, readmes())]
QUICK, ALL = ([f for f in READMES if any(b.runs(slow) for b in blocks(Path(f)))] for slow in (False, True))
posix = pytest.mark.skipif(os.name != "posix", reason="the blocks are for bash")


@pytest.fixture(scope="module")
def place() -> Iterator[Scratch]:
    """One copy for all, as a reader has one clone."""
    with scratch() as made:
        yield made


def test_all_lessons_are_looked_at() -> None:
    lessons = {f"{level.package}/README.md" for level in levels()}
    assert {"README.md", *lessons} <= {*READMES} and lessons <= {*ALL} and QUICK


@pytest.mark.parametrize("file", READMES)
def test_what_a_readme_names_exists(file: str) -> None:
    assert check_names(Path(file)) == []
    for name in re.findall(r"sample:([\w-]+)", (CLONE / file).read_text(encoding="utf-8")):
        sample(name)  # raises where there is none


@posix
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("file", QUICK)
def test_the_quick_blocks_of_a_readme_run(file: str, place: Scratch) -> None:
    assert run(blocks(Path(file)), place, slow=False, say=print) == []


@posix
@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("file", ALL)
def test_all_blocks_of_a_readme_run(file: str) -> None:
    with scratch() as own:  # a study of another test's would be found done
        assert run(blocks(Path(file)), own, slow=True, say=print) == []


# What the check itself must find, in a README of the test's own ---------------------------------------

LESSON = """# Try

```sh
echo one >made.txt
echo two \\
  three | tee -a made.txt   # words

# a remark
ladder nosuch
echo never
```

1. In a list:

   ```sh slow
   ladder models --josn
   ```

```
ladder
```

```sh serves
ladder up
```

```sh server
ladder up --turbo && make nothing
```

```text
ladder whatever
```

Type `ladder hnit`, or `ladder
compare`, or `ladder level1 …`, or `make
tset`, and the tag is `ladder.level`.
"""


@pytest.fixture
def lesson(tmp_path: Path) -> Path:
    file = tmp_path / "README.md"
    file.write_text(LESSON, encoding="utf-8")
    return file


def test_a_block_is_split_into_what_one_types(lesson: Path) -> None:
    first, listed, *rest = blocks(lesson)
    assert first.commands == [
        Command("echo one >made.txt", 4),
        Command("echo two three | tee -a made.txt   # words", 5),
        Command("ladder nosuch", 9),
        Command("echo never", 10),
    ]
    assert listed.words == ("sh", "slow") and listed.commands == [Command("ladder models --josn", 16)]
    assert [block.words for block in rest] == [(), ("sh", "serves"), ("sh", "server"), ("text",)]


def test_what_does_not_exist_is_found_on_its_line(lesson: Path) -> None:
    found = [line.removeprefix(f"{lesson}:") for line in check_names(lesson)]
    expected = [
        (9, "`ladder nosuch`: No such command 'nosuch'."),
        (16, "`ladder models --josn`: No such option '--josn'."),
        (19, "the block is called ''"),
        (23, "'serves' is no mark"),
        (28, "No such option '--turbo'."),
        (28, "make has no target nothing."),
        (35, "`ladder hnit`: No such command 'hnit'."),
        (36, "make has no target tset."),
    ]
    assert len(found) == len(expected), found
    for got, (line, words) in zip(found, expected, strict=True):
        assert got.startswith(f"{line}: ") and words in got


@pytest.mark.parametrize(
    "line",
    [
        "ladder",
        "ladder models pull NAME  # whatever this is",
        ".venv\\Scripts\\ladder up --tour",
        "A=1 ladder runs --json | head -3",
        "ladder level1 batch talks-of-mine",  # the reader's own folder
        "ladder compare --help",
        "make demo PYTHON=python3.12 && ladder doctor",
        "python -m venv .venv",
    ],
)
def test_a_line_that_can_be_typed(line: str) -> None:
    assert mistakes(line) == []


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("ladder compare", "Missing argument"),
        ("ladder level1 transcribe x.wav --format srtt", "'srtt' is not one of"),
        ("ladder runs --limit many", "not a valid integer"),
        ("ladder runs extra", "unexpected extra argument"),
        ("ladder runs | ladder rns", "No such command 'rns'"),
        ("OMP_NUM_THREADS=1 ladder level3 slim --quik", "No such option '--quik'"),
        ('ladder level2 ask "Why?', "cannot be read"),
    ],
)
def test_a_line_that_cannot(line: str, why: str) -> None:
    (found,) = mistakes(line)
    assert line in found and why in found


@posix
def test_a_block_that_fails_is_told_with_its_line_and_the_end_of_what_it_wrote(
    lesson: Path, place: Scratch
) -> None:
    said: list[str] = []
    (problem,) = run(blocks(lesson), place, slow=False, say=said.append)
    assert problem == f"{lesson}:9: `ladder nosuch` ended with exit code 2."
    assert "No such command 'nosuch'" in said[-1] and "never" not in said[-1]
    assert (place.tree / "made.txt").read_text() == "one\ntwo three\n"
    assert not (CLONE / "made.txt").exists()


@posix
def test_a_block_that_hangs_is_stopped(place: Scratch, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    ended = place.bash(f"sleep 600 & echo $! >{pid}\nsleep 600\necho never\n", limit_s=1)
    assert (ended.code, ended.line) == (None, 2) and not psutil.pid_exists(int(pid.read_text()))


@posix
def test_what_is_left_in_the_background_is_ended(place: Scratch, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    assert place.bash(f"sleep 600 & echo $! >{pid}\n", limit_s=60).well
    until = time.monotonic() + 30
    while psutil.pid_exists(int(pid.read_text())) and time.monotonic() < until:
        time.sleep(0.05)
    assert not psutil.pid_exists(int(pid.read_text()))


@posix
def test_the_commands_are_those_of_the_copy_and_know_no_setting(
    place: Scratch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "not-to-be-seen")
    monkeypatch.setenv("LADDER_PROVIDER", "openai")
    code = "from shared.settings import *; s = settings(); print(CLONE, s.home, s.provider, s.openai_api_key)"
    with scratch() as own:
        assert own.bash(f"source .venv/bin/activate\npython -c '{code}'", limit_s=60).well
        assert own.output.read_text().split() == [str(own.tree), str(own.tree / ".ladder"), "local", "None"]
    assert not own.folder.exists()
