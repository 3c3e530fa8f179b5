"""Words with times from the service, then lines made of them: the oracle writes one word after the other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from types import ModuleType
from typing import Any

import jiwer
import numpy as np
from openai.types.audio import TranscriptionWord

from level1_api.samples import sample
from shared.clients import openai_client
from shared.study import Case

MISHEARD = 0.5  # share of the words: far above what the engine mishears here, far below another clip's


def cases(work: ModuleType, rng: np.random.Generator) -> Iterator[Case]:
    """The call, then the lines: a whole one, a short one, none; their times; many at random."""
    clip = sample("greeting")
    yield Case(
        "each word has its time",
        call="timed_words",
        run=lambda work: work.timed_words(openai_client(), clip.path),
        given=f"the clip {clip.path.name}",
        expected=f"the words, each with start and end between 0 and {clip.seconds} s, one after the other",
        holds=lambda got: _are_timed(got, clip.text, clip.seconds),
        mistakes={"no-word-times": lambda got: got is None or got == []},
    )

    three = _words(["mind", "the", "gap"], [1.2, 1.5, 1.6])
    yield _lines("one line", three, 3, ["[00:01] mind the gap"])

    four = _words(["please", "mind", "the", "gap"], [0.2, 0.6, 0.9, 1.3])
    whole, rest = "[00:00] please mind the", "[00:01] gap"
    yield _lines("the last line may be shorter", four, 3, [whole, rest], {"drops-rest": [whole]})
    yield _lines("where nobody speaks there is no line", [], 6, [])

    late = {"rounds-up": lambda got: got in (["[01:00] now"], ["[00:60] now"])}
    yield _lines("the time is never later than the word", _words(["now"], [59.6]), 6, ["[00:59] now"], late)
    hour = {"wraps-hour": ["[02:03] still here"]}
    still = _words(["still", "here"], [3723.4, 3723.8])
    yield _lines("minutes count on past the hour", still, 6, ["[62:03] still here"], hour)

    starts = np.sort(rng.uniform(0, 3 * 3600, 200)).tolist()
    many, per_line = _words([f"word{i}" for i in range(200)], starts), int(rng.integers(2, 12))
    yield _lines("200 words at random times", many, per_line, _slowly(many, per_line))


def _lines(
    title: str,
    words: list[TranscriptionWord],
    per_line: int,
    expected: list[str],
    mistakes: dict[str, Any] | None = None,
) -> Case:
    told = ", ".join(f"{word.word} at {word.start:.1f} s" for word in words[:4]) or "no words"
    more = f" and {len(words) - 4} more" if len(words) > 4 else ""
    return Case(
        title,
        call="lines",
        args=(words, per_line),
        given=f"{told}{more}; {per_line} words a line",
        expected=expected,
        mistakes=mistakes or {},
    )


def _words(texts: Sequence[str], starts: Sequence[float]) -> list[TranscriptionWord]:
    return [
        TranscriptionWord(word=text, start=start, end=start + 0.2)
        for text, start in zip(texts, starts, strict=True)
    ]


def _slowly(words: Sequence[TranscriptionWord], per_line: int) -> list[str]:
    """The lines, word by word; datetime writes the time."""
    lines: list[str] = []
    for number, word in enumerate(words):
        if number % per_line == 0:
            hours, minutes, seconds = str(timedelta(seconds=int(word.start))).split(":")
            lines.append(f"[{int(hours) * 60 + int(minutes):02}:{seconds}]")
        lines[-1] += f" {word.word}"
    return lines


def _are_timed(got: object, said: str, seconds: float) -> bool:
    """Whether these are words with times inside the clip, in order, and mostly those that were said."""
    if not isinstance(got, list) or not all(isinstance(word, TranscriptionWord) for word in got):
        return False
    times = [time for word in got for time in (word.start, word.end)]
    heard = " ".join(word.word.lower() for word in got)
    plain = " ".join(re.findall(r"[a-z']+", said.lower()))
    in_clip = times == sorted(times) and all(0 <= time <= seconds for time in times)
    return in_clip and jiwer.wer(plain, heard) < MISHEARD
