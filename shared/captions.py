"""Subtitles from segments: cues of at most two lines of 42 characters, in order, never overlapping.

    Path("talk.srt").write_text(to_srt(transcript.segments, transcript.words))

Times are whole milliseconds from the first step on: truncated float seconds are off by one too often.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from shared.speech import Segment, Word

LINE = 42  # characters
LINES = 2

# pysubs2 reads braces and backslashes as styling. SRT has no way to escape a tag or an arrow.
PLAIN = str.maketrans({"{": "(", "}": ")", "\\": "/"})
SRT_SAFE = str.maketrans({"<": "‹", ">": "›"})
VTT_SAFE = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


class Piece(NamedTuple):
    """A word, a line or a cue: text and its milliseconds."""

    start: int
    end: int
    text: str


def to_srt(segments: Sequence[Segment], words: Sequence[Word] | None = None) -> str:
    """SubRip. `words` are the word times beside the segments, if the segments carry none."""
    return _render(segments, words, "srt", SRT_SAFE)


def to_vtt(segments: Sequence[Segment], words: Sequence[Word] | None = None) -> str:
    """WebVTT, as `to_srt`."""
    return _render(segments, words, "vtt", VTT_SAFE)


def cues(segments: Sequence[Segment], words: Sequence[Word] | None = None) -> list[Piece]:
    """The cues, their lines parted by a newline. A long segment becomes several, cut between words."""
    found: list[Piece] = []
    clock = 0
    for segment in sorted(segments, key=lambda s: s.start):
        lines = list(_lines(_timed_words(segment, words or ())))
        for i in range(0, len(lines), LINES):
            pair = lines[i : i + LINES]
            start = max(clock, pair[0].start)
            clock = max(start + 1, pair[-1].end)
            found.append(Piece(start, clock, "\n".join(line.text for line in pair)))
    return found


def _timed_words(segment: Segment, words: Sequence[Word]) -> list[Piece]:
    """The words of a segment's text with times: measured ones if they fit, else by length of text."""
    texts = segment.text.split()
    measured = segment.words or [w for w in words if segment.start <= (w.start + w.end) / 2 <= segment.end]
    if len(measured) == len(texts):
        return [Piece(_ms(w.start), _ms(w.end), text) for w, text in zip(measured, texts, strict=True)]
    return _spread(_ms(segment.start), _ms(segment.end), texts)


def _spread(start: int, end: int, texts: list[str]) -> list[Piece]:
    """Texts over a stretch of time, each as long as its share of the letters."""
    total, done, pieces = sum(map(len, texts)), 0, []
    for text in texts:
        begin = start + (end - start) * done // total
        done += len(text)
        pieces.append(Piece(begin, start + (end - start) * done // total, text))
    return pieces


def _lines(words: list[Piece]) -> Iterator[Piece]:
    """Words filled into lines. A word longer than a line is broken."""
    line: Piece | None = None
    for word in words:
        parts = [word.text[i : i + LINE] for i in range(0, len(word.text), LINE)]
        for part in _spread(word.start, word.end, parts):
            if line and len(line.text) + 1 + len(part.text) <= LINE:
                line = Piece(line.start, part.end, f"{line.text} {part.text}")
            else:
                if line:
                    yield line
                line = part
    if line:
        yield line


def _render(segments: Sequence[Segment], words: Sequence[Word] | None, kind: str, safe: dict) -> str:
    from pysubs2 import SSAEvent, SSAFile

    file = SSAFile()
    for start, end, text in cues(segments, words):
        file.append(SSAEvent(start, end, text.translate(PLAIN).translate(safe).replace("\n", r"\N")))
    return file.to_string(kind)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
