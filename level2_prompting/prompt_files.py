"""Prompts as files: a folder a prompt, `v1.md`, `v2.md`, … for its versions.

    prompt = read("extract", "v2")
    prompt.template().invoke({"passage": "The path is 4 km long.", "question": "How long is the path?"})

A file holds the rules, a line `---`, and what is asked. Variables stand in single braces; a brace that is
meant as such is written twice, as LangChain wants it. Being files, prompts are reviewed, compared and rolled
back with the code that uses them.
"""

from __future__ import annotations

import string
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from shared.errors import BadUsage, LadderError

if TYPE_CHECKING:
    from langchain_core.prompts import ChatPromptTemplate

FOLDER = Path(__file__).parent / "prompts" / "lab"
RULER = "\n---\n"


@dataclass(frozen=True)
class Prompt:
    """One version of a prompt.

    Attributes:
        name: its folder.
        version: its file without `.md`.
        system, asked: the two halves of the file, variables in single braces.
    """

    name: str
    version: str
    system: str
    asked: str

    @property
    def variables(self) -> frozenset[str]:
        """What has to be filled in."""
        return frozenset(name for text in (self.system, self.asked) for _, name in parts(text) if name)

    def template(self) -> ChatPromptTemplate:
        """The prompt as LangChain takes it."""
        from langchain_core.prompts import ChatPromptTemplate

        return ChatPromptTemplate.from_messages([("system", self.system), ("human", self.asked)])


def names(folder: Path = FOLDER) -> list[str]:
    """The prompts that there are."""
    return sorted(place.name for place in folder.iterdir() if any(place.glob("v*.md")))


def versions(name: str, folder: Path = FOLDER) -> list[str]:
    """The versions of a prompt, oldest first.

    Raises:
        BadUsage: there is no such prompt.
    """
    if name not in names(folder):
        known = " or ".join(names(folder))
        raise BadUsage(f"There is no prompt {name!r}.", f"Use {known}, or make the folder {folder / name}")
    found = [file.stem for file in (folder / name).glob("v*.md") if file.stem[1:].isdecimal()]
    return sorted(found, key=lambda version: int(version[1:]))


def read(name: str, version: str, folder: Path = FOLDER) -> Prompt:
    """One version of a prompt.

    Raises:
        BadUsage: there is no such prompt or version.
        LadderError: the file is no prompt.
    """
    known = versions(name, folder)
    if version not in known:
        raise BadUsage(f"The prompt {name} has no version {version!r}.", f"It has {', '.join(known)}.")
    file = folder / name / f"{version}.md"
    system, ruler, asked = file.read_text(encoding="utf-8").partition(RULER)
    if not (ruler and system.strip() and asked.strip()):
        raise LadderError(
            f"{file} is no prompt: it needs rules, a line --- and what is asked.",
            f"See {FOLDER}/extract/v2.md",
        )
    prompt = Prompt(name, version, system.strip(), asked.strip())
    try:
        _ = prompt.variables
    except ValueError as error:
        raise LadderError(
            f"{file} has a brace that opens or closes no variable: {error}.",
            "Write {name} for a variable, and {{ or }} for a brace that is meant as such.",
        ) from None
    return prompt


def parts(text: str) -> list[tuple[str, str | None]]:
    """A text as literals, each with the variable behind it; None where there is none.

    Raises:
        ValueError: a brace stands alone, or something else than a name stands in braces.
    """
    found = []
    for literal, name, form, conversion in string.Formatter().parse(text):
        if name is not None and (not name.isidentifier() or form or conversion):
            raise ValueError(f"{{{name}}} is no variable")
        found.append((literal, name))
    return found
