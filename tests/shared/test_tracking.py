"""Runs land in a real MLflow store, whole, from any directory, and never break the work they record."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from shared import runs, store
from shared.errors import BadUsage
from shared.tracking import Run, Span, trace, track

LEVEL = "level1-api"


@pytest.fixture(scope="module")
def recorded(home: Path) -> dict:
    """One run with everything a run can hold."""
    now = time.time_ns()
    with track(LEVEL, "a clip", params={"model": "m", "unset": None}, tags={"engine": "e", "seed": 0}) as run:
        run.metrics(wer=0.25, cer=None)
        for step in range(2500):  # more than one call of the store takes
            run.metrics({"loss/train": 1 / (step + 1)}, step=step)
        run.artifact("subtitles/clip.srt", "1\n")
        run.artifact("raw.bin", b"\x00\xff")
        run.table("words.json", {"word": ["hello"], "start": [0.5]})
        run.dataset("clips", digest="d" * 64, source="a folder")
        spans = [
            Span("decode", now, now + 10**6, {"seconds": 1.5}),
            Span("model", now + 10**6, now + 5 * 10**6),
        ]
        run.trace("transcribe", spans, inputs={"file": "clip"}, outputs={"text": "hello"})
        with run.child("part", {"index": 0}) as part:
            part.metrics(wer=0.5)
    return {"id": run.id, "child": part.id, "url": run.url}


def test_a_run_holds_what_was_recorded(recorded: dict) -> None:
    run = store.prepare_store().get_run(recorded["id"])
    assert run.info.status == "FINISHED"
    assert run.data.params == {"model": "m"}
    assert run.data.metrics["wer"] == 0.25
    assert "cer" not in run.data.metrics, "None must not become a number"
    assert {"wall_s", "peak_rss_mb"} <= run.data.metrics.keys()
    tags = run.data.tags
    assert (tags["ladder.level"], tags["engine"], tags["seed"]) == (LEVEL, "e", "0")
    assert run.inputs.dataset_inputs[0].dataset.name == "clips"


def test_every_step_of_a_metric_arrives_in_order(recorded: dict) -> None:
    history = store.prepare_store().get_metric_history(recorded["id"], "loss/train")
    assert [point.step for point in history] == list(range(2500))
    assert history[9].value == pytest.approx(0.1)


def test_artifacts_come_back_byte_for_byte(recorded: dict, tmp_path: Path) -> None:
    client = store.prepare_store()
    folder = Path(client.download_artifacts(recorded["id"], "", str(tmp_path)))
    assert (folder / "subtitles/clip.srt").read_text() == "1\n"
    assert (folder / "raw.bin").read_bytes() == b"\x00\xff"
    assert json.loads((folder / "words.json").read_text())["data"] == [["hello", 0.5]]


def test_the_trace_has_the_stages_with_their_own_times(recorded: dict) -> None:
    import mlflow

    client = store.prepare_store()
    experiment = client.get_experiment_by_name(LEVEL).experiment_id
    traces = mlflow.search_traces(locations=[experiment], run_id=recorded["id"], return_type="list")
    assert len(traces) == 1
    spans = {span.name: span for span in traces[0].data.spans}
    assert spans.keys() == {"transcribe", "decode", "model"}
    assert spans["model"].end_time_ns - spans["model"].start_time_ns == 4 * 10**6
    assert spans["decode"].attributes["seconds"] == 1.5


def test_a_child_belongs_to_its_parent_and_has_no_child_itself(recorded: dict) -> None:
    child = store.prepare_store().get_run(recorded["child"])
    assert child.data.tags["mlflow.parentRunId"] == recorded["id"]
    deep = pytest.raises(ValueError, match="one deep")
    with deep, track(LEVEL, "parent") as run, run.child("kid") as kid, kid.child("grandchild"):
        pass


def test_the_url_names_experiment_and_run(recorded: dict) -> None:
    experiment = store.prepare_store().get_experiment_by_name(LEVEL).experiment_id
    assert recorded["url"].endswith(f"/#/experiments/{experiment}/runs/{recorded['id']}")


def test_an_exception_marks_the_run_failed_and_goes_on_up() -> None:
    with pytest.raises(ZeroDivisionError), track(LEVEL, "breaks") as run:
        run.metrics(x=1)
        _ = 1 / 0
    kept = store.prepare_store().get_run(run.id)
    assert kept.info.status == "FAILED"
    assert kept.data.tags["ladder.error"] == "ZeroDivisionError: division by zero"
    assert kept.data.metrics["x"] == 1


@pytest.mark.slow
def test_a_torch_model_comes_back_with_the_same_outputs() -> None:
    import mlflow
    import torch

    torch.manual_seed(0)
    layer = torch.nn.Linear(3, 2).eval()
    example = torch.ones(1, 3)
    with track(LEVEL, "with a model") as run:
        run.model("linear", layer, input_example=example.numpy())
    kept = store.prepare_store().get_run(run.id)
    again = mlflow.pytorch.load_model(f"models:/{kept.outputs.model_outputs[0].model_id}")
    assert torch.equal(again(example), layer(example))


DIES = """
import os, signal, sys
from shared.tracking import track
with track("level1-api", "dies") as run:
    print(run.id, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL on this system")
def test_a_run_left_running_by_a_dead_process_is_closed_at_the_next_start(tmp_path: Path) -> None:
    dead = subprocess.run([sys.executable, "-c", DIES], capture_output=True, text=True, cwd=tmp_path)
    run_id = dead.stdout.strip()
    assert dead.returncode == -signal.SIGKILL
    assert store.prepare_store().get_run(run_id).info.status == "RUNNING"

    store.forget()  # as a new process would start
    kept = store.prepare_store().get_run(run_id)
    assert kept.info.status == "FAILED"
    assert kept.data.tags["ladder.error"] == store.LEFT_RUNNING
    assert not list(tmp_path.iterdir()), "nothing may land in the directory that a command is typed in"


def test_the_run_of_a_living_process_is_left_alone() -> None:
    with track(LEVEL, "alive") as run:
        assert run.id
        store.forget()
        assert store.prepare_store().get_run(run.id).info.status == "RUNNING"
    assert store.prepare_store().get_run(run.id).info.status == "FINISHED"


AWAY = """
from shared.tracking import track
for name in ("one", "two", "three"):
    with track("level1-api", name) as run:
        print("work done", run.id, run.url)
        run.metrics(x=1)
        run.artifact("a.txt", "a")
"""


def test_a_store_that_is_away_warns_once_and_breaks_nothing(tmp_path: Path) -> None:
    env = os.environ | {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}  # the discard port: nobody answers
    done = subprocess.run([sys.executable, "-c", AWAY], capture_output=True, text=True, env=env, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "work done None None\n" * 3
    assert done.stderr.count("could not be recorded") == 1
    assert "Traceback" not in done.stderr


def test_two_processes_make_the_first_database_at_once(tmp_path: Path) -> None:
    code = "from shared.tracking import track\nwith track('level1-api', 'x') as r: print(r.id)"
    env = os.environ | {"LADDER_HOME": str(tmp_path / "new home")}
    both = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=env)
        for _ in range(2)
    ]
    ids = {process.communicate(timeout=120)[0].strip() for process in both}
    assert [process.returncode for process in both] == [0, 0]
    assert len(ids - {"None"}) == 2


