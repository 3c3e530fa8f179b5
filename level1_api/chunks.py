"""Cut a long file where nobody speaks, into pieces that one request can carry.

    for piece, flac in encode(audio, cut(audio, longest_s=600, overlap_s=2)):
        ...

Neighbours overlap by about two seconds, so that a word at a cut is whole in at least one of them;
`merge.py` takes out what was heard twice. One piece is in memory at a time.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from level1_api.audio import FRAME, RATE, Audio, Decoder

FRAMES_PER_S = RATE // FRAME
FLOOR_DB = -60.0  # quieter than this is silence, all alike
GAP_S = 0.2  # between two words of steady speech


@dataclass(frozen=True)
class Piece:
    """A stretch of the file in seconds, its overlaps with the neighbours included."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.start


def cut(audio: Audio, longest_s: float, overlap_s: float) -> list[Piece]:
    """Pieces of at most `longest_s` that cover the file, cut at the quietest stretches.

    Each cut lies in the last half of what a piece may hold. The overlap has its middle at the cut.
    """
    return pieces(quiet_cuts(audio.loudness, audio.seconds, longest_s, overlap_s), audio.seconds, overlap_s)


def quiet_cuts(loudness: np.ndarray, seconds: float, longest_s: float, overlap_s: float) -> list[float]:
    """Where to cut, in seconds.

    Args:
        loudness: (n,) root mean square of each 20 ms.
    """
    # A good cut lies in a gap between two words, best in a pause as long as the overlap: both count alike.
    decibels = np.maximum(20 * np.log10(np.maximum(loudness, 1e-9)), FLOOR_DB)
    around = _smooth(decibels, GAP_S) + _smooth(decibels, overlap_s)

    cuts: list[float] = []
    start = 0.0
    while seconds - start > longest_s:
        latest = start + longest_s - overlap_s / 2
        first, last = round((start + longest_s / 2) * FRAMES_PER_S), int(latest * FRAMES_PER_S)
        cuts.append((first + int(np.argmin(around[first:last]))) / FRAMES_PER_S)
        start = cuts[-1] - overlap_s / 2
    return cuts


def _smooth(values: np.ndarray, seconds: float) -> np.ndarray:
    """The mean around each frame, the middle counting most."""
    width = max(3, round(seconds * FRAMES_PER_S) | 1)  # odd
    window = np.hanning(width + 2)[1:-1]
    return np.convolve(np.pad(values, width // 2, mode="edge"), window / window.sum(), mode="valid")


def pieces(cuts: list[float], seconds: float, overlap_s: float) -> list[Piece]:
    """The stretches between the cuts, each reaching half the overlap into its neighbours."""
    half = overlap_s / 2
    starts = [0.0, *(c - half for c in cuts)]
    ends = [*(c + half for c in cuts), seconds]
    return [Piece(max(0.0, s), min(e, seconds)) for s, e in zip(starts, ends, strict=True)]


def encode(audio: Audio, stretches: Iterable[Piece]) -> Iterator[tuple[Piece, bytes]]:
    """Decode the file once more, and give each piece as a FLAC file of its own, in order."""
    blocks = iter(Decoder(audio.source, audio.name))
    held, held_from = np.empty(0, np.int16), 0  # what is in memory, and the sample it begins with
    for piece in stretches:
        begin, end = round(piece.start * RATE), round(piece.end * RATE)
        parts = [held[begin - held_from :]]
        length = len(parts[0])
        while length < end - begin and (block := next(blocks, None)) is not None:
            parts.append(block)
            length += len(block)
        held, held_from = np.concatenate(parts), begin
        yield piece, flac(held[: end - begin])


def flac(samples: np.ndarray) -> bytes:
    """Mono 16 kHz samples, (n,) int16, as a FLAC file: half the size of WAV, and nothing is lost."""
    import av

    file = io.BytesIO()
    with av.open(file, "w", format="flac") as out:
        track = out.add_stream("flac", rate=RATE, layout="mono", format="s16")
        for first in range(0, len(samples), RATE):
            frame = av.AudioFrame.from_ndarray(
                samples[None, first : first + RATE], format="s16", layout="mono"
            )
            frame.sample_rate = RATE
            out.mux(track.encode(frame))
        out.mux(track.encode(None))
    return file.getvalue()
