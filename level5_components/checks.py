"""What is asked of a layer that stands for `nn.Linear` with ternary weights: fourteen questions, one shape.

Each looks at what the layer does and never at how, so that anybody's layer can be asked, and a wrong one.
"""

from __future__ import annotations

from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from level5_components import reference
from level5_components.verify import Checks, Trial

LINEAR = Checks()
SIZES = ((1, 1), (3, 5), (16, 8), (59, 33))  # in, out: the odd ones are meant


@LINEAR.add(
    "ternary weights",
    "The layer multiplies by other weights than -1, 0 and 1 times their mean absolute value. "
    "round(W / γ) clipped to ±1 gives three levels; the sign alone gives two.",
    tolerance=1e-6,
)
def ternary_weights(trial: Trial) -> float:
    layer = trial.layer(64, 48, norm=None)
    levels, gamma = reference.ternary(layer.weight.tolist())
    return distance(weights_seen(layer), torch.tensor(levels) * gamma)


@LINEAR.add(
    "scale of each token",
    "The size of one token changes how another is rounded. "
    "Take the largest value of each token, not of the whole batch.",
    tolerance=0.0,
)
def per_token(trial: Trial) -> float:
    layer, x = trial.layer(32, 16, norm=None), trial.randn(2, 32)
    louder = torch.stack([x[0], 1000 * x[1]])
    return distance(layer(louder)[0], layer(x)[0])


@LINEAR.add(
    "root mean square 1",
    "The norm does not bring its input to root mean square 1. "
    "Divide by sqrt(mean(x²)); a factor of d^-0.5 too many makes the output d times too small.",
    tolerance=1e-3,
)
def rms_scale(trial: Trial) -> float:
    with_norm, without = same_weights(trial.layer(512, 64, norm="rms"), trial.layer(512, 64, norm=None))
    x = 7 * trial.randn(8, 512)
    wanted = without(x / x.square().mean(dim=-1, keepdim=True).sqrt())
    return abs(with_norm(x).norm().item() / wanted.norm().item() - 1)


@LINEAR.add("bias", "The bias is there and changes nothing: add it to the output.", tolerance=1e-6)
def bias_honoured(trial: Trial) -> float:
    layer, without = same_weights(
        trial.layer(32, 16, bias=True, norm=None), trial.layer(32, 16, bias=False, norm=None)
    )
    bias = trial.randn(16)
    with torch.no_grad():
        layer.bias.copy_(bias)
    x = torch.zeros(4, 32)
    return distance(layer(x) - without(x), bias.expand(4, 16))


@LINEAR.add(
    "formula",
    "The output is not γ W~ · Quant(RMSNorm(x)) + b, as counted one number at a time in float64.",
    tolerance=1e-5,
)
def formula(trial: Trial) -> float:
    errors = []
    for size in SIZES:
        for norm in ("rms", None):
            layer, x = trial.layer(*size, bias=True, norm=norm), trial.randn(6, size[0])
            wanted = reference.bitlinear(
                x.tolist(), layer.weight.tolist(), layer.bias.tolist(), norm is not None
            )
            errors.append(distance(layer(x), torch.tensor(wanted)))
    return torch.tensor(errors).max().item()  # NaN counts as the largest


@LINEAR.add(
    "gradient of the weights",
    "The weights do not get the gradient of a plain linear layer that is fed with the rounded input. "
    "Pass it straight through the rounding: rounded.detach() + (w - w.detach()).",
    tolerance=1e-5,
)
def gradient_of_weights(trial: Trial) -> float:
    layer, x, g = trial.layer(32, 16, norm=None), trial.randn(6, 32), trial.randn(6, 16)
    layer(x).backward(g)
    rounded = [[n * step for n in q] for q, step in map(reference.int8, x.tolist())]
    return distance(gradient(layer.weight), g.double().T @ torch.tensor(rounded, dtype=torch.float64))


@LINEAR.add(
    "gradient of the input",
    "The input does not get the gradient of a plain linear layer with the ternary weights. "
    "Pass it straight through the rounding of the input too.",
    tolerance=1e-5,
)
def gradient_of_input(trial: Trial) -> float:
    layer, g = trial.layer(32, 16, norm=None), trial.randn(6, 16)
    x = trial.randn(6, 32).requires_grad_()
    layer(x).backward(g)
    levels, gamma = reference.ternary(layer.weight.tolist())
    return distance(gradient(x), g.double() @ (torch.tensor(levels).double() * gamma))


