"""Subtitles, read back by two libraries of other hands."""

from __future__ import annotations

import itertools

import pysubs2
import webvtt
from hypothesis import example, given
from hypothesis import strategies as st

from shared.captions import to_srt, to_vtt
from shared.speech import Segment, Word

text = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=300)
seconds = st.floats(0, 36_000, allow_nan=False)


@st.composite
def segment_lists(draw: st.DrawFn) -> list[Segment]:
    """Segments as engines make them and as they should not: overlapping, empty, out of order."""
    return [
        Segment(id=i, start=start, end=start + draw(st.floats(0, 60)), text=draw(text))
        for i, start in enumerate(draw(st.lists(seconds, max_size=8)))
    ]


def letters(content: str) -> str:
    """What must survive: letters and digits, in order."""
    return "".join(char for char in content if char.isalnum())


@given(segment_lists())
@example([Segment(id=0, start=0, end=1, text="a 00:00:01.000 --> b")])
@example([Segment(id=0, start=0, end=9, text=r"{\an8}top \N <i>&amp;</i> --> next")])
def test_what_is_written_can_be_read_back(segments: list[Segment]):
    spoken = "".join(letters(s.text) for s in sorted(segments, key=lambda s: s.start))
    srt = pysubs2.SSAFile.from_string(to_srt(segments), format_="srt")
    vtt = webvtt.from_string(to_vtt(segments)).captions

    assert letters("".join(cue.plaintext for cue in srt)) == spoken
    assert letters("".join(unescape(cue.raw_text) for cue in vtt)) == spoken
    for lines in [cue.plaintext.split("\n") for cue in srt] + [unescape(c.raw_text).split("\n") for c in vtt]:
        assert len(lines) <= 2
        assert all(0 < len(line) <= 42 and line == line.strip() for line in lines)
    for times in ([(c.start, c.end) for c in srt], [(c.start_in_seconds, c.end_in_seconds) for c in vtt]):
        assert all(start <= end for start, end in times)
        assert all(before[1] <= after[0] for before, after in itertools.pairwise(times))
    assert all(cue.start < cue.end for cue in srt)


def unescape(content: str) -> str:
    import html

    return html.unescape(content)


@given(st.integers(0, 35_999_999))
def test_every_millisecond_is_kept(ms: int):
    """Truncated float seconds lose one in hundreds."""
    cue = pysubs2.SSAFile.from_string(
        to_srt([Segment(id=0, start=ms / 1000, end=(ms + 1) / 1000, text="tick")]), format_="srt"
    )[0]
    assert (cue.start, cue.end) == (ms, ms + 1)


def test_a_long_segment_is_cut_between_words_at_their_times():
    words = [Word(word=f"word{i:02}", start=i, end=i + 0.5) for i in range(20)]
    segment = Segment(id=0, start=0, end=19.5, text=" ".join(w.word for w in words), words=words)
    cues = pysubs2.SSAFile.from_string(to_srt([segment]), format_="srt")
    assert [(cue.start, cue.end, cue.plaintext.split()[0]) for cue in cues] == [
        (0, 11_500, "word00"),
        (12_000, 19_500, "word12"),
    ]
    beside = to_srt([segment.model_copy(update={"words": None})], words)
    assert beside == to_srt([segment]), "words beside the segments, as on the wire, serve as well"


def test_without_word_times_a_cut_falls_in_proportion_to_the_letters():
    segment = Segment(
        id=0, start=10, end=20, text="a" * 42 + " " + "b" * 42 + " " + "c" * 42 + " " + "d" * 42
    )
    cues = pysubs2.SSAFile.from_string(to_srt([segment]), format_="srt")
    assert [(cue.start, cue.end) for cue in cues] == [(10_000, 15_000), (15_000, 20_000)]


def test_nothing_said_makes_an_empty_file():
    assert to_srt([]) == ""
    assert to_vtt([]).strip() == "WEBVTT"
