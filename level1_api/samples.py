"""The sample clips: speech with its exact words, and sounds without any.

    from level1_api.samples import sample
    sample("harbour").text

Made by `make_samples.py` from our own texts; light to import, so that a page or a command can list them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from shared.errors import BadUsage

FOLDER = Path(__file__).with_name("samples")
INDEX = FOLDER / "samples.json"

Kind = Literal["clean", "short", "noisy", "pause", "dialogue", "long", "nothing"]


@dataclass(frozen=True)
class Sample:
    """One clip.

    Attributes:
        name: how it is asked for, also the stem of its file.
        title: a few words for a menu.
        path: the audio file, mono at 16 kHz or (Opus) played at 48 kHz.
        text: the words that are spoken, exactly; empty where nobody speaks.
        seconds: length of the decoded audio.
        kind: `clean`, `short` (under 8 s), `noisy`, `pause` (10 s of silence inside), `dialogue`, `long`,
            or `nothing` (silence, noise, hum).
        voice: the synthesisers' voices, in order of appearance.
        snr_db: power of the speech over the added noise, where noise was added.
        note: what is special about it.
    """

    name: str
    title: str
    path: Path
    text: str
    seconds: float
    kind: Kind
    voice: str
    snr_db: float | None = None
    note: str = ""


@lru_cache
def samples() -> tuple[Sample, ...]:
    """All clips, in the order of a menu: the easiest first."""
    return tuple(Sample(path=FOLDER / row.pop("file"), **row) for row in json.loads(INDEX.read_text()))


def sample(name: str) -> Sample:
    """The clip of that name. Raises BadUsage that lists the names if there is none."""
    for clip in samples():
        if clip.name == name:
            return clip
    raise BadUsage(
        f"There is no sample named {name}.", f"Choose one of: {', '.join(s.name for s in samples())}."
    )