@LINEAR.add(
    "gradcheck without rounding",
    "With quantise_input and quantise_weight replaced by functions that change nothing, the gradient is not "
    "that of the function which is computed. Look for a detach() at a wrong place.",
    tolerance=0.0,
)
def gradient_without_rounding(trial: Trial) -> float:
    layer = trial.layer(6, 4, bias=True, norm="rms").double()
    for name in ("quantise_input", "quantise_weight"):
        if not hasattr(layer, name):
            raise AttributeError(f"the layer has no {name}")
        setattr(layer, name, lambda value: value)
    x = trial.randn(3, 6).double().requires_grad_()
    agrees = torch.autograd.gradcheck(lambda x, *_: layer(x), (x, *layer.parameters()), raise_exception=False)
    return float(not agrees)


@LINEAR.add(
    "finite at zero",
    "An input or a weight matrix of zeros gives NaN or infinity. Keep each divisor above a small ε.",
    tolerance=0.0,
)
def finite_at_zero(trial: Trial) -> float:
    wrong = 0
    for x_scale, w_scale in ((0, 1), (1, 0), (0, 0)):
        layer, x = trial.layer(16, 8), (x_scale * trial.randn(4, 16)).requires_grad_()
        with torch.no_grad():
            layer.weight.mul_(w_scale)
        y = layer(x)
        y.sum().backward()
        wrong += sum(int((~t.isfinite()).sum()) for t in (y, gradient(x), gradient(layer.weight)))
    return float(wrong)


@LINEAR.add(
    "same levels under autocast",
    "Under autocast weights round to other levels than in float32. Quantise in float32, then multiply.",
    tolerance=0.0,
)
def levels_under_autocast(trial: Trial) -> float:
    layer = trial.layer(128, 128, norm=None)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        under = weights_seen(layer)
    return float((under.float().sign() != weights_seen(layer).sign()).sum())


@LINEAR.add(
    "drop-in",
    "It cannot stand where nn.Linear stood: parameters need its names, and any leading dimensions must pass.",
    tolerance=0.0,
)
def drop_in(trial: Trial) -> float:
    layer, plain = trial.layer(12, 7, bias=True), nn.Linear(12, 7)
    layer.load_state_dict(plain.state_dict())
    shapes = ((12,), (5, 12), (2, 3, 4, 12), (0, 12))
    return float(sum(layer(torch.zeros(shape)).shape != (*shape[:-1], 7) for shape in shapes))


@LINEAR.add(
    "safetensors round trip",
    "A layer that is saved and loaded gives another output: keep all it needs as parameters or buffers.",
    tolerance=0.0,
)
def round_trip(trial: Trial) -> float:
    layer, x = trial.layer(24, 10, bias=True), trial.randn(4, 24)
    again = trial.layer(24, 10, bias=True)
    again.load_state_dict(load(save(layer.state_dict())))
    return distance(again(x), layer(x))


@LINEAR.add(
    "no unused parameter",
    "A parameter gets no gradient: it is allocated and never used, which also stops distributed training.",
    tolerance=0.0,
)
def no_unused_parameter(trial: Trial) -> float:
    layer = trial.layer(24, 10, bias=True)
    layer(trial.randn(8, 24)).square().sum().backward()
    return float(sum(not gradient(p).any() for p in layer.parameters()))


@LINEAR.add(
    "a step lowers the loss",
    "One step of gradient descent leaves the loss where it was or raises it (the number is after / before).",
    tolerance=0.99,
)
def a_step_lowers_the_loss(trial: Trial) -> float:
    layer, x, wanted = trial.layer(32, 16), trial.randn(64, 32), trial.randn(64, 16)
    before = (layer(x) - wanted).square().mean()
    before.backward()
    with torch.no_grad():
        layer.weight -= 2 * gradient(layer.weight)
    return (layer(x) - wanted).square().mean().item() / before.item()


# Small parts -----------------------------------------------------------------------------------------


def weights_seen(layer: Any) -> Tensor:
    """(out, in): what a layer without norm and bias multiplies by, seen from outside.

    A token that is 1 at one place and 0 elsewhere survives rounding as it is.
    """
    with torch.no_grad():
        return layer(torch.eye(layer.in_features)).T


def distance(found: Tensor, wanted: Tensor) -> float:
    """The largest difference, as a share of the largest wanted value."""
    found, wanted = found.detach().double(), wanted.detach().double()
    largest = float(wanted.abs().max()) or 1.0
    return float((found - wanted).abs().max()) / largest


def gradient(tensor: Tensor) -> Tensor:
    """Its gradient, or zeros where it got none."""
    return torch.zeros_like(tensor) if tensor.grad is None else tensor.grad


def same_weights(layer: Any, other: Any) -> tuple[Any, Any]:
    """Both, the second with the weights of the first."""
    with torch.no_grad():
        other.weight.copy_(layer.weight)
    return layer, other
