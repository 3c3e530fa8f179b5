"""The sample clips are what `samples.json` says they are."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from level1_api.samples import FOLDER, INDEX, Sample, sample, samples
from shared.errors import BadUsage

SPOKEN = [s for s in samples() if s.text]
RATE = 16_000


def decode(path: Path) -> np.ndarray:
    """Mono float32 (N,) at 16 kHz, by faster-whisper's own decoder."""
    from faster_whisper.audio import decode_audio

    return decode_audio(str(path), sampling_rate=RATE)


def speech(sound: np.ndarray) -> list[tuple[float, float]]:
    """Where Silero hears speech, in seconds."""
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    spans = get_speech_timestamps(sound, VadOptions(min_silence_duration_ms=500, speech_pad_ms=200))
    return [(s["start"] / RATE, s["end"] / RATE) for s in spans]


def words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


def dictionary() -> set[str]:
    """The words that pocketsphinx can hear."""
    from pocketsphinx import get_model_path

    lines = Path(get_model_path("en-us/cmudict-en-us.dict")).read_text(encoding="utf-8").splitlines()
    return {line.split()[0] for line in lines}


def test_folder_holds_the_clips_and_nothing_else():
    assert {s.path for s in samples()} == {p for p in FOLDER.iterdir() if p != INDEX}
    assert sum(p.stat().st_size for p in FOLDER.iterdir()) <= 2_000_000


def test_there_is_a_clip_of_every_kind():
    kinds = [s.kind for s in samples()]
    assert len({s.voice for s in samples() if s.kind == "clean"}) >= 4
    assert kinds.count("noisy") == 2
    assert {"pause", "dialogue", "long", "nothing", "short"} <= set(kinds)
    assert 180 <= next(s for s in samples() if s.kind == "long").seconds <= 240
    assert all(s.seconds < 8 for s in samples() if s.kind == "short")


@pytest.mark.parametrize("clip", samples(), ids=lambda s: s.name)
def test_file_decodes_to_the_stated_length(clip: Sample):
    sound = decode(clip.path)
    assert len(sound) / RATE == pytest.approx(clip.seconds, abs=0.05)
    assert np.abs(sound).max() <= 1


@pytest.mark.parametrize("clip", SPOKEN, ids=lambda s: s.name)
def test_every_word_can_be_heard_by_the_embedded_engine(clip: Sample):
    assert set(words(clip.text)) <= dictionary()


@pytest.mark.parametrize("clip", SPOKEN, ids=lambda s: s.name)
def test_speech_is_found_and_the_text_fits_its_length(clip: Sample):
    spoken = sum(end - start for start, end in speech(decode(clip.path)))
    assert 1.5 < len(words(clip.text)) / spoken < 5  # words a second of ordinary speech


@pytest.mark.parametrize("name", ["silence", "noise", "hum"])
def test_no_speech_is_found_where_nobody_speaks(name: str):
    assert sample(name).text == ""
    assert speech(decode(sample(name).path)) == []


def test_silence_is_exact():
    assert not decode(sample("silence").path).any()


def test_hum_is_fifty_hertz():
    spectrum = np.abs(np.fft.rfft(decode(sample("hum").path)))
    assert np.argmax(spectrum) / sample("hum").seconds == pytest.approx(50, abs=0.5)


def test_pause_lasts_ten_seconds():
    (_, stop), (start, _) = speech(decode(sample("pause").path))
    assert 9 < start - stop < 10.5


def test_noise_is_as_loud_as_stated():
    clean = decode(sample("harbour").path)
    for clip in (s for s in samples() if s.kind == "noisy"):
        assert clip.text == sample("harbour").text
        between = decode(clip.path)[-round(0.35 * RATE) :]  # where the clean clip is silent
        assert not clean[-len(between) :].round(3).any()
        snr_db = 10 * math.log10(np.mean(clean**2) / np.mean(between**2))
        assert snr_db == pytest.approx(clip.snr_db, abs=3)  # Opus takes a little of it away


def test_embedded_engine_hears_a_clean_clip():
    import jiwer
    from pocketsphinx import Decoder

    clip = sample("dialogue")
    decoder = Decoder(loglevel="FATAL")
    decoder.start_utt()
    pcm = (decode(clip.path) * 32767).astype(np.int16).tobytes()
    decoder.process_raw(pcm, full_utt=True)
    decoder.end_utt()
    assert jiwer.wer(" ".join(words(clip.text)), decoder.hyp().hypstr) < 0.25


def test_unknown_name_lists_the_names():
    with pytest.raises(BadUsage, match="no sample named harbor") as error:
        sample("harbor")
    assert "harbour" in error.value.fix


def test_listing_is_light():
    code = "import level1_api.samples, sys; level1_api.samples.samples(); print('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


def test_written_clip_reads_back(tmp_path: Path):
    """What `make_samples` needs no synthesiser for: mixing at an exact ratio, and a lossless file."""
    from level1_api.make_samples import encode, loud, with_noise

    t = np.arange(RATE) / RATE
    tone = loud(np.sin(2 * np.pi * 440 * t), 0.1)
    mixed = with_noise(tone, 6, np.random.default_rng(0))
    assert 10 * math.log10(np.mean(tone**2) / np.mean((mixed - tone) ** 2)) == pytest.approx(6, abs=1e-3)
    encode(mixed, tmp_path / "mixed.flac")
    assert np.abs(decode(tmp_path / "mixed.flac") - mixed).max() < 1e-4


def test_missing_synthesiser_is_named(monkeypatch: pytest.MonkeyPatch):
    from level1_api.make_samples import Say, speak
    from shared.errors import LadderError

    monkeypatch.setenv("PATH", "")
    with pytest.raises(LadderError, match="flite is not installed") as error:
        speak(Say("slt", "Hello."))
    assert "festvox-kallpc16k" in error.value.fix