def test_last_runs_and_prefixes_and_compare(recorded: dict) -> None:
    with track(LEVEL, "another clip", params={"model": "n"}) as other:
        other.metrics(wer=0.125)
    newest = runs.last_runs(level=1, limit=1)
    assert [run["run_id"] for run in newest] == [other.id]
    assert all(run["level"].startswith("level6-") for run in runs.last_runs(level=6))
    assert runs.find(other.id[:12])["name"] == "another clip"

    both = runs.compare([recorded["id"], other.id[:12]])
    assert both["differing_params"] == ["model"]
    assert recorded["id"] in both["url"] and other.id in both["url"]
    drawn = runs.compare_table(both)
    assert "0.25" in drawn and "0.125" in drawn


def test_an_unknown_run_is_one_sentence_with_a_way_out() -> None:
    for wrong in ("zzzz", "0" * 32):
        with pytest.raises(BadUsage, match="No run has the id") as caught:
            runs.find(wrong)
        assert "ladder runs" in caught.value.fix


def test_the_body_is_not_held_up_by_the_store() -> None:
    """Recording hands over to the writer thread: the queue takes more than the store has written."""
    with track(LEVEL, "quick") as run:
        thread: Run = run
        run.metrics(x=1.0)
        assert thread._thread is not None and thread._thread.is_alive()
    assert not thread._thread.is_alive(), "leaving the block waits until all is written"


def test_a_single_turn_is_a_trace_of_its_own_with_a_link() -> None:
    import mlflow

    now = time.time_ns()
    kept = trace(
        "level2-prompting", "ask",
        [Span("retrieve", now, now + 10**6, kind="RETRIEVER", inputs="q", outputs=["a"])],
        inputs={"question": "q"}, outputs={"answer": "a"}, tags={"engine": "reader"},
    )  # fmt: skip
    assert kept
    found = mlflow.get_trace(kept.id)
    root, stage = found.data.spans
    assert (root.inputs, root.outputs) == ({"question": "q"}, {"answer": "a"})
    assert (stage.name, stage.span_type, stage.inputs, stage.outputs) == ("retrieve", "RETRIEVER", "q", ["a"])
    assert found.info.tags["engine"] == "reader"
    experiment = store.prepare_store().get_experiment_by_name("level2-prompting").experiment_id
    assert kept.url.endswith(f"/#/experiments/{experiment}/traces?selectedEvaluationId={kept.id}")


def test_a_run_that_was_ended_can_be_gone_on_with() -> None:
    with pytest.raises(KeyboardInterrupt), track(LEVEL, "in two parts", {"model": "m"}) as first:
        first.metrics(before=1)
        raise KeyboardInterrupt
    assert "ladder.error" in store.prepare_store().get_run(first.id).data.tags
    with track(LEVEL, "in two parts", resume=first.id) as second:
        assert store.prepare_store().get_run(second.id).info.status == "RUNNING"
        second.metrics(after=2)
    kept = store.prepare_store().get_run(first.id)
    assert second.id == first.id and kept.info.status == "FINISHED"
    assert (kept.data.metrics["before"], kept.data.metrics["after"]) == (1, 2)
    assert kept.data.params == {"model": "m"} and "ladder.error" not in kept.data.tags
