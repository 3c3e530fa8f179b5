"""Every exercise of the course does what it claims: `ladder dev check`, with three seeds in test-all."""

from __future__ import annotations

import ast

import pytest

from shared.levels import levels
from shared.study.author import check_course, not_taught
from shared.study.exercise import course


def test_every_level_has_an_exercise_and_names_are_unique() -> None:
    names = [one.name for one in course()]
    assert len(set(names)) == len(names)
    assert {one.level for one in course()} == set(levels())
    assert [one.gate for one in course() if one.level.number == 1] == [False] * 6 + [True]


def test_every_exercise_does_what_it_claims() -> None:
    told: list[str] = []
    assert check_course(course(), seeds=1, say=told.append) == []
    assert len(told) == len(course())


@pytest.mark.parametrize(
    ("level", "code", "own", "told"),
    [
        (1, "import level1_api.plan, openai, json", True, []),
        (1, "from level4_build import unet", False, ["level4_build is taught later"]),
        (2, "import torch", True, ["torch is taught later"]),
        (2, "import torch", False, []),  # a check may have any oracle
        (3, "from torch import nn\nimport numpy", True, []),
    ],
)
def test_nothing_is_used_that_a_later_level_teaches(
    level: int, code: str, own: bool, told: list[str]
) -> None:
    found = next(one for one in levels() if one.number == level)
    assert list(not_taught(found, ast.parse(code), own)) == told


@pytest.mark.slow
def test_solutions_pass_with_three_seeds() -> None:
    assert check_course(course(), seeds=3, say=print) == []
