"""YAML with line numbers: read safely, and say on which line a field stands.

Three silences of YAML are errors here, because each has spoilt somebody's results: a key that stands twice
(the last wins), `1e-3` (text, since YAML 1.1 wants a point), and an arm named `no` or `off` (a false).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from shared.errors import LadderError

LOOKS_A_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+")


def read_yaml(text: str, path: Path) -> Any:
    """The values in a YAML text; `path` is for the message. Raises LadderError that names the line."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        for line, what in _traps(root) if root else ():
            raise LadderError(f"{path}, line {line}: {what}.", "Mend that line and run it again.")
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        problem = getattr(error, "problem", None) or "this is not YAML"
        raise LadderError(f"{path}, line {line}: {problem}.", "Mend that line and run it again.") from None


def line_of(text: str, where: Sequence[str | int]) -> int:
    """The line of a field, counted from 1; of the nearest field around it, if it is not there."""
    node, line = yaml.compose(text, Loader=yaml.SafeLoader), 1
    for part in where:
        found = None
        if isinstance(node, yaml.MappingNode):
            found = next(((k, v) for k, v in node.value if k.value == str(part)), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            found = (node.value[part], node.value[part])
        if found is None:
            break
        line, node = found[0].start_mark.line + 1, found[1]
    return line


def _traps(node: yaml.Node) -> Iterator[tuple[int, str]]:
    if isinstance(node, yaml.ScalarNode):
        plain = node.style is None and node.tag == "tag:yaml.org,2002:str"
        if plain and LOOKS_A_NUMBER.fullmatch(node.value):
            mantissa, exponent = re.split("[eE]", node.value)
            sign = "" if exponent[0] in "+-" else "+"
            point = mantissa if "." in mantissa else f"{mantissa}.0"
            yield (
                node.start_mark.line + 1,
                (f"YAML takes {node.value} for text, not for a number: write {point}e{sign}{exponent}"),
            )
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _traps(item)
    elif isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            if key.tag == "tag:yaml.org,2002:bool":
                yield key.start_mark.line + 1, f"YAML takes {key.value} for true or false: put it in quotes"
            if key.value in seen:
                yield key.start_mark.line + 1, f"{key.value} stands there twice"
            seen.add(key.value)
            yield from _traps(value)
