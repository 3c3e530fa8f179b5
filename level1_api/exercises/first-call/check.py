"""The words that come back are those that were spoken: jiwer counts, on clips whose words are known."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import jiwer
import numpy as np

from level1_api.samples import sample
from shared.clients import openai_client
from shared.study import Case

# A share of the words: the engine mishears 1 in 16 at most on these clips, another clip has hardly one right.
MISHEARD = 0.5


def cases(work: ModuleType, rng: np.random.Generator) -> Iterator[Case]:
    """Two clips in which somebody speaks, two in which nobody does."""
    answers = {
        "whole-answer": lambda got: hasattr(got, "text") or str(got).startswith("Transcription("),
        "prints-it": lambda got: got is None,
    }
    yield _spoken("the first clip becomes text", "bridge", answers)
    same = {"one-clip": lambda got: _is_heard("bridge", got)}
    yield _spoken("another clip, other words", "greeting", answers | same)
    yield _case("silence has no words", "silence", expected="")
    yield _case("nor has a sound that is no speech", str(rng.choice(["noise", "hum"])), expected="")


def _spoken(title: str, name: str, mistakes: dict[str, Any]) -> Case:
    said = f"most of these words, as text:\n{sample(name).text}"
    return _case(title, name, expected=said, holds=lambda got: _is_heard(name, got), mistakes=mistakes)


def _case(title: str, name: str, **expected: Any) -> Case:
    path = sample(name).path
    return Case(
        title,
        call="transcribe",
        run=lambda work: work.transcribe(openai_client(), path),
        given=f"the clip {path.name}",
        **expected,
    )


def _is_heard(name: str, got: object) -> bool:
    """Whether text is what is said in a sample, but for what an engine mishears."""
    return isinstance(got, str) and jiwer.wer(_plain(sample(name).text), _plain(got)) < MISHEARD


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[a-z']+", text.lower()))
