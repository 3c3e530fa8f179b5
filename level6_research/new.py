"""A new study: a copy of an example to change, or an example as it is.

new("my-study", "bitlinear", Path.cwd())
folder_of("example:coin")
"""

from __future__ import annotations

import re
from pathlib import Path

from level6_research.study import NAME
from shared.errors import BadUsage, LadderError
from shared.files import write_atomic

TEMPLATES = Path(__file__).parent / "templates"
EXAMPLE = "example:"
FILES = ("study.yaml", "study.py")


def examples() -> list[str]:
    """The names of the example studies."""
    return sorted(folder.name for folder in TEMPLATES.iterdir() if (folder / "study.yaml").is_file())


def folder_of(name: str) -> Path:
    """The folder of a study: `example:coin` is one of the examples, all else a path to it or to its files.

    Raises:
        BadUsage: there is no such example.
    """
    if not name.startswith(EXAMPLE):
        path = Path(name)
        return path.parent if path.name in FILES and path.is_file() else path
    wanted = name.removeprefix(EXAMPLE)
    if wanted not in examples():
        raise BadUsage(f"There is no example {wanted!r}.", f"The examples are: {', '.join(examples())}.")
    return TEMPLATES / wanted


def new(name: str, template: str, where: Path) -> Path:
    """Make the folder `name` with a study in it that can be run at once; returns the folder.

    Raises:
        BadUsage: the name is no name for a study, or there is no such template.
        LadderError: the folder is there already, or cannot be made.
    """
    if not re.fullmatch(NAME, name):
        raise BadUsage(
            f"{name!r} is no name for a study.",
            "Use letters, digits, hyphens, points and underscores, beginning with a letter or digit.",
        )
    source, folder = folder_of(EXAMPLE + template), where / name
    if folder.exists():
        raise LadderError(f"{folder} is there already.", "Choose another name, or delete that folder.")
    try:
        for file in FILES:
            write_atomic(folder / file, (source / file).read_bytes())
    except OSError as error:
        raise LadderError(
            f"{folder} cannot be made ({error.strerror}).", "Go to a folder that you may write to."
        ) from None
    return folder
