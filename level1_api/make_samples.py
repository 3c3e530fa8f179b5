"""Make the sample clips from our own texts, with free synthesisers.

    sudo apt-get install espeak-ng flite festival festvox-kallpc16k festvox-us-slt-hts
    python -m level1_api.make_samples

The clips are in the repository, so only a person who changes `sample_texts.py` needs this. It writes
`samples.json` beside the clips, which `samples.py` reads.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np

from level1_api.sample_texts import CLIPS, Clip, Say
from level1_api.samples import FOLDER, INDEX
from shared.errors import LadderError

RATE = 16_000  # samples a second, mono
PACKAGES = "espeak-ng flite festival festvox-kallpc16k festvox-us-slt-hts"

VOICES = {  # the command that reads {text} (a file) aloud into {wav}
    "slt": "flite -voice slt -f {text} -o {wav}",
    "rms": "flite -voice rms -f {text} -o {wav}",
    "awb": "flite -voice awb -f {text} -o {wav}",
    "kal": "text2wave -eval (voice_kal_diphone) {text} -o {wav}",
    "slt-hts": "text2wave -eval (voice_cmu_us_slt_arctic_hts) {text} -o {wav}",
    "espeak": "espeak-ng -v en-us -s 140 -f {text} -w {wav}",
}

# ---------------------------------------------------------------------------------------------------------
# Sound. Signals are float32 (N,) in [-1, 1] at RATE.


def speak(say: Say) -> np.ndarray:
    """The voice reading the text, its own silence at both ends cut, at a set loudness. float32 (N,)."""
    command = VOICES[say.voice].split()
    if shutil.which(command[0]) is None:
        raise LadderError(
            f"The synthesiser {command[0]} is not installed.", f"sudo apt-get install {PACKAGES}"
        )
    with tempfile.TemporaryDirectory() as folder:
        text, wav = Path(folder, "text.txt"), Path(folder, "speech.wav")
        text.write_text(say.words)
        subprocess.run([part.format(text=text, wav=wav) for part in command], check=True, capture_output=True)
        sound = decode(wav)
    heard = np.flatnonzero(np.abs(sound) > 0.01)
    sound = sound[max(heard[0] - RATE // 10, 0) : heard[-1] + RATE // 10]
    return loud(sound, 0.08)


def loud(sound: np.ndarray, rms: float) -> np.ndarray:
    """The sound scaled to a root mean square, less where its peak would pass 0.9. float32 (N,)."""
    gain = min(rms / np.sqrt(np.mean(sound**2)), 0.9 / np.abs(sound).max())
    return (sound * gain).astype(np.float32)


def pink(n: int, rng: np.random.Generator) -> np.ndarray:
    """Noise whose power falls as 1/f from 50 Hz up, like wind and traffic. float64 (n,), RMS 1."""
    spectrum = np.fft.rfft(rng.standard_normal(n))
    noise = np.fft.irfft(spectrum / np.sqrt(np.maximum(np.fft.rfftfreq(n, 1 / RATE), 50)), n)
    return noise / np.sqrt(np.mean(noise**2))


def with_noise(speech: np.ndarray, snr_db: float, rng: np.random.Generator) -> np.ndarray:
    """Speech plus pink noise at a signal-to-noise ratio taken over the whole clip. float32 (N,)."""
    power = np.mean(speech**2) / 10 ** (snr_db / 10)
    return (speech + np.sqrt(power) * pink(len(speech), rng)).astype(np.float32)


def nothing(name: str, seconds: float = 10.0) -> np.ndarray:
    """A clip without speech: `silence`, `noise` (white) or `hum` (50 Hz and its harmonics). float32 (N,)."""
    t = np.arange(round(seconds * RATE)) / RATE
    if name == "noise":
        return (0.05 * np.random.default_rng(0).standard_normal(len(t))).astype(np.float32)
    if name == "hum":
        tones = (np.sin(2 * np.pi * 50 * k * t + k) / k for k in range(1, 9))
        return loud(np.sum(list(tones), axis=0), 0.08)
    return np.zeros(len(t), np.float32)


def render(clip: Clip) -> np.ndarray:
    """The sound of a clip. float32 (N,)."""
    if not clip.parts:
        return nothing(Path(clip.file).stem)
    lead = np.zeros(RATE // 5, np.float32)
    pieces = [p for say in clip.parts for p in (speak(say), np.zeros(round(say.pause * RATE), np.float32))]
    sound = np.concatenate([lead, *pieces])
    return sound if clip.snr_db is None else with_noise(sound, clip.snr_db, np.random.default_rng(0))


# ---------------------------------------------------------------------------------------------------------
# Files


def decode(path: Path) -> np.ndarray:
    """The first audio track of any file, as mono at RATE. float32 (N,)."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
    with av.open(str(path)) as file:
        frames = [out for frame in file.decode(audio=0) for out in resampler.resample(frame)]
    return np.concatenate([f.to_ndarray()[0] for f in [*frames, *resampler.resample(None)]])


