"""A transcription in a thread of its own, so that a page can tell how far it is.

job = Job("talk.mp3", data, Options())
while not job.wait(0.5):
    print(job.label())
print(job.result().transcript.text)
"""

from __future__ import annotations

import time

from level1_api.audio import read
from level1_api.plan import Options, plan
from level1_api.transcribe import Result, transcribe
from shared.background import Background


class Job(Background[Result]):
    """One file on its way to text. A page that is drawn anew in between finds it again and goes on looking.

    Attributes:
        audio_s: length of the sound; None until it is known.
        pieces: whether it goes up in more than one piece: only then does `share` grow on the way.
        share: how much of the sound has come back as text, 0 to 1.
        told: what was said about it so far: notes and retries.
    """

    def __init__(self, name: str, data: bytes, options: Options) -> None:
        self.name = name
        self.audio_s: float | None = None
        self.pieces = False
        self.share = 0.0
        self.told: list[str] = []
        self._began = time.monotonic()
        self._start(lambda: self._work(data, options))

    def _work(self, data: bytes, options: Options) -> Result:
        audio = read(data, self.name)
        self.audio_s = audio.seconds
        self.pieces = audio.seconds > plan(options, audio).longest_s
        return transcribe(data, options, name=self.name, say=self.told.append, on_progress=self._advance)

    def _advance(self, share: float) -> None:
        self.share = min(share, 1.0)

    def label(self) -> str:
        """What happens now: "Listening to talk.mp3, 183 s of sound · 12 s so far"."""
        length = "" if self.audio_s is None else f", {self.audio_s:.0f} s of sound"
        return f"Listening to {self.name}{length} · {time.monotonic() - self._began:.0f} s so far"
