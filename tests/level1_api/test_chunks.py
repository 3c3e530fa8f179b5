"""Listening to files and cutting them: nothing is lost, nothing is cut in a word if it can be helped."""

import io
import wave
from itertools import pairwise

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from level1_api.audio import FRAME, RATE, Decoder, find_audio, read
from level1_api.chunks import Piece, cut, encode, flac, quiet_cuts
from level1_api.samples import sample, samples
from shared.errors import LadderError


def wav(samples: np.ndarray, rate: int = RATE, channels: int = 1) -> bytes:
    """A WAV file by the standard library, which knows nothing of our code."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(samples.astype("<i2").tobytes())
    return file.getvalue()


def decoded(source: bytes) -> np.ndarray:
    return np.concatenate(list(Decoder(source, "clip")))


NOISE = np.random.default_rng(0).integers(-8000, 8000, RATE * 3, dtype=np.int16)


# Listening -------------------------------------------------------------------------------------------


def test_samples_come_back_as_they_were():
    assert (decoded(wav(NOISE)) == NOISE).all()
    assert (decoded(flac(NOISE)) == NOISE).all()


def test_other_rates_and_channels_become_mono_16_khz():
    tone = 8000 * np.sin(2 * np.pi * 440 * np.arange(44_100 * 2) / 44_100)
    heard = decoded(wav(np.stack([tone, tone], axis=1).ravel(), 44_100, channels=2))
    assert len(heard) == pytest.approx(2 * RATE, abs=50)
    spectrum = np.abs(np.fft.rfft(heard[:RATE].astype(float)))
    assert int(np.argmax(spectrum)) == 440  # one second: a bin is 1 Hz


def test_length_and_loudness():
    square = np.where(np.arange(RATE) % 2, 16384, -16384).astype(np.int16)
    audio = read(wav(np.concatenate([square, np.zeros(RATE + 7, np.int16)])), name="clip.wav")
    assert audio.seconds == (2 * RATE + 7) / RATE
    assert audio.loudness == pytest.approx([0.5] * 50 + [0.0] * 50)
    assert (audio.container, audio.damaged) == ("wav", 0)


@pytest.mark.parametrize("clip", samples(), ids=lambda s: s.name)
def test_every_sample_can_be_heard_in_full(clip):
    assert read(clip.path).seconds == pytest.approx(clip.seconds, abs=0.1)


def test_a_header_that_lies_is_not_believed():
    """A WAV written to a pipe says that it has 4 GB."""
    data = bytearray(wav(NOISE))
    data[4:8] = data[40:44] = b"\xff\xff\xff\xff"
    assert read(bytes(data)).seconds == 3


def test_a_damaged_part_is_left_out_and_counted():
    data = bytearray(sample("greeting").path.read_bytes())
    data[8000:11000] = bytes(3000)
    audio = read(bytes(data), name="greeting.mp3")
    assert 0 < audio.seconds <= sample("greeting").seconds + 0.1


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "clip.wav is empty"),
        (b"These are words, not sounds. " * 50, "clip.wav is not audio"),
        (wav(NOISE)[:20], "clip.wav is not audio"),
        (wav(NOISE[:0]), "clip.wav holds no sound"),
        (bytes(5000), "clip.wav is not audio"),
    ],
)
def test_what_is_not_audio_is_refused_in_a_sentence(content, sentence):
    with pytest.raises(LadderError, match=sentence) as caught:
        read(content, name="clip.wav")
    assert caught.value.fix and "\n" not in caught.value.message


def test_a_picture_without_sound_is_refused(tmp_path):
    file = tmp_path / "film.mkv"
    with av.open(str(file), "w") as out:
        track = out.add_stream("ffv1", rate=10, width=16, height=16, pix_fmt="yuv420p")
        out.mux(track.encode(av.VideoFrame.from_ndarray(np.zeros((24, 16), np.uint8), format="yuv420p")))
        out.mux(track.encode(None))
    with pytest.raises(LadderError, match=r"film\.mkv has no sound track"):
        read(file)


def test_a_missing_file_and_a_folder(tmp_path):
    with pytest.raises(LadderError, match=r"no file gone\.mp3"):
        read(tmp_path / "gone.mp3")
    with pytest.raises(LadderError, match="is a folder") as caught:
        read(tmp_path)
    assert "batch" in caught.value.fix


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\nsecret.wav\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile secret.wav\n",
    ],
)
def test_a_playlist_does_not_make_it_open_other_files(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret.wav").write_bytes(wav(NOISE))
    (tmp_path / "list.wav").write_text(text)
    with pytest.raises(LadderError):
        read("list.wav")


def test_audio_in_folders_is_found_by_its_ending(tmp_path):
    for name in ("b.mp3", "a/c.WAV", "notes.txt", "a/film.mkv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    found = [p.relative_to(tmp_path).as_posix() for p in find_audio(tmp_path)]
    assert found == ["a/c.WAV", "a/film.mkv", "b.mp3"]


# Cutting ---------------------------------------------------------------------------------------------


@given(
    seconds=st.floats(1, 400),
    longest=st.floats(8, 100),
    overlap=st.floats(0, 2),
    seed=st.integers(0, 2**32 - 1),
)
def test_pieces_cover_the_file_keep_the_limit_and_overlap(seconds, longest, overlap, seed):
    loudness = np.random.default_rng(seed).random(int(seconds * RATE) // FRAME, dtype=np.float32)
    audio = type("Audio", (), {"loudness": loudness, "seconds": seconds})()
    found = cut(audio, longest, overlap)
    assert found[0].start == 0 and found[-1].end == seconds
    assert all(0 < p.seconds <= longest + 1e-6 for p in found)
    for before, after in pairwise(found):
        assert before.end - after.start == pytest.approx(overlap, abs=1e-6)
        assert before.start < after.start <= before.end + 1e-6 and before.end <= after.end
    assert (len(found) == 1) == (seconds <= longest)


def test_a_cut_falls_into_the_pause():
    loudness = np.full(100 * 50, 0.2, np.float32)
    loudness[40 * 50 : 43 * 50] = 0.001
    assert 40.5 < quiet_cuts(loudness, 100, 60, 2)[0] < 42.5


def test_a_short_gap_between_words_is_found_in_steady_speech():
    rng = np.random.default_rng(1)
    loudness = rng.uniform(0.1, 0.4, 100 * 50).astype(np.float32)
    loudness[int(47.0 * 50) : int(47.3 * 50)] = 0.002
    assert 47.0 <= quiet_cuts(loudness, 100, 60, 2)[0] <= 47.3


def test_pieces_hold_the_very_samples_of_their_stretch():
    noise = np.random.default_rng(3).integers(-8000, 8000, RATE * 10, dtype=np.int16)
    audio = read(wav(noise), name="noise.wav")
    stretches = [Piece(0, 4), Piece(2.5, 6.25), Piece(6, 10)]
    for piece, data in encode(audio, stretches):
        expected = noise[round(piece.start * RATE) : round(piece.end * RATE)]
        assert (decoded(data) == expected).all(), piece


def test_real_speech_is_cut_where_it_is_quiet():
    audio = read(sample("ladder").path)
    found = cut(audio, 20, 2)
    typical = np.median(audio.loudness)
    for piece in found[1:]:
        seam = int((piece.start + 1) * 50)
        assert audio.loudness[seam - 2 : seam + 3].mean() < typical / 2
    assert len(found) >= audio.seconds / 20
