"""A network as a declaration: what goes in, and a list of blocks. In Python, or in a YAML file:

    input: {kind: picture, shape: [3, 64, 64]}
    blocks:
      - {block: conv, width: 16}
      - {block: down, width: 32}
      - {block: up, width: 16, skip: conv1}
      - {block: scores, classes: 6}

A block is called by its kind and number, `conv1`, or by the `name` that its line gives it; what comes in is
`input`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from torch import nn

from level4_build.flow import Flow
from level4_build.specs import BLOCKS, Spec
from shared.errors import BadUsage, LadderError
from shared.files import write_atomic

EXAMPLES = Path(__file__).with_name("networks")
LONGEST = 256  # blocks
HOW = "ladder level4 build --out my-network.yaml writes one to begin from."


@dataclass(frozen=True)
class Declaration:
    """A network on paper: nothing is built and no shape is looked at yet (`shapes.py` does).

    Attributes:
        input: what one item of a batch is.
        blocks: in their order.
    """

    input: Flow
    blocks: tuple[Spec, ...]

    def named(self) -> dict[str, Spec]:
        """The blocks by the names that they are called by, in their order.

        Raises:
            LadderError: two have the same name, or one has a name that a block cannot have.
        """
        found: dict[str, Spec] = {}
        count: Counter[str] = Counter()
        for number, spec in enumerate(self.blocks, start=1):
            count[spec.block] += 1
            name = spec.name or f"{spec.block}{count[spec.block]}"
            if name in found:
                raise LadderError(
                    f"Block {number} is called {name}, as one before it.", "Give it another name."
                )
            if name == "input" or hasattr(nn.ModuleDict(), name):
                raise LadderError(
                    f"Block {number} is called {name}, which is taken.", "Give it another name."
                )
            found[name] = spec
        return found

    def of(self, shape: tuple[int, ...]) -> Declaration:
        """The same blocks for an input of another shape. BadUsage if its kind cannot have this shape."""
        try:
            return replace(self, input=Flow(kind=self.input.kind, shape=shape))
        except ValidationError as error:
            raise BadUsage(
                f"The shape {list(shape)} does not do: {_said(error, Flow)}.", "Give another."
            ) from None

    def as_yaml(self) -> str:
        """The declaration as text, one block a line."""
        lines = [
            {"block": spec.block, **spec.model_dump(exclude_unset=True, mode="json")} for spec in self.blocks
        ]
        body = "".join(f"  - {_line(each)}\n" for each in lines)
        return f"input: {_line(self.input.model_dump(mode='json'))}\nblocks:\n{body}"


def declare(values: Any, where: str = "The declaration") -> Declaration:
    """A declaration from plain values, as YAML or JSON gives them.

    Args:
        where: what a message calls it.

    Raises:
        LadderError: something is missing, misspelt or out of range; it says which block, and what it takes.
    """
    if (
        not isinstance(values, dict)
        or set(values) != {"input", "blocks"}
        or not isinstance(values["blocks"], list)
    ):
        raise LadderError(f"{where} is not `input` and a list of `blocks`.", HOW)
    if not 1 <= len(values["blocks"]) <= LONGEST:
        raise LadderError(f"{where} has {len(values['blocks'])} blocks.", f"Give it 1 to {LONGEST}.")
    try:
        given = Flow.model_validate(values["input"])
    except ValidationError as error:
        raise LadderError(
            f"{where}: the input does not do: {_said(error, Flow)}.",
            "Write it as in: input: {kind: picture, shape: [3, 64, 64]}",
        ) from None
    return Declaration(
        given, tuple(_spec(line, at, where) for at, line in enumerate(values["blocks"], start=1))
    )


def _spec(line: Any, at: int, where: str) -> Spec:
    """One block of a declaration."""
    kind = line.get("block") if isinstance(line, dict) else None
    if not isinstance(kind, str) or kind not in BLOCKS:
        what = "does not say which `block` it is" if kind is None else f"is {kind!r}, which there is not"
        raise LadderError(
            f"{where}: block {at} {what}.",
            f"Write it as in: - {{block: conv, width: 16}}. There are {', '.join(BLOCKS)}.",
        )
    try:
        return BLOCKS[kind].model_validate(line)
    except ValidationError as error:
        settings = ", ".join(name for name in BLOCKS[kind].model_fields if name != "block")
        raise LadderError(
            f"{where}: block {at}, {kind}, does not do: {_said(error, BLOCKS[kind])}.",
            f"It takes {settings}.",
        ) from None


def _said(error: ValidationError, model: type[BaseModel]) -> str:
    """The first thing that is wrong, in words."""
    first = error.errors(include_url=False)[0]
    field = ".".join(map(str, first["loc"]))
    if first["type"] == "missing":
        return f"{field} is missing"
    if first["type"] == "extra_forbidden":
        return f"it has no {field}"
    message = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return f"{field} is {first['input']!r}, and {message}" if field else message


def read(asked: str) -> Declaration:
    """The declaration in a YAML or JSON file, or one of the course's: `example:unet`.

    Raises:
        BadUsage: there is no such file or example.
        LadderError: it is no YAML, or no declaration.
    """
    example = asked.removeprefix("example:")
    there = sorted(file.stem for file in EXAMPLES.glob("*.yaml"))
    if asked.startswith("example:") and example not in there:
        raise BadUsage(
            f"There is no example {example!r}.",
            f"There are {', '.join(f'example:{name}' for name in there)}.",
        )
    path = EXAMPLES / f"{example}.yaml" if asked.startswith("example:") else Path(asked)
    try:
        return parse(path.read_text(encoding="utf-8"), asked)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise BadUsage(f"The file {path} cannot be read ({reason}).", HOW) from None
    except UnicodeDecodeError:
        raise LadderError(f"{asked} is no text.", HOW) from None


def parse(text: str, where: str = "The declaration") -> Declaration:
    """The declaration in a YAML or JSON text. Args and errors as `declare`."""
    try:
        return declare(yaml.safe_load(text), where)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise LadderError(
            f"{where}{line}: this is not YAML.", "Mend that line, or begin anew. " + HOW
        ) from None


def write(declaration: Declaration, path: Path) -> Path:
    """Keep a declaration as a YAML file, to begin from.

    Raises:
        BadUsage: another declaration is there, which somebody may have written by hand.
        LadderError: it cannot be written.
    """
    text = declaration.as_yaml()
    try:
        if path.exists() and path.read_bytes() != text.encode():
            raise BadUsage(f"{path} is there already.", "Name another --out, or remove it first.")
        return write_atomic(path, text)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise LadderError(f"{path} cannot be written: {reason}.", "Name another --out.") from None


def _line(values: dict[str, Any]) -> str:
    """Settings on one line of YAML."""
    return yaml.safe_dump(values, default_flow_style=True, sort_keys=False, width=1000).strip()
