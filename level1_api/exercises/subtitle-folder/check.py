"""Cases of `subtitle-folder`: the learner's program does folders it has not seen, with the real service.

What it wrote is read back by others: the subtitles by pysubs2, length and voice from the sound itself, and
the requests are counted on their way. A folder is done once, however many cases look at it.
"""

from __future__ import annotations

import io
import json
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

import httpx
import numpy as np
from openai import DefaultHttpxClient
from openai.types.audio import TranscriptionSegment
from pysubs2 import SSAFile

from level1_api.audio import RATE, read
from level1_api.score import score_many
from shared.clients import openai_client
from shared.study import Case, raised

CLIPS = Path(__file__).with_name("clips")  # by make_clips.py, which lies there too
CALL = "subtitle_folder"
JUNK = (b"Bread, milk and six eggs.\n", b"", b"\x89PNG\r\n\x1a\n" + bytes(300))
NO_REPORT = "no report.json"
SAID = "(what the service said)"
QUIET = 0.01  # of full scale: a voice is louder
FRAMES = 50  # values of loudness a second

# A length may be rounded to a tenth, and decoders differ by milliseconds at the end of an Opus file.
SECONDS = 0.1
# Engines let a segment begin and end a little beside the voice.
BESIDE = 0.3

Files = tuple[tuple[str, bytes], ...]


@dataclass(frozen=True)
class Done:
    """What a run left behind: the names of its files, its report, its subtitles by file, its requests."""

    written: list[str]
    report: list[dict[str, Any]]
    subtitles: dict[str, SSAFile]
    requests: int


def cases(work: ModuleType, rng: np.random.Generator) -> Iterator[Case]:
    yield _two_segments()
    yield from _one_clip("Gruß an der Tür.ogg", (CLIPS / "shoes.ogg").read_bytes())
    yield from _odd_files(rng)
    yield _hidden_clips(rng)


def _two_segments() -> Case:
    segments = [_segment(1.001, 2.3, "Mind the gap."), _segment(2.85, 4.54, "Stand clear of the doors.")]
    return Case(
        "subtitles to the millisecond",
        call="to_srt",
        given="; ".join(f"{s.start} to {s.end} s: {s.text}" for s in segments),
        expected=[(round(1000 * s.start), round(1000 * s.end), s.text) for s in segments],
        run=lambda work: _cues(work.to_srt(segments)),
        mistakes={
            "cuts-milliseconds": lambda got: got[0][:2] == (1000, 2300),
            "seconds-for-milliseconds": lambda got: got[0][:2] == (1, 2),
        },
    )


def _one_clip(name: str, sound: bytes) -> Iterator[Case]:
    files = ((name, sound),)
    begin, end, length = _voice(sound)
    given = f"a folder that holds one clip, {name}: {length:.1f} s, of which the last two are silent"
    yield Case(
        "one clip: which files are written",
        call=CALL,
        given=given,
        expected=[f"{name}.srt", "report.json"],
        run=lambda work: _done(work, files).written,
        mistakes={"loses-ending": [f"{Path(name).stem}.srt", "report.json"]},
    )
    yield Case(
        "one clip: its entry in the report, its words left aside",
        call=CALL,
        given=given,
        expected=[{"file": name, "seconds": length, "error": ""}],
        tolerance=SECONDS,
        run=lambda work: [_without(row, "words") for row in _done(work, files).report],
        mistakes={"seconds-of-speech": lambda got: abs(got[0]["seconds"] - end) < BESIDE},
    )
    yield Case(
        "one clip: the subtitles stand where the voice is",
        call=CALL,
        given=given,
        expected={"the first begins": begin, "the last ends": end},
        tolerance=BESIDE,
        run=lambda work: _span(_done(work, files).subtitles[name]),
    )
    yield Case(
        "one clip: the report counts the words of the subtitles",
        call=CALL,
        given=given,
        expected="the same number twice, and not 0",
        holds=lambda got: got["words in the report"] == got["words in the subtitles"] > 0,
        run=lambda work: {
            "words in the report": _done(work, files).report[0].get("words"),
            "words in the subtitles": len(_text(_done(work, files).subtitles[name]).split()),
        },
    )


def _odd_files(rng: np.random.Generator) -> Iterator[Case]:
    """Two silent recordings, and between them a file that is no sound."""
    names = ["1 Stille.wav", "2 liste d'épicerie.mp3", "3 тишина.wav"]
    lengths = rng.integers(5, 20, 2) / 10
    junk = JUNK[rng.integers(len(JUNK))]
    files = tuple(zip(names, [_silence(lengths[0]), junk, _silence(lengths[1])], strict=True))
    given = f"two silent recordings, and between them a file of {len(junk)} bytes that is no sound"
    yield Case(
        "a file that is no sound is reported, and the others are done",
        call=CALL,
        given=f"{given}; of each entry its file, seconds, words and error",
        expected=[
            (names[0], float(lengths[0]), 0, ""),
            (names[1], None, 0, SAID),
            (names[2], float(lengths[1]), 0, ""),
        ],
        tolerance=SECONDS,
        run=lambda work: raised(lambda: _rows(_done(work, files))),
        mistakes={
            "stops-at-error": lambda got: (
                got in ("BadRequestError", NO_REPORT) or _names(got) in (names[:1], names[:2])
            ),
            "one-ending": lambda got: _names(got) in ([], names[1:2]),
            "hides-failures": lambda got: _names(got) == [names[0], names[2]],
            "counts-nothing": lambda got: got[0][2] == 1,
            "zero-seconds": lambda got: _names(got) == names and got[1][1] == 0,
        },
    )
    yield Case(
        "where nobody speaks there are no subtitles",
        call=CALL,
        given=given,
        expected={names[0]: 0, names[2]: 0},
        run=lambda work: {name: len(found) for name, found in _done(work, files).subtitles.items()},
    )
    yield Case(
        "each file is sent once",
        call=CALL,
        given=given,
        expected=3,
        run=lambda work: _done(work, files).requests,
        mistakes={"sends-twice": lambda got: got > 3},
    )


