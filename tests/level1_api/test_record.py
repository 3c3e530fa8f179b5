"""What is recorded of one transcription and of many, read back with MLflow's own client."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import webvtt

from level1_api.plan import Options
from level1_api.record import record, record_many, recording
from level1_api.samples import sample
from level1_api.score import score, score_many
from level1_api.transcribe import Result, transcribe
from shared import store

pytestmark = pytest.mark.usefixtures("on_demand")

OPTIONS = Options(words=True, language="en")


@pytest.fixture(scope="module")
def heard(on_demand: str) -> Result:
    clip = sample("greeting")
    return transcribe(clip.path, OPTIONS)


@pytest.fixture(scope="module")
def run_id(heard: Result) -> str:
    run = record(heard, OPTIONS, score(sample("greeting").text, heard.transcript.text), source="test")
    assert run.id
    return run.id


def test_a_run_has_the_metrics_by_their_common_names(heard: Result, run_id: str) -> None:
    run = store.prepare_store().get_run(run_id)
    metrics = run.data.metrics
    assert metrics["audio_s"] == pytest.approx(4.8, abs=0.1)
    assert metrics["rtf"] == pytest.approx(metrics["wall_s"] / metrics["audio_s"])
    assert metrics["wall_s"] == pytest.approx(heard.wall_s), "the work's time, not the bookkeeping's"
    assert metrics["wer"] == pytest.approx(1 / 16) and metrics["wer_low"] <= metrics["wer"]
    assert [metrics[kind] for kind in ("substitutions", "deletions", "insertions")] == [1, 0, 0]
    assert metrics["peak_rss_mb"] > 10 and 0 < metrics["word_probability"] <= 1
    assert metrics["cost_usd"] == 0 and metrics["pieces"] == 1
    assert "no_speech_prob" not in metrics, "PocketSphinx has none, and none is invented"


def test_a_run_says_how_it_was_made(heard: Result, run_id: str) -> None:
    run = store.prepare_store().get_run(run_id)
    assert run.info.run_name == "greeting.mp3" and run.info.status == "FINISHED"
    wanted = {"model": "pocketsphinx", "provider": "local", "language": "en", "words": "True"}
    assert wanted.items() <= run.data.params.items()
    tags = run.data.tags
    assert (tags["engine"], tags["source"], tags["ladder.level"]) == ("pocketsphinx", "test", "level1-api")
    (used,) = run.inputs.dataset_inputs
    assert heard.sha256.startswith(used.dataset.digest)


def test_its_files_are_the_transcript_in_every_form(heard: Result, run_id: str, tmp_path: Path) -> None:
    folder = Path(store.prepare_store().download_artifacts(run_id, "", str(tmp_path)))
    assert {file.name for file in folder.iterdir()} == {
        "transcript.json", "transcript.txt", "transcript.srt", "transcript.vtt", "answers.json",
    }  # fmt: skip
    assert (folder / "transcript.txt").read_text() == heard.transcript.text + "\n"
    said = " ".join(" ".join(cue.text for cue in webvtt.read(str(folder / "transcript.vtt"))).split())
    assert said == heard.transcript.text
    assert len(webvtt.from_srt(str(folder / "transcript.srt"))) > 0
    assert json.loads((folder / "answers.json").read_text()) == heard.answers


def test_its_trace_shows_the_stages_in_order(run_id: str) -> None:
    import mlflow

    client = store.prepare_store()
    experiment = client.get_experiment_by_name("level1-api").experiment_id
    (trace,) = mlflow.search_traces(locations=[experiment], run_id=run_id, return_type="list")
    root, *others = trace.data.spans
    assert root.name == "transcribe" and root.outputs["text"].startswith("welcome")
    stages = [s for s in others if s.parent_id == root.span_id]
    assert [s.name for s in stages] == ["decode", "vad", "chunk", "model[0]", "merge"]
    inside = [s.name for s in others if s.parent_id == stages[3].span_id]
    assert {"queue", "decode", "vad", "model"} <= set(inside), "what the service says of itself"
    times = [t for s in stages for t in (s.start_time_ns, s.end_time_ns)]
    assert times == sorted(times)


def test_the_run_lasts_as_long_as_the_work(run_id: str, heard: Result) -> None:
    info = store.prepare_store().get_run(run_id).info
    assert info.start_time == int(heard.spans[0].start_ns / 1e6)


def children(parent: str) -> list[str]:
    client = store.prepare_store()
    experiment = client.get_experiment_by_name("level1-api").experiment_id
    found = client.search_runs([experiment], f"tags.mlflow.parentRunId = '{parent}'")
    return sorted(run.info.run_name for run in found)


def test_an_evaluation_is_a_run_with_a_child_for_each_clip(heard: Result) -> None:
    pairs = [(sample("greeting").text, heard.transcript.text)] * 2
    other = heard.model_copy(update={"name": "other.mp3"})
    done = [(result, score(*pair)) for result, pair in zip((heard, other), pairs, strict=True)]
    run = record_many("an evaluation", done, OPTIONS, score_many(pairs))
    assert run.id and children(run.id) == ["greeting.mp3", "other.mp3"]
    metrics = store.prepare_store().get_run(run.id).data.metrics
    assert metrics["wer"] == pytest.approx(2 / 32) and metrics["files"] == 2
    assert metrics["audio_s"] == pytest.approx(2 * heard.audio_s)
    assert {"rtf_p50", "rtf_p95"} <= metrics.keys()


def test_what_came_from_the_cache_gets_no_second_run(heard: Result, tmp_path: Path) -> None:
    cached = heard.model_copy(update={"name": "again.mp3", "cached": True})
    with recording("a batch", OPTIONS) as many:
        many.add(heard)
        many.add(cached)
        many.sum_up()
    assert many.run.id and children(many.run.id) == ["greeting.mp3"]
    run = store.prepare_store().get_run(many.run.id)
    assert (run.data.metrics["files"], run.data.metrics["cached"]) == (2, 1)
    assert run.data.tags["engine"] == "pocketsphinx"
    file = store.prepare_store().download_artifacts(many.run.id, "files.json", str(tmp_path))
    table = json.loads(Path(file).read_text())
    rows = [dict(zip(table["columns"], row, strict=True)) for row in table["data"]]
    assert [(row["file"], row["cached"]) for row in rows] == [("greeting.mp3", False), ("again.mp3", True)]


def test_a_batch_that_breaks_off_keeps_what_it_had(heard: Result) -> None:
    with pytest.raises(KeyboardInterrupt), recording("stopped", OPTIONS) as many:
        many.add(heard)
        raise KeyboardInterrupt
    assert many.run.id and children(many.run.id) == ["greeting.mp3"]
    assert store.prepare_store().get_run(many.run.id).info.status == "KILLED"


def test_a_model_without_times_leaves_no_subtitles(heard: Result) -> None:
    """What a text-only API gives: no segments, no words, no price."""
    bare = heard.transcript.model_copy(update={"segments": None, "words": None})
    result = heard.model_copy(update={"transcript": bare, "cost_usd": None})
    run = record(result, OPTIONS)
    assert run.id
    client = store.prepare_store()
    names = {file.path for file in client.list_artifacts(run.id)}
    assert names == {"transcript.json", "transcript.txt", "answers.json"}
    metrics = client.get_run(run.id).data.metrics
    assert not {"segments", "word_probability", "cost_usd", "wer"} & metrics.keys()
