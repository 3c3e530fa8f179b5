"""`ladder level1 …` as it is typed: real processes, a real service, results on stdout, the rest on stderr."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import webvtt
from click.testing import CliRunner, Result
from service_fixtures import sample as clip
from service_fixtures import wav

from level1_api.files import stems
from shared import runs
from shared.cli import cli

LADDER = [sys.executable, "-m", "shared.cli"]

pytestmark = pytest.mark.usefixtures("on_demand")


def ladder(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The real command."""
    return subprocess.run(
        [*LADDER, *words], capture_output=True, text=True, timeout=120, env=os.environ | environment
    )


def level1(*words: str) -> Result:
    """The same in this process, where MLflow is imported once for all."""
    return CliRunner().invoke(cli, ["level1", *words])


@pytest.fixture
def two_clips(tmp_path: Path) -> Path:
    folder = tmp_path / "clips"
    folder.mkdir()
    for name in ("greeting.mp3", "bridge.webm"):
        shutil.copy(clip(name), folder)
    return folder


# transcribe ------------------------------------------------------------------------------------------


def test_the_text_is_all_that_stdout_holds() -> None:
    done = ladder("level1", "transcribe", str(clip("bridge.webm")))
    assert done.returncode == 0
    assert done.stdout == "the bridge is closed on monday please take the ferry to the island\n"
    lines = done.stderr.splitlines()
    assert "pocketsphinx at http://127.0.0.1" in lines[0] and "real-time factor" in lines[0]
    assert lines[-1].startswith("Run: http://127.0.0.1") and "/runs/" in lines[-1]


def test_json_holds_everything_and_leads_to_the_run() -> None:
    done = level1("transcribe", "sample:greeting", "--words", "--json")
    assert done.exit_code == 0
    told = json.loads(done.stdout)
    assert told["text"].startswith("welcome to the first step")
    assert (told["engine"], told["file"]) == ("pocketsphinx", "sample:greeting")
    assert [w["word"] for w in told["words"][:3]] == ["welcome", "to", "the"]
    assert told["url"].endswith(told["run_id"])
    run = runs.find(told["run_id"])
    assert run["metrics"]["wer"] == pytest.approx(told["wer"])
    assert run["params"]["words"] == "True" and run["tags"]["source"] == "command"


@pytest.mark.parametrize("form", ["srt", "vtt"])
def test_subtitles_go_into_a_folder_and_parse(tmp_path: Path, form: str) -> None:
    done = level1("transcribe", "sample:greeting", "--format", form, "--out", str(tmp_path / "new" / "subs"))
    file = tmp_path / "new" / "subs" / f"greeting.{form}"
    assert done.exit_code == 0 and done.stdout == ""
    assert f"Wrote {file}" in done.stderr
    cues = (webvtt.from_srt if form == "srt" else webvtt.read)(str(file))
    assert " ".join(" ".join(c.text for c in cues).split()).startswith("welcome to the first step")


def test_streamed_text_ends_as_the_whole_text() -> None:
    done = level1("transcribe", "sample:bridge", "--stream")
    assert done.stdout == "the bridge is closed on monday please take the ferry to the island\n"


def test_a_reference_may_be_words_or_a_file(tmp_path: Path) -> None:
    said = tmp_path / "said.txt"
    said.write_text("The bridge is open on Monday; please take the ferry to the island.", encoding="utf-8")
    for reference in (str(said), said.read_text(encoding="utf-8")):
        done = level1("transcribe", str(clip("bridge.webm")), "--reference", reference)
        assert "WER 7.7%" in done.stderr, "one word of thirteen"


def test_nobody_speaks_in_silence() -> None:
    done = level1("transcribe", "sample:silence", "--json")
    assert json.loads(done.stdout)["text"] == "" and "Nobody speaks in silence" in done.stderr


