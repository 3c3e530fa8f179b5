"""Docs that cannot drift: the shell blocks of every README run, and every command they name exists.

A shell block has the info string `sh`, and it runs from top to bottom as it stands. A further word marks
a block that does not always run:

    sh slow       runs when the slow ones are asked for
    sh server     starts servers, which go on until Ctrl-C
    sh setup      installs
    sh network    downloads
    sh key        calls a paid service

A block of the last four is never run. Its commands are looked up like those between backticks in the prose.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from itertools import dropwhile, groupby
from pathlib import Path

import click
from markdown_it import MarkdownIt
from markdown_it.token import Token

from shared.servers import tail
from shared.settings import CLONE
from shared.study.scratch import Scratch, listed, scratch

SHELLS = {"", "bash", "console", "shell", "zsh"}  # what a shell block must not be called: it would not run
MARKS = {"slow", "server", "setup", "network", "key"}
LIMIT_S, SLOW_LIMIT_S = 900.0, 3600.0  # of one block: what takes longer, on a busy machine too, hangs
GOES_ON = re.compile(r"\s*\\\n\s*")
TYPED = re.compile(r"^[ \t]*([^\s#](?:.*\\\n)*.*)$", re.MULTILINE)
IN_VENV = re.compile(r"\.venv[/\\](bin|Scripts)[/\\]")

Say = Callable[[str], None]


# What a README holds --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Command:
    """What one types before pressing Enter, and on which line of the README it begins."""

    text: str
    line: int


@dataclass(frozen=True)
class Block:
    """A fenced block of a README.

    Attributes:
        file: the README, as its messages name it.
        line: of the first line inside the fence.
        words: the info string, `sh slow` for example.
        text: what is between the fences.
    """

    file: Path
    line: int
    words: tuple[str, ...]
    text: str

    @property
    def commands(self) -> list[Command]:
        """Its commands; a line that ends with a backslash goes on in the next."""
        return [
            Command(GOES_ON.sub(" ", typed[1]), self.line + self.text.count("\n", 0, typed.start(1)))
            for typed in TYPED.finditer(self.text)
        ]

    def at(self, line: int) -> str:
        """The command that holds a line, counted from 1 in the block, as a message names it."""
        begun = [one for one in self.commands if one.line < self.line + line]
        command = (begun or self.commands)[-1 if begun else 0]
        return f"{command.line}: `{command.text}`"

    @property
    def is_shell(self) -> bool:
        return self.words[:1] == ("sh",)

    def runs(self, slow: bool) -> bool:
        """Whether it is one to run, the slow ones being asked for or not."""
        return self.is_shell and {*self.words[1:]} <= ({"slow"} if slow else set())


def readmes(tree: Path = CLONE) -> list[Path]:
    """The README of the clone and of every folder in it, relative to the clone."""
    return sorted(
        (file for file in listed(tree) if file.name == "README.md"), key=lambda f: (len(f.parts), f)
    )


def blocks(file: Path, tree: Path = CLONE) -> list[Block]:
    """The fenced blocks of a README of the tree, in order, also those inside lists."""
    return [
        Block(file, token.map[0] + 2, tuple(token.info.split()), token.content)
        for token in _tokens(tree / file)
        if token.type == "fence" and token.map
    ]


def named(file: Path, tree: Path = CLONE) -> list[Command]:
    """What stands between backticks in the prose of a README."""
    return [
        Command(" ".join(span[2].split()), token.map[0] + 1 + token.content.count("\n", 0, span.start()))
        for token in _tokens(tree / file)
        if token.type == "inline" and token.map
        for span in re.finditer(r"(`+)(.+?)\1", token.content, re.DOTALL)
    ]


def _tokens(file: Path) -> list[Token]:
    return MarkdownIt("commonmark").parse(file.read_text(encoding="utf-8"))


# Whether what it names exists -----------------------------------------------------------------------


def check_names(file: Path, tree: Path = CLONE) -> list[str]:
    """What a README names and the project does not have, and blocks that say not what they are."""
    problems = []
    for block in blocks(file, tree):
        info = " ".join(block.words)
        if not block.words or block.words[0] in SHELLS:
            problems.append(f"{file}:{block.line - 1}: the block is called {info!r}: say sh, text or python.")
        elif block.is_shell:
            for mark in {*block.words[1:]} - MARKS:
                marks = ", ".join(sorted(MARKS))
                problems.append(f"{file}:{block.line - 1}: {mark!r} is no mark of a block: {marks}.")
            for command in block.commands:
                problems += [f"{file}:{command.line}: {wrong}" for wrong in mistakes(command.text, tree)]
    for command in named(file, tree):
        if re.search(r"\b(ladder|make) ", command.text):
            wrongs = mistakes(command.text, tree, whole=False)
            problems += [f"{file}:{command.line}: {wrong}" for wrong in wrongs]
    return problems


def mistakes(text: str, tree: Path = CLONE, whole: bool = True) -> list[str]:
    """Why a line cannot be typed: each `ladder` command must parse, each target of `make` must exist.

    Args:
        text: the line; what is neither `ladder` nor `make` is not looked at.
        whole: False for a line that may leave its arguments to the reader, as `ladder compare` in a sentence.
    """
    try:
        typed = list(_simple_commands(text))
    except ValueError as error:
        return [f"`{text}` cannot be read: {error}"]
    found = []
    for program, *words in typed:
        if program == "ladder":
            found.append(_parse(words, whole))
        elif program == "make":
            wanted = [word for word in words if not word.startswith("-") and "=" not in word]
            found += [f"make has no target {word}." for word in wanted if word not in _targets(tree)]
    return [f"`{text}`: {wrong}" for wrong in found if wrong]


def _simple_commands(text: str) -> Iterator[list[str]]:
    """The words of each command in a line: `A=1 ladder runs --json | head` holds two.

    Raises:
        ValueError: a quote is left open.
    """
    lexer = shlex.shlex(IN_VENV.sub("", text), posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    for joins, group in groupby(lexer, key=lambda word: bool(word) and {*word} <= {*"();<>|&"}):
        words = list(dropwhile(lambda word: re.match(r"\w+=", word), group))
        if words and not joins:
            yield words


def _parse(words: list[str], whole: bool) -> str:
    """What the command line `ladder WORDS…` would complain about; nothing is invoked."""
    cli: click.Group = import_module("shared.cli").cli  # by name: the command stands above the study path
    if {"…", "--help"} & {*words}:
        words, whole = [word for word in words if word not in ("…", "--help")], False
    command: click.Command = cli
    context = click.Context(cli, info_name="ladder")
    try:
        while isinstance(command, click.Group):
            words = command.make_parser(context).parse_args(words)[1]
            if not words:
                return ""
            name, found, words = command.resolve_command(context, words)
            assert found  # resolve_command raises where there is none
            command, context = found, click.Context(found, parent=context, info_name=name)
        command.make_context(context.info_name, words, parent=context.parent)
    except click.MissingParameter as error:
        return error.format_message() if whole else ""
    except click.BadParameter as error:  # a file of the reader's own need not be here
        mine = error.param is not None and isinstance(error.param.type, click.Path)
        return "" if mine else error.format_message()
    except click.UsageError as error:
        return error.format_message()
    return ""


def _targets(tree: Path) -> set[str]:
    return set(re.findall(r"^([\w-]+):", (tree / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


# Whether it runs -------------------------------------------------------------------------------------


def run(found: list[Block], place: Scratch, slow: bool, say: Say) -> list[str]:
    """Run those blocks that run, in order; returns a line for each that fails."""
    problems = []
    for block in found:
        if block.runs(slow):
            ended = place.bash(block.text, SLOW_LIMIT_S if "slow" in block.words else LIMIT_S)
            say(f"{block.file}:{block.line}: {ended.seconds:.1f} s")
            if not ended.well:
                problems.append(f"{block.file}:{block.at(ended.line)} {ended.how}.")
                say(problems[-1] + tail(place.output))
    return problems


def check_docs(slow: bool, say: Say) -> list[str]:
    """Look at all READMEs and run their blocks; returns a line for each problem.

    Args:
        slow: run the slow blocks too.
        say: tells how far it is, and the end of the output of what failed.
    """
    files = readmes()
    problems = [problem for file in files for problem in check_names(file)]
    with scratch() as place:
        for file in files:
            problems += run(blocks(file), place, slow, say)
    return problems