CODECS = {  # by suffix: codec, sample format, bits a second
    ".ogg": ("libopus", "s16", "24k"),
    ".webm": ("libopus", "s16", "24k"),
    ".mp3": ("libmp3lame", "s16p", "32k"),
    ".flac": ("flac", "s16", None),
}


def encode(sound: np.ndarray, path: Path) -> None:
    """Write the sound in the container and codec of the suffix; a .webm also shows a small moving bar."""
    codec, sample_format, bit_rate = CODECS[path.suffix]
    pcm = np.rint(np.clip(sound, -1, 1) * 32767).astype(np.int16)[None]  # (1, N)
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as file:
        options = {"flags": "+bitexact"} | ({"b": bit_rate} if bit_rate else {})
        audio = cast(av.AudioStream, file.add_stream(codec, rate=RATE, layout="mono", options=options))
        if path.suffix == ".webm":
            add_picture(file, len(sound) / RATE)
        frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, 0, Fraction(1, RATE)
        to_codec = av.AudioResampler(format=sample_format, layout="mono", rate=RATE)
        for piece in [*to_codec.resample(frame), *to_codec.resample(None)]:
            file.mux(audio.encode(piece))
        file.mux(audio.encode(None))


def add_picture(file: av.container.OutputContainer, seconds: float, fps: int = 4) -> None:
    """A video track: a bar that grows from left to right as time passes."""
    video = file.add_stream("libvpx", rate=fps, options={"flags": "+bitexact"})
    video.width, video.height, video.pix_fmt, video.bit_rate = 160, 90, "yuv420p", 20_000
    video.thread_count = 1  # the same bytes on every machine
    n = round(seconds * fps)
    for i in range(n):
        image = np.zeros((90, 160, 3), np.uint8)
        image[40:50, : 160 * (i + 1) // n] = 200
        file.mux(video.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
    file.mux(video.encode(None))


def make(clip: Clip, folder: Path) -> dict[str, object]:
    """Write one clip and return its line of `samples.json`."""
    path = folder / clip.file
    encode(render(clip), path)
    voices = dict.fromkeys(say.voice for say in clip.parts)
    return {
        "name": path.stem,
        "file": clip.file,
        "title": clip.title,
        "kind": clip.kind,
        "voice": ", ".join(voices),
        "seconds": round(len(decode(path)) / RATE, 2),
        "snr_db": clip.snr_db,
        "note": clip.note,
        "text": " ".join(say.words for say in clip.parts),
    }


def main() -> None:
    rows = []
    for clip in CLIPS:
        rows.append(make(clip, FOLDER))
        print(f"{clip.file:20} {rows[-1]['seconds']:7} s {(FOLDER / clip.file).stat().st_size:8} bytes")
    INDEX.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