def _hidden_clips(rng: np.random.Generator) -> Case:
    said = json.loads((CLIPS / "texts.json").read_text(encoding="utf-8"))
    clips = ["museum.ogg", "bus.ogg", "dog.ogg"]
    names = [f"{place} {clip}" for place, clip in zip(rng.permutation(len(clips)), clips, strict=True)]
    files = tuple((name, (CLIPS / clip).read_bytes()) for name, clip in zip(names, clips, strict=True))

    def heard(work: ModuleType) -> list[tuple[str, str]]:
        found = _done(work, files).subtitles
        return [(said[clip], _text(found[name])) for name, clip in zip(names, clips, strict=True)]

    return Case(
        "three clips that nobody has shown you",
        call=CALL,
        given="a folder of three clips of a few seconds",
        expected="for each clip what was said, and words that your subtitles hold",
        holds=lambda got: all(text for _, text in got),
        run=heard,
        measures=lambda got: {
            "wer": _wer(got),
            "chance": _wer([(text, "") for text, _ in got]),  # who writes nothing
        },
    )


# What came of it ---------------------------------------------------------------------------------------


@cache
def _done(work: ModuleType, files: Files) -> Done:
    """Let the learner's program do a folder of these files."""
    sent: list[httpx.Request] = []
    direct = DefaultHttpxClient(trust_env=False, event_hooks={"request": [sent.append]})
    client = openai_client("local").with_options(http_client=direct)
    with TemporaryDirectory() as place:
        folder, out = Path(place, "recordings"), Path(place, "out")
        folder.mkdir()
        out.mkdir()
        for name, content in files:
            (folder / name).write_bytes(content)
        work.subtitle_folder(folder, out, client)
        written = {file.name: file.read_bytes().decode("utf-8") for file in sorted(out.iterdir())}
    report = [
        row | {"error": SAID if row.get("error") else ""}
        for row in json.loads(written.get("report.json", "[]"))
    ]
    subtitles = {
        name: SSAFile.from_string(written[f"{name}.srt"], "srt")
        for name, _ in files
        if f"{name}.srt" in written
    }
    return Done(list(written), report, subtitles, len(sent))


def _without(row: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != key}


def _rows(done: Done) -> list[tuple[Any, ...]] | str:
    keys = ("file", "seconds", "words", "error")
    rows = [tuple(entry.get(key, f"(no {key})") for key in keys) for entry in done.report]
    return rows if "report.json" in done.written else NO_REPORT


def _names(rows: list[tuple[Any, ...]]) -> list[str]:
    return [row[0] for row in rows]


def _segment(start: float, end: float, text: str) -> TranscriptionSegment:
    """A segment as the SDK hands it over; nobody looks at the numbers of its model."""
    return TranscriptionSegment(
        id=0, seek=0, start=start, end=end, text=text, tokens=[], temperature=0.0, avg_logprob=0.0,
        compression_ratio=1.0, no_speech_prob=0.0,
    )  # fmt: skip


def _cues(got: Any) -> Any:
    """The subtitles of a file: start and end in milliseconds, and the text. What is no text stays."""
    if not isinstance(got, str):
        return got
    return [(event.start, event.end, event.plaintext) for event in SSAFile.from_string(got, "srt")]


def _span(subtitles: SSAFile) -> dict[str, float]:
    """Where the first subtitle begins and the last ends, in seconds; empty if there is none."""
    events = sorted(subtitles)
    return (
        {"the first begins": events[0].start / 1000, "the last ends": events[-1].end / 1000} if events else {}
    )


def _text(subtitles: SSAFile) -> str:
    return " ".join(event.plaintext for event in subtitles)


def _wer(pairs: list[tuple[str, str]]) -> float:
    rate = score_many(pairs).wer
    assert rate is not None  # something is said in every clip
    return rate


def _voice(sound: bytes) -> tuple[float, float, float]:
    """Where the voice begins and ends, and how long the whole is, in seconds."""
    audio = read(sound)
    loud = np.flatnonzero(audio.loudness > QUIET) / FRAMES
    return float(loud[0]), float(loud[-1]), audio.seconds


def _silence(seconds: float) -> bytes:
    """A WAV file of digital silence."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(RATE)
        sound.writeframes(bytes(2 * round(seconds * RATE)))
    return file.getvalue()
