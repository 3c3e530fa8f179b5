"""Is it the right value? Shape first, then dtype, then values; and how a value is shown in one glance."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

TEXT_LINES = 12  # of a text of several lines
TEXT_CHARS = 400

_repr = reprlib.Repr()
_repr.maxstring = _repr.maxother = 200
_repr.maxlist = _repr.maxtuple = _repr.maxdict = 8
_repr.maxlevel = 4


def difference(got: Any, expected: Any, tolerance: float = 0.0) -> str | None:
    """What is wrong with `got`, in words; None if nothing is. Empty where the two values say it all.

    Numbers may be `tolerance` apart; whole numbers, text and the rest must be equal. A list and a tuple are
    the same here, and so is any kind of float.
    """
    got, expected = _truth(got), _truth(expected)
    if _is_array(expected):
        return _arrays(got, expected, tolerance)
    if isinstance(expected, bool) or expected is None:
        return None if type(got) is type(expected) and got == expected else _kinds(got, expected) or ""
    if isinstance(expected, Real):
        return _numbers(got, expected, tolerance)
    if isinstance(expected, str):
        return _texts(got, expected)
    if isinstance(expected, list | tuple) and isinstance(got, list | tuple):
        return _lists(got, expected, tolerance)
    if isinstance(expected, Mapping) and isinstance(got, Mapping):
        return _mappings(got, expected, tolerance)
    if kinds := _kinds(got, expected):
        return kinds
    return None if bool(got == expected) else ""


def show(value: Any) -> str:
    """A value as one would type it, shortened; an array with its dtype and shape."""
    value = _truth(value)
    if _is_array(value):
        flat = " ".join(str(_as_numpy(value)).split())
        return f"{_dtype(value)} {tuple(value.shape)}: {_cut(flat)}"
    if isinstance(value, str) and "\n" in value.strip("\n"):
        lines = value.splitlines()
        more = [f"… {len(lines) - TEXT_LINES} more lines"] if len(lines) > TEXT_LINES else []
        return "\n".join([*(_cut(line) for line in lines[:TEXT_LINES]), *more])
    if isinstance(value, str):
        return _cut(repr(value))
    if isinstance(value, Real) and hasattr(value, "item"):  # a number of numpy's
        value = value.item()
    return _cut(" ".join(_repr.repr(value).split()))


def _cut(text: str) -> str:
    return text if len(text) <= TEXT_CHARS else text[: TEXT_CHARS - 1] + "…"


def _kind(value: Any) -> str:
    return "nothing (None)" if value is None else f"a value of type {type(value).__name__}"


def _kinds(got: Any, expected: Any) -> str | None:
    if isinstance(got, type(expected)):
        return None
    return f"{_kind(got)}, where {_kind(expected)} is expected"


def _numbers(got: Any, expected: Real, tolerance: float) -> str | None:
    if _is_array(got) and not isinstance(got, Real):
        return f"{_kind(got)}, where a plain number is expected: .item() makes one"
    if not isinstance(got, Real) or isinstance(got, bool):
        return _kinds(got, expected) or f"{_kind(got)}, where a number is expected"
    if isinstance(expected, Integral) and not isinstance(got, Integral) and not tolerance:
        return "a float, where a whole number (int) is expected"
    if got == expected or (got != got and expected != expected):  # the same, or both not a number
        return None
    away = abs(float(got) - float(expected))
    if away <= tolerance:
        return None
    return f"{away:.3g} away, where {tolerance:.3g} is allowed" if tolerance else ""


def _texts(got: Any, expected: str) -> str | None:
    if not isinstance(got, str):
        return _kinds(got, expected)
    if got == expected:
        return None
    here, there = got.splitlines(), expected.splitlines()
    if max(len(here), len(there)) < 2:
        return ""
    for number, (mine, theirs) in enumerate(zip(here, there, strict=False), 1):
        if mine != theirs:
            return f"line {number} is {_cut(repr(mine))}, where {_cut(repr(theirs))} is expected"
    if len(here) != len(there):
        return f"{len(here)} lines, where {len(there)} are expected"
    return "they differ in their line ends"


def _lists(got: Any, expected: Any, tolerance: float) -> str | None:
    if len(got) != len(expected):
        return f"{len(got)} items, where {len(expected)} are expected"
    for index, (mine, theirs) in enumerate(zip(got, expected, strict=True)):
        told = difference(mine, theirs, tolerance)
        if told is not None:
            return _inside(f"[{index}]", told or f"{show(mine)}, where {show(theirs)} is expected")
    return None


def _mappings(got: Any, expected: Any, tolerance: float) -> str | None:
    if missing := [key for key in expected if key not in got]:
        return f"the key {show(missing[0])} is missing"
    if extra := [key for key in got if key not in expected]:
        return f"the key {show(extra[0])} is not expected"
    for key, theirs in expected.items():
        told = difference(got[key], theirs, tolerance)
        if told is not None:
            return _inside(f"[{show(key)}]", told or f"{show(got[key])}, where {show(theirs)} is expected")
    return None


def _inside(place: str, told: str) -> str:
    """`at [3]: …`, and deeper `at [3]['wer']: …`."""
    return f"at {place}{told.removeprefix('at ')}" if told.startswith("at [") else f"at {place}: {told}"


# Arrays and tensors, without importing numpy or torch: who hands one over has done so. ------------------


def _is_array(value: Any) -> bool:
    return hasattr(value, "shape") and hasattr(value, "dtype") and not isinstance(value, Real)  # np.float64


def _truth(value: Any) -> Any:
    """numpy's own True and False as Python's."""
    return bool(value) if type(value).__module__ == "numpy" and "bool" in type(value).__name__ else value


def _dtype(value: Any) -> str:
    return str(value.dtype).removeprefix("torch.")


def _as_numpy(value: Any) -> Any:
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = value.double() if value.is_floating_point() else value
        return value.numpy()
    return value


def _arrays(got: Any, expected: Any, tolerance: float) -> str | None:
    if not _is_array(got) or hasattr(got, "detach") != hasattr(expected, "detach"):
        return f"{_kind(got)}, where {_kind(expected)} is expected"
    if tuple(got.shape) != tuple(expected.shape):
        return f"shape {tuple(got.shape)}, where {tuple(expected.shape)} is expected"
    if _dtype(got) != _dtype(expected):
        return f"dtype {_dtype(got)}, where {_dtype(expected)} is expected"
    return _values(_as_numpy(got), _as_numpy(expected), tolerance)


def _values(got: Any, expected: Any, tolerance: float) -> str | None:
    import numpy as np

    if got.size == 0:
        return None
    if not np.issubdtype(got.dtype, np.number):
        wrong, away = got != expected, None
    else:
        away = np.abs(got.astype(np.float64) - expected.astype(np.float64))
        same = (got == expected) | (np.isnan(got) & np.isnan(expected))
        wrong = ~(same | (away <= tolerance))
    if not wrong.any():
        return None
    first = tuple(int(i) for i in np.argwhere(wrong)[0])
    place = f"[{', '.join(map(str, first))}]" if first else "the value"
    told = f"{int(wrong.sum())} of {wrong.size} values differ; first at {place}: {got[first]!s}, where "
    told += f"{expected[first]!s} is expected"
    if away is not None and tolerance and np.isfinite(away[wrong]).any():
        told += f"; at most {float(np.nanmax(away[wrong])):.3g} away, where {tolerance:.3g} is allowed"
    return told
