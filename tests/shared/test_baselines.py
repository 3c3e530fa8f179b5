"""A baseline is reached by finished runs of the reader's own, and stays so whatever becomes of a process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from shared import store
from shared.baselines import note, reached
from shared.levels import Baseline, Level, levels
from shared.tracking import track

ONE, SIX = "level1-api", "level6-research"
GOOD = {"wer": 0.1, "files": 13}


@pytest.fixture
def kept(home: Path) -> Path:
    """Where it is kept, with nothing reached yet. The MLflow store is the session's own, and real."""
    file = home / "reached.json"
    file.unlink(missing_ok=True)
    return file


def score(name: str = "score pocketsphinx", tags: dict[str, Any] | None = None, **metrics: float) -> str:
    """Record a run as `ladder level1 score` would; returns its link."""
    with track(ONE, name, tags=tags) as run:
        run.metrics({**GOOD, **metrics})
    assert run.url
    return run.url


def test_a_run_at_the_baseline_counts_and_the_best_one_stays(kept: Path) -> None:
    score(wer=0.5)
    assert reached() == {}
    score(wer=0.15)
    best = score(wer=0.1)
    score(wer=0.12)
    found = reached()
    assert found.keys() == {ONE}
    assert (found[ONE].metric, found[ONE].value, found[ONE].url) == ("wer", 0.1, best)
    run = store.prepare_store().get_run(best.rpartition("/")[2])
    assert run.data.metrics["wer"] == found[ONE].value, "the link leads to the run that measured it"


def test_exactly_the_baseline_is_enough(kept: Path) -> None:
    baseline = levels()[0].baseline
    assert baseline
    score(wer=baseline.value + 1e-9)
    assert reached() == {}
    score(wer=baseline.value)
    assert reached()[ONE].value == baseline.value


@pytest.mark.parametrize(
    ("name", "tags", "metrics"),
    [
        ("harbour.ogg", {}, {}),
        ("score pocketsphinx", {"source": "tour"}, {}),
        ("score pocketsphinx", {"ladder.reference": "true"}, {}),
        ("score pocketsphinx", {"ladder.exercise": "score"}, {}),
        ("score pocketsphinx", {}, {"files": 12}),
    ],
    ids=["another kind of run", "the tour's", "one that came along", "an exercise's", "too few clips"],
)
def test_what_is_not_the_levels_job_done_by_the_reader_does_not_count(
    kept: Path, name: str, tags: dict[str, str], metrics: dict[str, float]
) -> None:
    score(name, tags, **metrics)
    assert reached() == {}
    score(wer=0.11)
    assert reached()[ONE].value == 0.11


@pytest.mark.parametrize("stopped_by", [ValueError, KeyboardInterrupt])
def test_a_run_that_failed_or_was_stopped_does_not_count(kept: Path, stopped_by: type[BaseException]) -> None:
    with pytest.raises(stopped_by), track(ONE, "score pocketsphinx") as run:
        run.metrics(GOOD)
        raise stopped_by
    assert reached() == {}
    score()
    assert reached().keys() == {ONE}


