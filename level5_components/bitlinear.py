"""BitLinear: a linear layer whose weights are -1, 0 and 1 times one number, and that still learns.

    layer = BitLinear(64, 32)      # where nn.Linear(64, 32, bias=False) stood
    y = layer(x)                   # (..., 64) -> (..., 32)

It trains on full-precision weights and rounds them anew in every forward pass.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - its usual name

from level5_components.quantise import fake_int8, fake_ternary, in_float32

Norm = Literal["rms"]
NORM_EPS = 1e-5


class BitLinear(nn.Linear):
    """A drop-in for `nn.Linear` after BitNet b1.58 (arXiv 2402.17764, section 2).

        y = γ W~ · Quant(RMSNorm(x)) + b

    which is equation (11) of BitNet (arXiv 2310.11453) with ternary weights and RMSNorm for LayerNorm. The
    norm has no learned scale. Under autocast all but the product stays in float32. The parameters have the
    names and shapes of those of `nn.Linear`, so each loads the other's weights.

    Args:
        in_features, out_features: sizes of the last dimension of input and output.
        bias: whether b is there. The paper leaves it out.
        norm: "rms" brings the input to root mean square 1 inside the layer; None leaves it as it is.

    Attributes:
        quantise_input, quantise_weight: the two roundings. Put another function there to see what it changes.
    """

    def __init__(
        self, in_features: int, out_features: int, bias: bool = False, norm: Norm | None = "rms"
    ) -> None:
        if norm not in ("rms", None):
            raise ValueError(f"norm is {norm!r}; it can be 'rms' or None")
        super().__init__(in_features, out_features, bias)
        self.norm = norm
        self.quantise_input = fake_int8
        self.quantise_weight = fake_ternary

    def forward(self, x: Tensor) -> Tensor:
        """(..., in_features) -> (..., out_features), in the dtype that `nn.Linear` would give."""
        z = in_float32(x)
        if self.norm:
            z = F.rms_norm(z, (self.in_features,), eps=NORM_EPS)
        z = self.quantise_input(z).to(x.dtype)
        weight = self.quantise_weight(self.weight).to(self.weight.dtype)
        return F.linear(z, weight, self.bias)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, norm={self.norm!r}"
