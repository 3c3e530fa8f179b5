"""Write subtitles in the SubRip format (.srt), every time exact to the millisecond.

The service gives times as fractions of a second; the format wants whole milliseconds.

    ladder check subtitles

    to_srt([Segment(id=0, start=0.26, end=2.3, text="Mind the gap.")])
    # 1
    # 00:00:00,260 --> 00:00:02,300
    # Mind the gap.
    #                                   (each cue ends with an empty line)
"""

from collections.abc import Sequence

from shared.speech import Segment


def srt_time(seconds: float) -> str:
    """A time as SubRip writes it: hours:minutes:seconds,milliseconds, to the nearest millisecond."""
    ms = round(seconds * 1000)  # once, before anything is taken apart: no part can then become 60
    minutes, ms = divmod(ms, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{ms // 1000:02},{ms % 1000:03}"


def to_srt(segments: Sequence[Segment]) -> str:
    """The segments as one SubRip file, a cue each: its number, its times, its text, an empty line."""
    cues = []
    for number, segment in enumerate(segments, start=1):
        times = f"{srt_time(segment.start)} --> {srt_time(segment.end)}"
        cues.append(f"{number}\n{times}\n{segment.text}")
    return "\n\n".join(cues)


if __name__ == "__main__":
    said = [
        Segment(id=0, start=0.26, end=2.3, text="Please stand clear of the doors."),
        Segment(id=1, start=2.56, end=4.54, text="Mind the gap."),
    ]
    print(to_srt(said))