def test_word_times_that_will_not_show_are_told() -> None:
    assert "shows no word times" in level1("transcribe", "sample:bridge", "--words").stderr
    assert "shows no word times" not in level1("transcribe", "sample:bridge", "--words", "--json").stderr


@pytest.mark.parametrize("command", ["transcribe", "batch"])
def test_a_folder_that_cannot_be_made_is_told_before_the_work(two_clips: Path, command: str) -> None:
    out = two_clips / "greeting.mp3" / "sub"
    done = level1(command, str(two_clips if command == "batch" else clip("bridge.webm")), "--out", str(out))
    assert done.exit_code == 1
    assert done.stderr.startswith(f"Error: The folder {out} cannot be written") and "→" in done.stderr


def test_an_address_is_not_fetched() -> None:
    done = level1("transcribe", "http://example.com/a.mp3")
    assert done.exit_code == 2 and "http://example.com/a.mp3 is an address" in done.stderr


def test_one_bad_file_of_several_stops_none_of_the_others(tmp_path: Path) -> None:
    fake = tmp_path / "fake.wav"
    fake.write_text("This is text. " * 50)
    done = level1("transcribe", str(fake), "sample:bridge", str(tmp_path / "none.mp3"))
    assert done.exit_code == 1
    assert done.stdout.startswith("sample:bridge:\nthe bridge is closed"), "of several, each has its name"
    errors = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 2 and "fake.wav" in errors[0] and "none.mp3" in errors[1]


def test_a_missing_file_is_two_lines_and_exit_code_1() -> None:
    done = ladder("level1", "transcribe", "nosuch.mp3")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Error: There is no file nosuch.mp3.\n  → Check the name and the folder.\n"


@pytest.mark.parametrize(
    "words",
    [
        ("transcribe", "--format", "docx"),
        ("transcribe", "sample:nosuch"),
        ("transcribe", "a.mp3", "b.mp3", "--reference", "words"),
        ("transcribe", "sample:bridge", "--reference", "nosuch.txt"),
        ("transcribe", "sample:bridge", "--chunk", "-1"),
        ("batch", "nosuch"),
        ("batch",),
        ("score", "sample:nosuch"),
        ("nosuch",),
        ("samples", "--nosuch"),
    ],
)
def test_bad_usage_is_exit_code_2_with_a_sentence(words: tuple[str, ...]) -> None:
    done = level1(*words)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "Error" in done.stderr and "Traceback" not in done.stderr


def test_two_clips_of_one_name_become_two_files() -> None:
    assert stems(["a/talk.mp3", "b/talk.wav", "other.ogg"]) == ["talk.mp3", "talk.wav", "other"]
    assert stems(["a/talk.mp3", "b/talk.mp3"]) == ["talk.mp3-1", "talk.mp3-2"]
    assert stems(["sample:bridge"]) == ["bridge"]


# batch -----------------------------------------------------------------------------------------------


def children(run_id: str) -> list[dict]:
    from shared import store

    client = store.prepare_store()
    experiment = client.get_run(run_id).info.experiment_id
    found = client.search_runs([experiment], f"tags.mlflow.parentRunId = '{run_id}'")
    return [{"name": run.info.run_name, "status": run.info.status} for run in found]


def test_a_batch_that_is_typed_again_asks_and_records_nothing_twice(two_clips: Path, tmp_path: Path) -> None:
    words = ("batch", str(two_clips), "--json", "--prompt", str(tmp_path))  # a prompt that nobody cached
    first, again = level1(*words), level1(*words)
    assert (first.exit_code, again.exit_code) == (0, 0)
    one, two = json.loads(first.stdout), json.loads(again.stdout)
    assert [file["cached"] for file in one["files"]] == [False, False]
    assert [file["cached"] for file in two["files"]] == [True, True]
    assert [file["text"] for file in one["files"]] == [file["text"] for file in two["files"]]
    assert {c["name"] for c in children(one["run_id"])} == {"bridge.webm", "greeting.mp3"}
    assert children(two["run_id"]) == []
    assert runs.find(two["run_id"])["metrics"]["cached"] == 2


