"""Rounding to three values and to a byte, against the equations counted one number at a time in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from level5_components import reference
from level5_components.quantise import (
    absmax_int8,
    absmean_ternary,
    fake_int8,
    fake_ternary,
    straight_through,
)

# float64 on both sides: only a value within a few 1e-16 of an edge may round differently, and these are not.
VALUES = st.integers(-1000, 1000).map(lambda n: n / 997)
MATRICES = arrays(np.float64, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=VALUES)
quick = settings(max_examples=60, deadline=None)


@quick
@given(MATRICES)
def test_weights_become_three_levels_as_the_paper_writes_it(weight: np.ndarray) -> None:
    levels, gamma = absmean_ternary(torch.from_numpy(weight))
    wanted, wanted_gamma = reference.ternary(weight.tolist())
    assert set(levels.unique().tolist()) <= {-1.0, 0.0, 1.0}
    assert gamma.item() == pytest.approx(wanted_gamma, rel=1e-12)
    ratio = np.abs(weight) / max(wanted_gamma, 1e-300)
    away = np.abs(ratio - 0.5) > 1e-6  # ε moves values that lie on the edge itself
    assert np.array_equal(levels.numpy()[away], np.array(wanted)[away])


@quick
@given(MATRICES)
def test_activations_become_bytes_each_token_on_its_own_scale(x: np.ndarray) -> None:
    q, step = absmax_int8(torch.from_numpy(x))
    assert q.abs().max() <= 127 and torch.equal(q, q.round())
    for token, row, one in zip(x.tolist(), q.tolist(), step[:, 0].tolist(), strict=True):
        wanted, wanted_step = reference.int8(token)
        if any(token):
            assert one == pytest.approx(wanted_step, rel=1e-12)
        exact = [v * 127 / max(map(abs, token), default=1) if any(token) else 0.0 for v in token]
        assert all(abs(got - real) <= 0.5 + 1e-9 for got, real in zip(row, exact, strict=True))
        assert [abs(g - w) for g, w in zip(row, wanted, strict=True)] == pytest.approx([0] * len(row), abs=1)


@quick
@given(MATRICES)
def test_a_rounded_activation_is_at_most_half_a_step_away(x: np.ndarray) -> None:
    given_x = torch.from_numpy(x)
    _, step = absmax_int8(given_x)
    assert ((fake_int8(given_x) - given_x).abs() <= step / 2 * (1 + 1e-9)).all()


def test_an_example_by_hand() -> None:
    """γ = (0.9 + 0.1 + 0.2 + 0.8) / 4 = 0.5; W / γ = 1.8, 0.2, -0.4, -1.6."""
    levels, gamma = absmean_ternary(torch.tensor([[0.9, 0.1], [-0.2, -0.8]]))
    assert levels.tolist() == [[1, 0], [0, -1]] and gamma.item() == pytest.approx(0.5)
    q, step = absmax_int8(torch.tensor([[1.0, -0.5, 0.25]]))  # 127, -63.5, 31.75: a half goes to the even one
    assert q.tolist() == [[127, -64, 32]] and step.item() == pytest.approx(1 / 127)


def test_zeros_stay_zeros() -> None:
    zeros = torch.zeros(3, 4)
    assert torch.equal(fake_ternary(zeros), zeros) and torch.equal(fake_int8(zeros), zeros)


def test_straight_through_gives_the_value_of_one_and_the_gradient_of_the_other() -> None:
    rng = torch.Generator().manual_seed(0)
    x = (1000 * torch.randn(10_000, generator=rng)).requires_grad_()
    rounded = torch.randn(10_000, generator=rng)
    out = straight_through(x, rounded)
    assert torch.equal(out, rounded), "the value is exact, not off by a rounding error"
    g = torch.randn(10_000, generator=rng)
    out.backward(g)
    assert x.grad is not None and torch.equal(x.grad, g)


def test_ternary_values_are_exactly_gamma_times_a_level() -> None:
    weight = torch.randn(40, 30, generator=torch.Generator().manual_seed(1))
    gamma = weight.abs().mean()
    assert set(fake_ternary(weight).unique().tolist()) == {-gamma.item(), 0.0, gamma.item()}


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_counted_in_float32(dtype: torch.dtype) -> None:
    small = torch.randn(64, 64, generator=torch.Generator().manual_seed(2)).to(dtype)
    levels, gamma = absmean_ternary(small)
    wide, wide_gamma = absmean_ternary(small.float())
    assert levels.dtype == gamma.dtype == torch.float32
    assert torch.equal(levels, wide) and torch.equal(gamma, wide_gamma)
    assert absmax_int8(small)[0].dtype == torch.float32
