"""Any audio or video file to samples: mono, 16 kHz, 16 bit. Decoding tells what it is, never its name."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from shared.service.jobs import Cancelled
from shared.service.refusal import Refusal

if TYPE_CHECKING:
    import av

RATE = 16_000
MAX_CHANNELS = 32
MIN_RATE, MAX_RATE = 4_000, 768_000

# FFmpeg also reads playlists and scripts that name other files. Only true containers get in.
CONTAINERS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,eac3,flac,flv,matroska,webm,mov,mp4,mp3,mpeg,mpegts,ogg,tta,w64,"
    "wav,wv"
)


def _bad(message: str, fix: str = "") -> Refusal:
    return Refusal(message, fix, param="file")


def decode(file: BinaryIO, max_s: float, cancel: threading.Event) -> np.ndarray:
    """Decode the first audio track. Memory is bounded: it stops once `max_s` seconds are passed.

    Returns:
        int16 samples at 16 kHz, shape (n,), n > 0.

    Raises:
        Refusal: this is no audio, holds none, or too much of it.
        Cancelled: the event was set.
    """
    import av

    options = {"format_whitelist": CONTAINERS, "protocol_whitelist": "none"}
    pcm = bytearray()
    try:
        with av.open(file, mode="r", metadata_errors="ignore", options=options) as container:
            stream = _audio_stream(container)
            resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
            for frame in _frames(container, stream):
                if cancel.is_set():
                    raise Cancelled
                for part in resampler.resample(frame):
                    pcm += memoryview(part.planes[0])[: part.samples * 2]
                if len(pcm) > 2 * max_s * RATE:
                    raise _bad(
                        f"The audio is longer than {max_s:g} s, the most that is taken.", "Send parts."
                    )
    except (av.error.FFmpegError, ValueError, OverflowError) as error:
        raise _bad("The file could not be decoded as audio. Is it a whole audio or video file?") from error
    if not pcm:
        raise _bad("The file holds no audio samples.")
    return np.frombuffer(pcm, np.int16)


def _audio_stream(container: av.container.InputContainer) -> av.AudioStream:
    """The first audio track that has a decoder."""
    for stream in container.streams.audio:
        if stream.codec_context is not None:
            return stream
    raise _bad("The file holds no audio track that can be decoded.")


def _frames(container: av.container.InputContainer, stream: av.AudioStream) -> Iterator[av.AudioFrame | None]:
    """The decoded frames, then None to flush the resampler. A damaged packet is skipped, as players do."""
    import av

    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            continue
        for frame in frames:
            _check(frame)
            frame.pts = None  # gaps in the time stamps of a container are not audio
            yield frame
    yield None


def _check(frame: av.AudioFrame) -> None:
    """Refuse what no recording has, before the resampler makes much out of little."""
    if not MIN_RATE <= frame.sample_rate <= MAX_RATE:
        raise _bad(f"The sample rate is {frame.sample_rate} Hz; {MIN_RATE} to {MAX_RATE} are taken.")
    if frame.layout.nb_channels > MAX_CHANNELS:
        raise _bad(f"The file has {frame.layout.nb_channels} channels; up to {MAX_CHANNELS} are taken.")
    if frame.format.name.startswith(("flt", "dbl")) and not np.isfinite(frame.to_ndarray()).all():
        raise _bad("The file holds samples that are not numbers (NaN or infinity).")
