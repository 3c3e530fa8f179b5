"""Read any audio or video file as mono 16 kHz samples, a second at a time, however long it is.

    audio = read("talk.mp3")
    audio.seconds, audio.loudness  # the true length, and how loud each 20 ms are

Headers lie: a browser's WebM has no length, a piped WAV a wrong one. So the file is decoded once from
beginning to end, and what is kept is 50 numbers a second: enough to find the silences.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from shared.errors import LadderError

if TYPE_CHECKING:
    from av import AudioFrame
    from av.container import InputContainer

RATE = 16_000  # samples a second, what speech models hear
FRAME = 320  # samples: 20 ms
SUFFIXES = {
    ".aac", ".aiff", ".avi", ".flac", ".m4a", ".mkv", ".mov", ".mp3", ".mp4", ".mpeg", ".mpga", ".oga",
    ".ogg", ".opus", ".wav", ".webm", ".wma",
}  # fmt: skip
KINDS = ", ".join(sorted(s[1:] for s in SUFFIXES))


@dataclass(frozen=True)
class Audio:
    """A file that was heard to its end.

    Attributes:
        source: where it is, or its bytes.
        name: how messages call it.
        size: bytes of the file.
        sha256: digest of those bytes.
        seconds: length of the decoded sound.
        container: FFmpeg's name, such as `mp3` or `mov,mp4,m4a,3gp,3g2,mj2`.
        loudness: (n,) root mean square of each 20 ms, full scale is 1.
        damaged: parts of the file that could not be decoded and were left out.
    """

    source: Path | bytes
    name: str
    size: int
    sha256: str
    seconds: float
    container: str
    loudness: np.ndarray
    damaged: int = 0

    def read_bytes(self) -> bytes:
        """The file as it is."""
        return self.source if isinstance(self.source, bytes) else self.source.read_bytes()


def read(source: str | Path | bytes, name: str = "") -> Audio:
    """Listen to a file once: is it audio, how long is it, where is it quiet?

    Args:
        source: a path, or a file's bytes.
        name: how to call it in messages; a path's own name by default.

    Raises:
        LadderError: if there is no such file, or no sound in it.
    """
    where = source if isinstance(source, bytes) else Path(source)
    name = name or (where.name if isinstance(where, Path) else "audio")
    size, digest = _weigh(where, name)
    decoder = Decoder(where, name)
    levels = []
    samples, rest = 0, np.empty(0, np.int16)
    for block in decoder:
        samples += len(block)
        block = np.concatenate([rest, block])
        whole = len(block) // FRAME * FRAME
        frames, rest = block[:whole].reshape(-1, FRAME).astype(np.float32), block[whole:]
        levels.append(np.sqrt(np.mean(np.square(frames / 32768), axis=1)))
    if not samples:
        raise LadderError(
            f"{name} holds no sound that can be decoded.", f"Give one of {KINDS}, not cut short."
        )
    loudness = np.concatenate(levels)
    return Audio(where, name, size, digest, samples / RATE, decoder.container, loudness, decoder.damaged)


class Decoder:
    """Iterate over a file's first sound track: blocks of about a second, (n,) int16, mono, 16 kHz.

    After the last block, `damaged` counts the frames that could not be decoded. Raises LadderError if the
    file is not audio.
    """

    def __init__(self, source: Path | bytes, name: str) -> None:
        self.source, self.name = source, name
        self.container = ""
        self.damaged = 0

    def __iter__(self) -> Iterator[np.ndarray]:
        gathered: list[np.ndarray] = []
        waiting = 0
        for samples in self._resampled():
            gathered.append(samples)
            waiting += len(samples)
            if waiting >= RATE:
                yield np.concatenate(gathered)
                gathered, waiting = [], 0
        if gathered:
            yield np.concatenate(gathered)

    def _resampled(self) -> Iterator[np.ndarray]:
        import av

        resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
        try:
            # An open file, not a path, and no protocols: neither a name such as `http:…` nor a playlist
            # can make it open anything else.
            closed = {"protocol_whitelist": "none"}
            with (
                _opened(self.source) as file,
                av.open(file, mode="r", metadata_errors="ignore", options=closed) as media,
            ):
                self.container = media.format.name
                if not media.streams.audio:
                    raise LadderError(
                        f"{self.name} has no sound track.", "Give a file in which something is heard."
                    )
                for frame in self._frames(media):
                    for piece in resampler.resample(frame):
                        yield piece.to_ndarray()[0]
                for piece in resampler.resample(None):
                    yield piece.to_ndarray()[0]
        except (av.FFmpegError, ValueError) as error:
            raise LadderError(
                f"{self.name} is not audio that can be decoded ({_reason(error)}).", f"Give one of {KINDS}."
            ) from error

    def _frames(self, media: InputContainer) -> Iterator[AudioFrame]:
        """The decoded frames; a damaged packet is left out and counted, as a player would do."""
        import av

        for packet in media.demux(audio=0):
            try:
                yield from packet.decode()
            except av.InvalidDataError:
                self.damaged += 1


def find_audio(folder: Path) -> list[Path]:
    """The audio and video files under a folder, by their endings, in order of name."""
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())


def _weigh(source: Path | bytes, name: str) -> tuple[int, str]:
    """Size and digest. Raises LadderError with the plain reason if there is nothing to read."""
    if isinstance(source, Path) and source.is_dir():
        raise LadderError(f"{source} is a folder.", f"For all of its files: ladder level1 batch {source}")
    try:
        with _opened(source) as file:
            size = file.seek(0, io.SEEK_END)
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
    except FileNotFoundError:
        raise LadderError(f"There is no file {name}.", "Check the name and the folder.") from None
    except OSError as error:
        raise LadderError(f"{name} cannot be read: {(error.strerror or str(error)).lower()}.") from None
    if size == 0:
        raise LadderError(f"{name} is empty.", "Record or copy it again.")
    return size, digest


def _opened(source: Path | bytes) -> BinaryIO:
    return io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()