DIES = """
import os, signal
from shared.tracking import track
with track("level1-api", "score pocketsphinx") as run:
    run.metrics(wer=0.1, files=13)
    assert run.id
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL on this system")
def test_a_run_that_was_killed_does_not_count_and_spoils_nothing(kept: Path) -> None:
    score(wer=0.15)
    assert subprocess.run([sys.executable, "-c", DIES]).returncode == -signal.SIGKILL
    assert reached()[ONE].value == 0.15


def test_a_child_does_not_count_whatever_it_reaches(kept: Path) -> None:
    with track(ONE, "batch") as run, run.child("score pocketsphinx") as child:
        child.metrics(GOOD)
    assert reached() == {}
    with track(ONE, "score pocketsphinx") as run, run.child("a clip") as child:
        run.metrics(GOOD)
        child.metrics(wer=0.0)
    assert reached()[ONE].value == GOOD["wer"]


def test_the_last_step_decides_as_in_mlflow(kept: Path) -> None:
    level = levels()[3]
    assert level.baseline
    with track(level.slug, "unet 3 steps") as run:
        for step, iou in ((1, 0.99), (3, 0.8), (2, 0.98)):  # a resumed training tells early steps last
            run.metrics({"iou/val": iou}, step=step)
    assert run.id
    assert store.prepare_store().get_run(run.id).data.metrics["iou/val"] == 0.8
    assert reached()[level.slug].value == 0.8


def test_a_tag_that_is_set_while_the_run_goes_on_is_seen(kept: Path) -> None:
    with track(ONE, "score pocketsphinx") as run:
        run.metrics(GOOD)
        run.tag(source="tour")
    assert reached() == {}
    score()
    assert reached().keys() == {ONE}


def test_a_finished_study_counts_for_level_6_whatever_it_is_called(kept: Path) -> None:
    from level6_research.new import TEMPLATES
    from level6_research.study import load, smaller
    from level6_research.trials import run_study

    coin = load(TEMPLATES / "coin")
    assert run_study(smaller(coin, "tour", {"tosses": 10}), print, again=True).done
    assert reached() == {}, "the tour's study is not the reader's"
    record = run_study(smaller(coin, "my-coin", {"tosses": 20}), print)
    assert record.done and record.name == "my-coin"
    assert (reached()[SIX].value, reached()[SIX].url) == (10, record.url)


def test_a_link_leads_to_where_the_ui_is_today(own_home: Path) -> None:
    note(ONE, "score x", GOOD, {}, "http://127.0.0.1:1/#/experiments/7/runs/abc")
    (own_home / "ui.json").write_text(json.dumps({"url": "http://127.0.0.1:4242/", "pid": os.getpid()}))
    assert reached()[ONE].url == "http://127.0.0.1:4242/#/experiments/7/runs/abc"


@pytest.mark.parametrize(
    "damage", ["", "{", "[]", '{"level1-api": 3}', '{"level1-api": {"value": 0.1}}', "\xff"]
)
def test_a_damaged_file_is_nothing_reached_and_is_mended_by_the_next_run(kept: Path, damage: str) -> None:
    kept.write_bytes(damage.encode("latin-1"))
    assert reached() == {}
    note(ONE, "score x", GOOD, {}, None)
    assert reached()[ONE].value == GOOD["wer"]


def test_what_a_newer_course_does_not_count_any_more_is_not_reached(kept: Path) -> None:
    note(ONE, "score x", GOOD, {}, None)
    row = json.loads(kept.read_text())[ONE]
    for change in ({"value": 0.9}, {"value": "0.1"}, {"metric": "cer"}):
        kept.write_text(json.dumps({ONE: {**row, **change}}))
        assert reached() == {}, change
    kept.write_text(json.dumps({ONE: row, "level9-gone": row}))
    assert reached().keys() == {ONE}


def test_a_note_that_cannot_be_kept_is_told_in_a_line_and_the_run_is_whole(
    kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept.mkdir()
    try:
        url = score()
    finally:
        kept.rmdir()
    assert store.prepare_store().get_run(url.rpartition("/")[2]).info.status == "FINISHED"
    told = capsys.readouterr().err
    assert "'score pocketsphinx' reaches its level's baseline" in told
    assert told.count("\n") == 1 and "Traceback" not in told


BETTER_EACH_TIME = """
import sys, time
from pathlib import Path
from shared.baselines import note, reached
slug, name, metric, start = sys.argv[1:]
print("ready", flush=True)
while not Path(start).exists():
    time.sleep(0.001)
for value in range(100, 200):
    note(slug, name, {metric: value}, {}, None)
    time.sleep(0.002)  # in which the other may write
    assert reached()[slug].value == value, "lost"
"""


def test_two_processes_at_once_lose_nothing(tmp_path: Path) -> None:
    start = tmp_path / "start"
    env = os.environ | {"LADDER_HOME": str(tmp_path / "home")}
    both = [
        subprocess.Popen(
            [sys.executable, "-c", BETTER_EACH_TIME, *words, str(start)], text=True, env=env,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for words in (("level2-prompting", "evaluate frozen", "hit_at_5"), (SIX, "my-study", "trials"))
    ]  # fmt: skip
    for process in both:
        assert process.stdout and process.stdout.readline() == "ready\n"
    start.touch()
    assert [process.communicate(timeout=60)[1] for process in both] == ["", ""]
    rows = json.loads((tmp_path / "home/reached.json").read_text())
    assert {slug: row["value"] for slug, row in rows.items()} == {"level2-prompting": 199, SIX: 199}


def test_every_level_has_a_baseline_that_its_own_command_is_named_for() -> None:
    for level in levels():
        assert isinstance(level.baseline, Baseline), level.slug
        assert level.baseline.command.startswith(f"ladder {level.command} ")
        assert level.baseline.words and level.baseline.command in str(level.baseline)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("level", levels(), ids=lambda level: level.command)
def test_the_levels_command_reaches_its_baseline(level: Level, kept: Path, tmp_path: Path) -> None:
    assert level.baseline
    command = [sys.executable, "-m", "shared.cli", *level.baseline.command.split()[1:]]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert reached().keys() == {level.slug}
    assert reached()[level.slug].url in done.stdout + done.stderr
