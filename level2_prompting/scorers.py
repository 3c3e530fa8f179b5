"""Scores of an answer that need no model: the same answer gets the same score, today and next year.

    scores("07:15\\n\\"The ferry leaves at 07:15.\\"", item)     # {"exact": 1.0, "quote_found": 1.0, …}

A scorer takes an answer and its item, and gives a number, or None where the item expects nothing that it
could judge. To add one, write the function and name it in SCORERS.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from level2_prompting.lab_items import Item
from level2_prompting.prove import fold, locate

Scorer = Callable[[str, Item], float | None]

_ARTICLE = re.compile(r"^(?:a|an|the) ")
_QUOTED = re.compile(r'["“«](.+)["”»]', re.DOTALL)


def exact(answer: str, item: Item) -> float | None:
    """1 if the answer is the expected one.

    In text, the first line counts, without case, article, and the signs around it. In JSON, each expected
    field has to be there with its value.
    """
    match item.expectations:
        case {"answer": str(wanted)}:
            return float(normalised(first_line(answer)) == normalised(wanted))
        case {"fields": dict(wanted)}:
            said = parsed(answer)
            return float(isinstance(said, dict) and wanted.items() <= said.items())
    return None


def valid_json(answer: str, item: Item) -> float | None:
    """1 if the whole answer is JSON that keeps to the schema. A code fence around it is not JSON."""
    if item.schema is None:
        return None
    from jsonschema import Draft202012Validator

    said = parsed(answer)
    return float(said is not BROKEN and Draft202012Validator(item.schema).is_valid(said))


def quote_found(answer: str, item: Item) -> float | None:
    """1 if the answer has a quote behind its first line, and those words are in the item's text."""
    source = item.expectations.get("quote_from")
    if source is None:
        return None
    quote = _QUOTED.search(answer.strip().partition("\n")[2])
    return float(quote is not None and locate(quote[1], item.inputs[source]) is not None)


def characters(answer: str, item: Item) -> float | None:
    """How long the answer is. Neither more nor less is better by itself; both cost time and tokens."""
    return float(len(answer.strip()))


SCORERS: dict[str, Scorer] = {
    "exact": exact, "valid_json": valid_json, "quote_found": quote_found, "characters": characters,
}  # fmt: skip


def scores(answer: str, item: Item) -> dict[str, float]:
    """What every scorer that applies says of an answer."""
    said = {name: scorer(answer, item) for name, scorer in SCORERS.items()}
    return {name: value for name, value in said.items() if value is not None}


def first_line(answer: str) -> str:
    return answer.strip().partition("\n")[0]


def normalised(text: str) -> str:
    """Without case, signs at the ends and a leading article; runs of whitespace and look-alikes as one."""
    bare = fold(text).casefold().strip(" \"'`*.,;:!?")
    return _ARTICLE.sub("", bare)


BROKEN = object()  # what is no JSON, for None is JSON


def parsed(answer: str) -> Any:
    """The answer as JSON, or BROKEN."""
    try:
        return json.loads(answer)
    except (ValueError, RecursionError):
        return BROKEN
