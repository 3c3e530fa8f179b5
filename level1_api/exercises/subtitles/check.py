"""Times against whole milliseconds, files against pysubs2, which writes and reads the format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import ModuleType

import numpy as np
import pysubs2
from pysubs2.formats.subrip import SubripFormat

from shared.speech import Segment
from shared.study import Case

TEXTS = ("Please stand clear of the doors.", "Mind the gap.")


def cases(work: ModuleType, rng: np.random.Generator) -> Iterator[Case]:
    """Single times, then a file of two cues, then many of both."""
    point = {"point-for-comma": "00:00:01.500"}
    yield Case("a second and a half", call="srt_time", args=(1.5,), expected="00:00:01,500", mistakes=point)
    yield Case("over an hour", call="srt_time", args=(3723.25,), expected="01:02:03,250")
    cut = {"truncates": "00:00:01,000"}
    yield Case("to the nearest", call="srt_time", args=(1.001,), expected="00:00:01,001", mistakes=cut)
    sixty = {"sixty-seconds": "00:00:60,000"}
    yield Case(
        "just short of a minute", call="srt_time", args=(59.9996,), expected="00:01:00,000", mistakes=sixty
    )

    two = _segments([(260, 2300), (2560, 4540)])
    right = _pysubs2(two)
    yield Case(
        "a file of two cues",
        call="to_srt",
        args=(two,),
        given="; ".join(f"{s.start} to {s.end} s: {s.text}" for s in two),
        expected=right,
        mistakes={
            "counts-from-zero": right.replace("1\n", "0\n", 1).replace("\n2\n", "\n1\n"),
            "no-empty-line": right.replace("\n\n", "\n"),
            "last-empty-line": lambda got: got.rstrip("\n") == right.rstrip("\n"),
        },
    )

    times = rng.integers(0, 10 * 3_600_000, 500).tolist()
    yield Case(
        "500 times of ten hours",
        call="srt_time",
        run=lambda work: [work.srt_time(ms / 1000) for ms in times],
        given=f"{times[0] / 1000}, {times[1] / 1000} and 498 more",
        expected=[SubripFormat.ms_to_timestamp(ms) for ms in times],
    )
    edges = np.sort(rng.choice(7_200_000, 120, replace=False)).reshape(-1, 2).tolist()
    yield Case(
        "60 cues, read back",
        call="to_srt",
        run=lambda work: _read_back(work.to_srt(_segments(edges))),
        given="60 segments of two hours",
        expected=[(start, end, TEXTS[i % 2]) for i, (start, end) in enumerate(edges)],
    )


def _segments(edges: Sequence[Sequence[int]]) -> list[Segment]:
    """Segments that begin and end at these milliseconds."""
    return [
        Segment(id=i, start=start / 1000, end=end / 1000, text=TEXTS[i % 2])
        for i, (start, end) in enumerate(edges)
    ]


def _pysubs2(segments: Sequence[Segment]) -> str:
    """The file as pysubs2 writes it, from whole milliseconds."""
    file = pysubs2.SSAFile()
    file.events = [pysubs2.SSAEvent(round(s.start * 1000), round(s.end * 1000), s.text) for s in segments]
    return file.to_string("srt")


def _read_back(text: str) -> list[tuple[int, int, str]]:
    """The cues that a player finds: start and end in milliseconds, and the text."""
    return [(event.start, event.end, event.text) for event in pysubs2.SSAFile.from_string(text, "srt")]