def test_a_batch_writes_a_file_for_each_and_goes_past_a_bad_one(two_clips: Path, tmp_path: Path) -> None:
    (two_clips / "fake.wav").write_text("This is text. " * 50)
    shutil.copy(clip("bridge.webm"), two_clips / "greeting.webm")
    done = level1("batch", str(two_clips), "--out", str(tmp_path / "out"))
    assert done.exit_code == 1
    assert "failed" in done.stdout and "fake.wav" in done.stdout
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        "bridge.txt", "greeting.mp3.txt", "greeting.webm.txt",
    }  # fmt: skip


def test_an_empty_folder_is_told(tmp_path: Path) -> None:
    done = level1("batch", str(tmp_path))
    assert done.exit_code == 1 and "holds no audio" in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="sends a SIGINT")
def test_ctrl_c_keeps_what_was_done(tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    folder.mkdir()
    shutil.copy(clip("bridge.webm"), folder / "a.webm")
    rng = np.random.default_rng(0)
    for number in range(40):  # enough to be in the middle of it when the signal comes
        (folder / f"n{number:02d}.wav").write_bytes(wav(rng.normal(0, 0.05, 3 * 16_000)))
    cache = Path(os.environ["LADDER_HOME"]) / "cache" / "level1"
    before = set(cache.rglob("*.json"))
    words = (
        "level1",
        "batch",
        str(folder),
        "--json",
        "--at-once",
        "1",
        "--no-vad",
        "--prompt",
        str(tmp_path),
    )
    with subprocess.Popen(
        [*LADDER, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        deadline = time.monotonic() + 60
        while not set(cache.rglob("*.json")) - before and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        try:
            out, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in errors
    said = re.search(r"\nStopped: (\d+) of 41 files are done and kept\. Type the same command again", errors)
    kept = set(cache.rglob("*.json")) - before
    assert said and 1 <= int(said[1]) <= len(kept)
    assert errors.count("takes no prompt") == 1, "a note for all files is said once"
    assert kept and all(json.loads(file.read_text())["transcript"] for file in kept)
    assert not list(cache.rglob(".*")), "no half-written file is left"
    stopped = runs.last_runs(level=1, limit=10)
    assert any(run["status"] == "KILLED" and run["name"] == "batch clips" for run in stopped)


# score, samples --------------------------------------------------------------------------------------


def test_scores_are_a_table_and_a_run_with_the_same_numbers() -> None:
    done = level1("score", "sample:greeting", "sample:bridge")
    assert done.exit_code == 0
    lines = [line.split() for line in done.stdout.splitlines()]
    rows = {line[0]: line[1:] for line in lines if line}
    assert rows["greeting"][:2] == ["4.8", "6.2%"] and rows["bridge"][:2] == ["4.6", "0.0%"]
    total = float(rows["all"][1].rstrip("%"))
    run = runs.find(done.stderr.split("/runs/")[1].split()[0])
    assert round(run["metrics"]["wer"] * 100, 1) == total
    assert 0 < total < 6.2, "errors and words are summed, then divided"


def test_a_folder_of_clips_and_their_words_can_be_scored(two_clips: Path) -> None:
    (two_clips / "bridge.txt").write_text("the bridge is closed", encoding="utf-8")
    told = json.loads(level1("score", str(two_clips), "--json").stdout)
    assert [c["file"] for c in told["clips"]] == ["bridge"], "only what has its words beside it"
    assert told["words"] == 4 and told["wer"] == pytest.approx(9 / 4)
    assert told["url"].endswith(told["run_id"])


def test_the_samples_are_listed() -> None:
    rows = json.loads(level1("samples", "--json").stdout)
    assert {"name", "kind", "seconds", "text"} == rows[0].keys()
    shown = level1("samples").stdout
    assert all(f"sample:{row['name']}" in shown for row in rows)
