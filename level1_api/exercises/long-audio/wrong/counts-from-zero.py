"""Cut a long recording into pieces that one request can carry, so that no word is lost and none is doubled.

Cut in the middle of a silence, the latest one within reach, so that there are few pieces. Neighbours overlap:
each reaches half of `overlap_s` beyond the cut, and no piece is longer than `longest_s`, overlaps included.
Where nobody pauses, cut as late as you can. Joining is easy then: a word belongs to the side of the cut on
which its middle lies, and no word that is shorter than the overlap is cut off there.

    plan(100, [(27, 29), (55, 57), (90, 92)], longest_s=60, overlap_s=2)
    → [(0, 57), (55, 100)]       cut at 56: the silence at 91 is out of reach, the one at 28 is early

Check with: ladder check long-audio
"""

Span = tuple[float, float]  # start and end, in seconds from the beginning of the recording


def next_cut(start: float, silences: list[Span], longest_s: float, overlap_s: float) -> float:
    """Where to cut the piece that begins at `start`, which is 0 or half an overlap before the last cut.

    Args:
        silences: those of the whole recording, in order. The first `overlap_s` seconds of the piece belong
            to its neighbour too: a silence in there is no place for a new cut.
    """
    latest = longest_s - overlap_s / 2
    middles = [(begin + end) / 2 for begin, end in silences]
    return max((middle for middle in middles if start + overlap_s < middle <= latest), default=latest)


def pieces(cuts: list[float], seconds: float, overlap_s: float) -> list[Span]:
    """What to send: the stretches between the cuts, each half an overlap longer at its cuts."""
    half = overlap_s / 2
    starts = [0.0, *(cut - half for cut in cuts)]
    ends = [*(cut + half for cut in cuts), seconds]
    return list(zip(starts, ends, strict=True))


def plan(seconds: float, silences: list[Span], longest_s: float, overlap_s: float) -> list[Span]:
    """The pieces of a recording, in order. `overlap_s` is less than half of `longest_s`."""
    cuts: list[float] = []
    start = 0.0
    while seconds - start > longest_s:
        cuts.append(next_cut(start, silences, longest_s, overlap_s))
        start = cuts[-1] - overlap_s / 2
    return pieces(cuts, seconds, overlap_s)


if __name__ == "__main__":
    for piece in plan(100, [(27, 29), (55, 57), (90, 92)], longest_s=60, overlap_s=2):
        print(piece)
