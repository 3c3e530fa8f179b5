"""Rubbish in: always a 4xx with a sentence, never a 5xx, a hang or a growing process."""

from __future__ import annotations

import io
import json
import random
import struct
import threading
import urllib.error
import urllib.request

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from service_fixtures import Service, multipart, sample, wav

from shared.service.audio import decode
from shared.service.refusal import Refusal

SPEECH = sample("bridge.webm").read_bytes()
TONE = np.sin(np.arange(16_000) / 20)


def header(
    data: bytes,
    *,
    code: int = 1,
    channels: int = 1,
    rate: int = 16_000,
    bits: int = 16,
    claim: int | None = None,
) -> bytes:
    """A wav file that says of itself whatever it is told to."""
    frame = channels * bits // 8
    size = len(data) if claim is None else claim
    form = struct.pack("<HHIIHH", code, channels, rate, rate * frame % 2**32, frame % 2**16, bits)
    return (
        b"RIFF"
        + struct.pack("<I", 36)
        + b"WAVEfmt \x10\0\0\0"
        + form
        + b"data"
        + struct.pack("<I", size)
        + data
    )


def floats(value: float, kind: str = "<f4") -> bytes:
    samples = TONE.astype(kind)
    samples[100] = value
    return samples.tobytes()


def silent_flac(seconds: int) -> bytes:
    """Hours of nothing in very few bytes."""
    import av

    file = io.BytesIO()
    with av.open(file, "w", format="flac") as out:
        stream = out.add_stream("flac", rate=8000, layout="mono")
        stream.codec_context.options = {"frame_size": "16000"}
        block = np.zeros((1, 8000 * 60), np.int16)
        for _ in range(seconds // 60):
            frame = av.AudioFrame.from_ndarray(block, format="s16", layout="mono")
            frame.sample_rate = 8000
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return file.getvalue()


def video_without_sound() -> bytes:
    import av

    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as out:
        stream = out.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        out.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8))))
        out.mux(stream.encode(None))
    return file.getvalue()


PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{}\n#EXT-X-ENDLIST\n"
REFUSED = {
    "empty": b"",
    "one byte": b"\0",
    "text": b"This is text, whatever its name says.\n" * 50,
    "zeros": bytes(100_000),
    "random": random.Random(0).randbytes(100_000),
    "riff and no more": b"RIFF",
    "header without samples": header(b""),
    "truncated wav": wav(TONE)[:30],
    "truncated webm": SPEECH[:300],
    "sample rate 0": header(bytes(3200), rate=0),
    "sample rate 1": header(bytes(32_000), rate=1),
    "sample rate 2 GHz": header(bytes(3200), rate=2**31 - 1),
    "no channels": header(bytes(3200), channels=0),
    "33 channels": header(bytes(6600), channels=33),
    "65535 channels": header(bytes(400_000), channels=65535),
    "no bits": header(bytes(3200), bits=0),
    "unknown codec": header(bytes(3200), code=99),
    "nan": header(floats(np.nan), code=3, bits=32),
    "infinity": header(floats(-np.inf), code=3, bits=32),
    "nan in doubles": header(floats(np.nan, "<f8"), code=3, bits=64),
    "video without sound": video_without_sound(),
    "playlist of a local file": PLAYLIST.format(sample("greeting.mp3")).encode(),
    "list of local files": f"ffconcat version 1.0\nfile {sample('greeting.mp3')}\n".encode(),
}


def post(service: Service, content: bytes, **fields: str) -> tuple[int, dict]:
    """Status and JSON of an upload, by hand so that no client smooths anything over."""
    return raw_post(service, *multipart(content, **({"model": "whisper-1"} | fields)))


