"""What a prompt is tried on: items, each with what goes into the prompt and what is expected of the answer.

    for item in items("extract"):
        print(item.inputs["question"], item.expectations["answer"])

`lab_data/NAME.jsonl` holds an item a line, in the form that MLflow's evaluation takes as well:

    {"id": "…", "inputs": {"passage": "…", "question": "…"}, "expectations": {"answer": "07:15"}}

What is expected decides which scorers apply (`scorers.py`). Beside it, `NAME.schema.json` may hold the JSON
schema that every answer has to keep to.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from level2_prompting.prompt_files import Prompt
from shared.errors import LadderError

FOLDER = Path(__file__).parent / "lab_data"


@dataclass(frozen=True)
class Item:
    """One item.

    Attributes:
        inputs: the prompt's variables.
        expectations: what the scorers go by.
        schema: the JSON schema of the answer; None where it is not JSON.
    """

    id: str
    inputs: dict[str, str]
    expectations: dict[str, Any]
    schema: dict[str, Any] | None = field(default=None, repr=False)


def items(name: str, folder: Path = FOLDER) -> list[Item]:
    """The items of a prompt.

    Raises:
        LadderError: there are none, a line of the file is no item, or the schema is none.
    """
    file, schema_file = folder / f"{name}.jsonl", folder / f"{name}.schema.json"
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise LadderError(
            f"There are no items to try the prompt {name} on.", f"Write them into {file}, one a line."
        ) from None
    schema = _schema(schema_file) if schema_file.exists() else None
    found = [_item(file, number, line, schema) for number, line in enumerate(lines, 1) if line.strip()]
    twice = {item.id for item in found if sum(other.id == item.id for other in found) > 1}
    if twice or not found:
        what = f"holds the id {min(twice)} twice" if twice else "is empty"
        raise LadderError(f"{file} {what}.", "Give each item a line, and an id of its own.")
    return found


def digest(chosen: Sequence[Item]) -> str:
    """A name for exactly these items: sha256 of all that they hold."""
    rows = [[item.id, item.inputs, item.expectations, item.schema] for item in chosen]
    return hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()


def check_fit(prompts: Sequence[Prompt], chosen: Sequence[Item]) -> None:
    """Before anything is sent: every variable of every prompt is in every item.

    Raises:
        LadderError: one is not.
    """
    for prompt in prompts:
        for item in chosen:
            if missing := sorted(prompt.variables - item.inputs.keys()):
                raise LadderError(
                    f"{prompt.name} {prompt.version} needs {{{missing[0]}}}, which {item.id} does not have.",
                    f"It has {', '.join(item.inputs)}: change the prompt, or the item.",
                )


def _item(file: Path, number: int, line: str, schema: dict[str, Any] | None) -> Item:
    try:
        row = json.loads(line)
        item = Item(str(row["id"]), dict(row["inputs"]), dict(row["expectations"]), schema)
        if "quote_from" in item.expectations:
            _ = item.inputs[item.expectations["quote_from"]]
        return item
    except (ValueError, KeyError, TypeError) as error:
        raise LadderError(
            f"{file}, line {number}, is no item ({type(error).__name__}: {error}).",
            'Write {"id": …, "inputs": {…}, "expectations": {…}} in one line.',
        ) from None


def _schema(file: Path) -> dict[str, Any]:
    from jsonschema import Draft202012Validator, SchemaError

    try:
        schema = json.loads(file.read_text(encoding="utf-8"))
        Draft202012Validator.check_schema(schema)
    except (ValueError, SchemaError) as error:
        first = str(error).partition("\n")[0]
        raise LadderError(f"{file} is no JSON schema: {first}.", "Mend it, or remove it.") from None
    return schema
