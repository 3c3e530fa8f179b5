"""An hour of speech, made by joining our clips: whole, in order, and in little memory."""

import json
import os
import subprocess
import sys
from itertools import cycle
from pathlib import Path

import av
import numpy as np
import pytest
from scripted_server import Reply, Request, Script, serving

from level1_api.audio import RATE, Decoder, read
from level1_api.samples import samples

LIMIT_MB = 1500
PROGRAM = """
import sys
from level1_api.transcribe import Options, transcribe
options = Options(provider="openai", model="whisper-1", format="srt", words=True)
result = transcribe(sys.argv[1], options)
print(result.model_dump_json(include={"pieces", "audio_s", "wall_s", "peak_rss_mb", "transcript"}))
"""


def long_file(path: Path, seconds: int) -> Path:
    """Our spoken clips end to end, over and over, as FLAC; never whole in memory."""
    spoken = [np.concatenate(list(Decoder(s.path, s.name))) for s in samples() if s.text]
    left = seconds * RATE
    with av.open(str(path), "w") as out:
        track = out.add_stream("flac", rate=RATE, layout="mono", format="s16")
        for clip in cycle(spoken):
            clip = clip[:left]
            left -= len(clip)
            for first in range(0, len(clip), RATE):
                frame = av.AudioFrame.from_ndarray(
                    clip[None, first : first + RATE], format="s16", layout="mono"
                )
                frame.sample_rate = RATE
                out.mux(track.encode(frame))
            if left == 0:
                break
        out.mux(track.encode(None))
    return path


def two_words_a_second(request: Request) -> Reply:
    """What an engine would say: a word each half second, a segment each ten words."""
    seconds = read(request.file, name=request.filename).seconds
    times = np.arange(0, seconds - 0.5, 0.5)
    words = [{"word": f"w{n}", "start": float(t), "end": float(t) + 0.4} for n, t in enumerate(times)]
    segments = [
        {
            "id": n, "seek": 0, "start": own[0]["start"], "end": own[-1]["end"],
            "text": " ".join(w["word"] for w in own), "tokens": list(range(40)), "temperature": 0.0,
            "avg_logprob": -0.2, "compression_ratio": 1.1, "no_speech_prob": 0.01,
        }
        for n, own in enumerate(words[i : i + 10] for i in range(0, len(words), 10))
    ]  # fmt: skip
    text = " ".join(s["text"] for s in segments)
    return Reply(body={"text": text, "words": words, "segments": segments, "duration": seconds})


@pytest.mark.parametrize("minutes", [12, pytest.param(60, marks=pytest.mark.slow)])
def test_a_long_file_is_transcribed_in_little_memory(minutes, tmp_path):
    file = long_file(tmp_path / "long.flac", minutes * 60)
    script = Script(answer=two_words_a_second)
    with serving(script) as client:
        where = os.environ | {"OPENAI_BASE_URL": str(client.base_url), "OPENAI_API_KEY": "x"}
        command = [sys.executable, "-c", PROGRAM, str(file)]
        done = subprocess.run(command, env=where, capture_output=True, text=True, check=True)
    result = json.loads(done.stdout)
    assert result["audio_s"] == minutes * 60
    assert result["pieces"] == len(script.requests) >= minutes / 10
    starts = np.array([w["start"] for w in result["transcript"]["words"]])
    assert len(starts) == pytest.approx(minutes * 120, abs=3 * result["pieces"])
    assert (np.diff(starts) > 0).all() and starts[-1] == pytest.approx(minutes * 60, abs=2)
    assert result["peak_rss_mb"] < LIMIT_MB