def raw_post(service: Service, body: bytes, content_type: str) -> tuple[int, dict]:
    request = urllib.request.Request(
        f"{service.url}/v1/audio/transcriptions", body, {"content-type": content_type}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_sound_is_refused(service: Service, name: str):
    status, answer = post(service, REFUSED[name])
    assert status == 400
    assert answer["error"]["param"] == "file"
    assert answer["error"]["message"].endswith((".", "?"))
    assert "/" not in answer["error"]["message"], "no path of this machine is shown"


@pytest.mark.parametrize(
    ("content", "seconds"),
    [
        (header(bytes(32_000), claim=2**32 - 1), 1),  # as ffmpeg writes to a pipe
        (header(floats(1e30), code=3, bits=32), 1),
        (header(bytes(768_000), rate=384_000), 1),
        (wav(np.zeros(1)), 0),
    ],
    ids=["endless header", "huge floats", "384 kHz", "one sample"],
)
def test_what_is_odd_but_sound_is_heard(content: bytes, seconds: float):
    assert len(decode(io.BytesIO(content), 60, threading.Event())) == pytest.approx(seconds * 16_000, abs=20)


def test_one_sample_goes_through_with_and_without_voice_detection(service: Service):
    for vad in ("true", "false"):
        status, answer = post(service, wav(np.zeros(1)), vad=vad)
        assert (status, answer["text"]) == (200, "")


def test_an_upload_over_the_limit_is_413_and_the_next_request_works(service: Service):
    status, answer = post(service, bytes(26 * 2**20))
    assert status == 413
    assert answer["error"]["param"] == "file"
    assert str(25 * 2**20) in answer["error"]["message"]
    status, answer = post(service, bytes(25 * 2**20 + 1))
    assert status == 413, "one byte over"
    status, answer = post(service, bytes(25 * 2**20))
    assert status == 400, "exactly the limit is read, and is no sound"
    status, answer = post(service, SPEECH)
    assert status == 200
    assert "bridge" in answer["text"]


def test_hours_in_few_bytes_are_refused_in_bounded_memory(service: Service):
    bomb = silent_flac(3 * 3600)
    assert len(bomb) < 25 * 2**20
    before = service.memory_mb
    for _ in range(2):
        status, answer = post(service, bomb)
        assert status == 400
        assert "7200" in answer["error"]["message"]
    assert service.memory_mb - before < 300


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", "multipart/form-data; boundary=x"),
        (b"--x\r\n", "multipart/form-data; boundary=x"),
        (b"no boundary at all", "multipart/form-data"),
        (b"--x\r\ncontent-disposition: form-data\r\n\r\n\r\n--x--", "multipart/form-data; boundary=x"),
        (b"model=whisper-1&file=sound", "application/x-www-form-urlencoded"),
        (b'{"model": "whisper-1", "file": "sound"}', "application/json"),
        (b"\xff\xfe", "text/plain; charset=utf-16"),
    ],
    ids=["empty", "half", "no boundary", "nameless", "urlencoded", "json", "text"],
)
def test_a_broken_form_is_a_400(service: Service, body: bytes, content_type: str):
    status, answer = raw_post(service, body, content_type)
    assert status == 400
    assert answer["error"]["message"]


def test_two_hundred_bad_uploads_do_not_grow_the_process(service: Service):
    rubbish = random.Random(1)
    post(service, SPEECH)
    before = service.memory_mb
    for _ in range(200):
        status, _ = post(service, rubbish.randbytes(100_000))
        assert status == 400
    assert service.memory_mb - before < 60
    assert post(service, SPEECH)[0] == 200


SOURCES = {
    name: sample(name).read_bytes() for name in ("bridge.webm", "hum.ogg", "greeting.mp3", "silence.flac")
}


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(sorted(SOURCES)),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=40),
    st.integers(0, 10_000),
)
def test_damaged_files_decode_or_are_refused(name: str, damage: list[tuple[int, int]], cut: int):
    """Nothing else may come out of the decoder, whatever happened to the file."""
    content = bytearray(SOURCES[name][: cut or None])
    for place, value in damage:
        if place < len(content):
            content[place] = value
    try:
        samples = decode(io.BytesIO(bytes(content)), 7200, threading.Event())
    except Refusal as refusal:
        assert refusal.param == "file"
    else:
        assert samples.dtype == np.int16
        assert 0 < len(samples) <= 7200 * 16_000
