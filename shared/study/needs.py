"""What an exercise needs of the machine, and what to do where that is missing."""

from __future__ import annotations

import shutil
from collections.abc import Iterable

from shared.errors import LadderError


def missing(needs: Iterable[str]) -> str:
    """One sentence about the first thing that is missing; empty if everything is there.

    `service` is the local AI service, which is started if none runs. `compiler` is a C++ compiler, `gpu` an
    NVIDIA GPU that torch can use, `model:NAME` a model that has been pulled.
    """
    for need in needs:
        kind, _, name = need.partition(":")
        if told := KINDS[kind](name):
            return told
    return ""


def _service(_: str) -> str:
    from shared.clients import service_url

    try:
        service_url()
    except LadderError as error:
        return f"the local AI service does not start: {error.message} {error.fix}"
    return ""


def _compiler(_: str) -> str:
    found = any(shutil.which(name) for name in ("c++", "g++", "clang++", "cl"))
    return "" if found else "no C++ compiler is here; install g++ or clang++"


def _gpu(_: str) -> str:
    import torch

    return "" if torch.cuda.is_available() else "no NVIDIA GPU is here that torch can use"


def _model(name: str) -> str:
    from shared.models import models_json

    here = any(model["id"] == name and model["present"] for model in models_json())
    return "" if here else f"the model {name} is not here; fetch it with `ladder models pull {name}`"


KINDS = {"service": _service, "compiler": _compiler, "gpu": _gpu, "model": _model}
