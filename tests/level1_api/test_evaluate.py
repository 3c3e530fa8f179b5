"""Evaluations on real clips: what is scored, and that sums come before the division."""

from __future__ import annotations

import shutil
from pathlib import Path

import jiwer
import pytest

from level1_api.evaluate import clips_of, evaluate
from level1_api.plan import Options
from level1_api.samples import sample, samples
from level1_api.score import normalise
from shared.errors import BadUsage

NAMES = ("sample:greeting", "sample:bridge", "sample:silence")


def test_an_evaluation_of_three_clips(on_demand: str) -> None:
    shares: list[float] = []
    found = evaluate(clips_of(NAMES), Options(), on_progress=shares.append)
    assert shares == pytest.approx([1 / 3, 2 / 3, 1])
    spoken = list(zip(NAMES[:2], found.results, strict=False))
    references = [normalise(sample(name.removeprefix("sample:")).text) for name, _ in spoken]
    heard = [normalise(result.transcript.text) for _, result in spoken]
    assert found.total.wer == pytest.approx(jiwer.wer(references, heard))
    assert found.scores[2].wer is None and found.results[2].transcript.text == ""
    told = found.as_dict()
    assert [c["file"] for c in told["clips"]] == ["greeting", "bridge", "silence"]
    assert told["rtf_p50"] <= told["rtf_p95"] and told["wer_low"] <= told["wer"] <= told["wer_high"]
    lines = found.table().splitlines()
    assert any(line.split()[:4] == ["silence", "10", "–", "–"] for line in lines)
    assert f"WER {found.total.wer:.1%}, 95 % interval" in lines[-1] and "p95" in lines[-1]


def test_without_names_every_clip_that_has_words_is_taken() -> None:
    assert [clip.name for clip in clips_of(())] == [s.name for s in samples() if s.text]


def test_a_folder_gives_the_files_whose_words_lie_beside_them(tmp_path: Path) -> None:
    shutil.copy(sample("bridge").path, tmp_path / "a.webm")
    shutil.copy(sample("bridge").path, tmp_path / "b.webm")
    (tmp_path / "b.txt").write_text("the bridge – is closed\n", encoding="utf-8")
    (tmp_path / "c.txt").write_text("no sound", encoding="utf-8")
    (clip,) = clips_of((str(tmp_path),))
    assert (clip.name, clip.path, clip.text) == ("b", tmp_path / "b.webm", "the bridge – is closed\n")


def test_the_summary_of_silence_has_no_empty_part(on_demand: str) -> None:
    last = evaluate(clips_of(("sample:silence",)), Options()).table().splitlines()[-1]
    assert last.startswith("real-time factor p95")


@pytest.mark.parametrize("name", ["sample:nosuch", "nosuch-folder"])
def test_what_is_not_there_is_bad_usage(name: str) -> None:
    with pytest.raises(BadUsage) as caught:
        clips_of((name,))
    assert name.removeprefix("sample:") in caught.value.message and caught.value.fix
    assert "beside it" not in caught.value.message, "it is not there at all"


def test_a_folder_without_words_says_where_they_belong(tmp_path: Path) -> None:
    shutil.copy(sample("bridge").path, tmp_path / "a.webm")
    with pytest.raises(BadUsage, match="no audio file with its words"):
        clips_of((str(tmp_path),))
