"""The harness passes the right layer and names what is wrong with each wrong one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from level5_components.bitlinear import BitLinear
from level5_components.checks import LINEAR
from level5_components.quantise import absmean_ternary, fake_int8, fake_ternary, straight_through
from level5_components.verify import Check, Checks, Finding, Trial, verify, verify_table


def failures(make: Callable[..., Any]) -> dict[str, Finding]:
    return {finding.name: finding for finding in verify(make, LINEAR) if not finding.passed}


@pytest.mark.parametrize("seed", range(5))
def test_the_layer_passes_every_check(seed: int) -> None:
    findings = verify(BitLinear, LINEAR, seed)
    assert len(findings) == len({f.name for f in findings}) == 14
    for finding in findings:
        assert finding.passed and finding.sentence == "", finding
        assert finding.error is not None and 0 <= finding.error <= finding.tolerance


# Wrong layers: each is the right one with one mistake, as people make it ------------------------------


class Sign(BitLinear):
    """Two levels, as in the first BitNet: round is replaced by the sign."""

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self.quantise_weight = lambda w: straight_through(w, w.sign() * w.abs().mean())


class NoStraightThrough(BitLinear):
    """Rounding as it is: its gradient is 0."""

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self.quantise_weight = lambda w: torch.mul(*absmean_ternary(w.detach()))


class DeafInput(BitLinear):
    """The input is rounded without its gradient."""

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self.quantise_input = lambda x: fake_int8(x.detach())


class WrongNorm(BitLinear):
    """x / |x| · d^-0.5 where d^+0.5 is meant: the output is d times too small."""

    def forward(self, x: Tensor) -> Tensor:
        if self.norm:
            x = F.normalize(x, dim=-1) * self.in_features**-0.5
        return F.linear(self.quantise_input(x), self.quantise_weight(self.weight), self.bias)


class DeafBias(BitLinear):
    """The bias is allocated and never added."""

    def forward(self, x: Tensor) -> Tensor:
        z = F.rms_norm(x, (self.in_features,), eps=1e-5) if self.norm else x
        return F.linear(self.quantise_input(z), self.quantise_weight(self.weight))


class WholeBatch(BitLinear):
    """One scale for all tokens."""

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self.quantise_input = lambda x: fake_int8(x.reshape(1, -1)).reshape(x.shape)


class NoEpsilon(BitLinear):
    """0 / 0 where all is zero."""

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self.quantise_weight = lambda w: straight_through(
            w, (w / w.abs().mean()).round().clamp(-1, 1) * w.abs().mean()
        )


class HalfRounding(BitLinear):
    """Under autocast the weights are made small before they are rounded."""

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self.quantise_weight = lambda w: fake_ternary(w.bfloat16() if torch.is_autocast_enabled("cpu") else w)


class Forgetful(BitLinear):
    """Something it computes with is not saved."""

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self.scale = 1 + torch.rand(1)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * self.scale


class OneDimension(nn.Module):
    """Not a linear layer: other names, and only matrices pass."""

    def __init__(self, in_features: int, out_features: int, bias: bool = False, norm: str | None = "rms"):
        super().__init__()
        self.w = nn.Parameter(torch.randn(out_features, in_features))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.w.T


WRONG = [
    (Sign, "ternary weights", "the sign alone gives two", {"formula", "gradient of the input"}),
    (
        NoStraightThrough,
        "gradient of the weights",
        "straight through",
        {"no unused parameter", "a step lowers the loss", "finite at zero"},
    ),
    (DeafInput, "gradient of the input", "rounding of the input", set()),
    (WrongNorm, "root mean square 1", "d times too small", {"formula", "a step lowers the loss"}),
    (DeafBias, "bias", "changes nothing", {"formula", "no unused parameter", "gradcheck without rounding"}),
    (WholeBatch, "scale of each token", "not of the whole batch", None),
    (NoEpsilon, "finite at zero", "above a small ε", set()),
    (HalfRounding, "same levels under autocast", "in float32", set()),
    (Forgetful, "safetensors round trip", "parameters or buffers", None),
    (OneDimension, "drop-in", "cannot stand where", None),
]


@pytest.mark.parametrize(("wrong", "check", "words", "also"), WRONG, ids=lambda v: getattr(v, "__name__", ""))
def test_a_wrong_layer_fails_with_its_own_sentence(
    wrong: type, check: str, words: str, also: set[str] | None
) -> None:
    found = failures(wrong)
    assert check in found and words in found[check].sentence
    if also is not None:  # what follows from the mistake may fail too, nothing else
        assert set(found) - {check} <= also


def test_the_mistake_is_measured() -> None:
    """SimpleRMSNorm's factor makes the output 512 times too small: an error of 1 - 1/512."""
    assert failures(WrongNorm)["root mean square 1"].error == pytest.approx(1 - 1 / 512, abs=1e-4)
    assert failures(Sign)["ternary weights"].error == pytest.approx(1), "a zero became γ"


def test_a_layer_without_the_two_roundings_is_told_so() -> None:
    class Plain(nn.Linear):
        def __init__(self, inputs: int, outputs: int, bias: bool = False, norm: str | None = None) -> None:
            super().__init__(inputs, outputs, bias)

    found = failures(Plain)
    assert "the layer has no quantise_input" in found["gradcheck without rounding"].sentence
    assert {"ternary weights", "formula"} <= set(found)


# The harness itself ----------------------------------------------------------------------------------


def test_nan_and_infinity_fail_and_are_no_number() -> None:
    for error in (float("nan"), float("inf")):
        (found,) = verify(BitLinear, [Check("x", "It is wrong.", 1.0, lambda trial, e=error: e)])
        assert (found.passed, found.error, found.sentence) == (False, None, "It is wrong.")


def test_what_a_layer_raises_is_part_of_its_sentence() -> None:
    class Broken(BitLinear):
        def forward(self, x: Tensor) -> Tensor:
            raise RuntimeError("shapes cannot be multiplied")

    for finding in verify(Broken, LINEAR):
        assert not finding.passed and "RuntimeError: shapes cannot be multiplied" in finding.sentence


def test_a_trial_draws_the_same_from_the_same_seed_and_leaves_torchs_own_alone() -> None:
    drawn: list[list[Tensor]] = []
    checks = Checks()

    @checks.add("keeps", "It does not.", 0.0)
    def keep(trial: Trial) -> float:
        drawn.append([trial.layer(4, 3).weight.detach(), trial.randn(2)])
        return 0.0

    for seed in (0, 0, 1):
        verify(BitLinear, checks, seed)
    assert all(torch.equal(a, b) for a, b in zip(drawn[0], drawn[1], strict=True))
    assert not torch.equal(drawn[0][0], drawn[2][0])


def test_the_table_has_a_line_a_check() -> None:
    shown = verify_table([Finding("bias", True, 0.0, 1e-6), Finding("formula", False, None, 1e-5, "Not so.")])
    lines = [line.split() for line in shown.splitlines()]
    assert ["PASS", "bias", "0", "1e-06"] in lines
    assert ["FAIL", "formula", "–", "1e-05", "Not", "so."] in lines
