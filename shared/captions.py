"""Subtitles from segments."""

from shared.speech import Segment, Word


def to_srt(segments: list[Segment], words: list[Word] | None = None) -> str:
    return ""


def to_vtt(segments: list[Segment], words: list[Word] | None = None) -> str:
    return ""
