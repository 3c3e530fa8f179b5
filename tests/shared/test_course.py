"""Every exercise of the course does what it claims: `ladder dev check`, with one seed here and three in test-all."""

from __future__ import annotations

import pytest

from shared.levels import levels
from shared.study.author import check_course
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


@pytest.mark.slow
def test_solutions_pass_with_three_seeds() -> None:
    assert check_course(course(), seeds=3, say=print) == []
