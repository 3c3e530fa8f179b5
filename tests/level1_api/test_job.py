"""A transcription in a thread: what it tells on the way, and what it hands over."""

from __future__ import annotations

import pytest

from level1_api.job import Job
from level1_api.plan import Options
from level1_api.samples import sample
from shared.errors import LadderError

pytestmark = pytest.mark.usefixtures("on_demand")


def ended(name: str, data: bytes, options: Options) -> tuple[Job, list[float]]:
    """The job when it has ended, and the shares that were seen on the way."""
    job, shares = Job(name, data, options), [0.0]
    while not job.wait(0.02):
        shares.append(job.share)
    return job, [*shares, job.share]


def test_one_piece_claims_no_progress_until_it_is_there() -> None:
    clip = sample("greeting")
    job, shares = ended("greeting.mp3", clip.path.read_bytes(), Options(model="pocketsphinx"))
    assert not job.pieces and set(shares) <= {0.0, 1.0}
    assert job.label().startswith("Listening to greeting.mp3, 5 s of sound · ")
    assert "welcome" in job.result().transcript.text
    assert not job.failed


def test_several_pieces_come_one_by_one() -> None:
    clip = sample("harbour")
    job, shares = ended("harbour.ogg", clip.path.read_bytes(), Options(model="pocketsphinx", chunk_s=8))
    assert job.pieces and job.result().pieces > 1
    assert shares == sorted(shares) and shares[-1] == 1.0
    assert any(0 < share < 1 for share in shares)
    assert any("pieces" in note for note in job.told)


def test_what_cannot_be_read_is_raised_to_whoever_asks() -> None:
    job, _ = ended("notes.wav", b"not sound " * 100, Options(model="pocketsphinx"))
    assert job.failed
    with pytest.raises(LadderError, match=r"notes\.wav"):
        job.result()
