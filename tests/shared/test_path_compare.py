"""Is it the right value, and is it said well what is wrong with it?"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from shared.study.compare import difference, show


@pytest.mark.parametrize(
    ("got", "expected", "tolerance"),
    [
        (3, 3, 0.0),
        (3, 3.0, 0.0),
        (np.float32(0.5), 0.5, 0.0),
        (np.int64(7), 7, 0.0),
        (0.5, np.float64(0.5), 0.0),
        (True, np.bool_(True), 0.0),
        (np.bool_(False), False, 0.0),
        (0.1 + 0.2, 0.3, 1e-12),
        (math.nan, math.nan, 0.0),
        ("00:00:01,000", "00:00:01,000", 0.0),
        ([1, (2, 3)], (1, [2, 3]), 0.0),
        ({"b": 2, "a": [1.0]}, {"a": [1.0], "b": 2}, 0.0),
        (None, None, 0.0),
        (True, True, 0.0),
        (np.array([1.0, np.nan]), np.array([1.0, np.nan]), 0.0),
        (np.zeros((0, 3)), np.zeros((0, 3)), 0.0),
        (torch.tensor([0.1], dtype=torch.bfloat16), torch.tensor([0.1], dtype=torch.bfloat16), 0.0),
        (torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.001]), 0.01),
        (np.array(["a", "b"]), np.array(["a", "b"]), 0.0),
    ],
)
def test_what_is_right_is_right(got: object, expected: object, tolerance: float) -> None:
    assert difference(got, expected, tolerance) is None


@pytest.mark.parametrize(
    ("got", "expected", "tolerance", "words"),
    [
        (None, 3, 0.0, "nothing (None), where a value of type int is expected"),
        (3.0, 3, 0.0, "whole number (int)"),
        (True, 1, 0.0, "bool"),
        ("3", 3, 0.0, "type str"),
        (0.31, 0.3, 0.001, "0.01 away, where 0.001 is allowed"),
        (math.nan, 0.3, 0.1, "nan away"),
        (b"text", "text", 0.0, "type bytes"),
        ("a\nB\nc", "a\nb\nc", 0.0, "line 2 is 'B', where 'b' is expected"),
        ("a\nb\nc", "a\nb", 0.0, "3 lines, where 2 are expected"),
        ("a\r\nb", "a\nb", 0.0, "line ends"),
        ([1, 2], [1, 2, 3], 0.0, "2 items, where 3 are expected"),
        ([1, [2, 4]], [1, [2, 3]], 0.0, "at [1][1]: 4, where 3 is expected"),
        ({"a": 1}, {"a": 1, "b": 2}, 0.0, "the key 'b' is missing"),
        ({"a": 1, "z": 2}, {"a": 1}, 0.0, "the key 'z' is not expected"),
        ({"a": 1}, {"a": 2}, 0.0, "at ['a']: 1, where 2 is expected"),
        (np.zeros((2, 3)), np.zeros((3, 2)), 0.0, "shape (2, 3), where (3, 2) is expected"),
        (np.zeros(2, np.float32), np.zeros(2), 0.0, "dtype float32, where float64 is expected"),
        (
            np.array([1.0, 5.0]),
            np.array([1.0, 2.0]),
            0.0,
            "1 of 2 values differ; first at [1]: 5.0, where 2.0",
        ),
        (np.array([1.0, np.nan]), np.array([1.0, 2.0]), 0.5, "first at [1]: nan"),
        (torch.zeros(2), np.zeros(2), 0.0, "type Tensor, where a value of type ndarray"),
        ([0.0, 0.0], np.zeros(2), 0.0, "type list, where a value of type ndarray"),
        (torch.tensor(0.5), 0.5, 0.0, ".item() makes one"),
    ],
)
def test_what_is_wrong_is_named(got: object, expected: object, tolerance: float, words: str) -> None:
    assert words in (difference(got, expected, tolerance) or "")


@pytest.mark.parametrize(
    ("got", "expected"), [(4, 3), ("a", "b"), (False, True), (frozenset({1}), frozenset())]
)
def test_where_the_values_say_it_all_nothing_is_added(got: object, expected: object) -> None:
    assert difference(got, expected) == ""


def test_shape_comes_before_dtype_and_dtype_before_values() -> None:
    wrong = np.ones((2, 2), np.float32)
    assert "shape" in (difference(wrong, np.zeros(3)) or "")
    assert "dtype" in (difference(wrong, np.zeros((2, 2))) or "")
    assert "4 of 4 values" in (difference(wrong, np.zeros((2, 2), np.float32)) or "")


def test_a_value_is_shown_in_one_glance() -> None:
    assert show("a") == "'a'"
    assert show(np.float64(0.5)) == "0.5"
    assert show("one\ntwo") == "one\ntwo"
    assert show(torch.zeros(2, 3, dtype=torch.int8)).startswith("int8 (2, 3): [[0 0 0]")
    assert len(show("x" * 100_000)) <= 400
    assert len(show(list(range(100_000)))) <= 400
    assert len(show(np.arange(1e6))) <= 450
    assert show("\n".join(map(str, range(100)))).endswith("… 88 more lines")
