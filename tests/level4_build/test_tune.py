"""A search for settings: the same however often it is stopped, fair to each trial, and kept as it goes."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from filelock import FileLock

from level4_build import tune_store
from level4_build.trainer import Step, TrainConfig, fit
from level4_build.tune import BEFORE_PRUNING, DEFAULT, LOOKS, Plan, Study, tune
from level4_build.tune_figure import history
from shared import runs, store
from shared.cli import cli
from shared.errors import BadUsage, LadderError
from shared.settings import settings

PLAN = Plan(trials=4, steps=8, size=8, train_count=64, val_count=4)


@pytest.fixture(autouse=True)
def home_of_its_own(own_home: Path) -> Iterator[None]:
    store.forget()
    yield
    store.forget()


def tried(study: Study) -> list[tuple[Any, ...]]:
    return [(t.number, t.state, t.settings, t.scores) for t in study.trials]


def test_stopped_and_gone_on_with_it_tries_what_it_would_have_tried(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def cut(trial: int, step: Step) -> None:
        if trial == 3 and step.step == 2:
            raise KeyboardInterrupt

    ended: list[int] = []
    with pytest.raises(KeyboardInterrupt, match=r"trial 3 of 4: the same again goes on"):
        tune(PLAN, cut, lambda trial: ended.append(trial.number))
    assert ended == [1, 2]
    with tune_store.opened(PLAN.name, BEFORE_PRUNING, False) as study:
        study.ask()  # as a killed process leaves it: a trial that seems to run
    stopped = tune(PLAN, on_trial=lambda trial: ended.append(trial.number))
    assert ended == [1, 2, 3, 4]

    monkeypatch.setenv("LADDER_HOME", str(tmp_path / "another"))
    settings.cache_clear()
    assert tried(tune(PLAN)) == tried(stopped)


def test_a_longer_search_adds_to_the_shorter_and_a_fresh_one_begins_anew() -> None:
    first = tune(replace(PLAN, trials=1))
    more = tune(replace(PLAN, trials=2))
    assert tried(more)[:1] == tried(first) and len(more.trials) == 2
    ended: list[int] = []
    again = tune(replace(PLAN, trials=1), on_trial=lambda trial: ended.append(trial.number), fresh=True)
    assert ended == [1] and tried(again) == tried(first)
    assert PLAN.name == replace(PLAN, trials=9).name != replace(PLAN, seed=1).name


def test_the_first_has_the_default_settings_and_its_score_is_that_of_training() -> None:
    study = tune(replace(PLAN, trials=1))
    (only,) = study.trials
    assert only.settings == DEFAULT and study.best == only and study.default == only.score
    default = TrainConfig()
    config = study.config()
    assert (config.lr, config.batch, config.weight_decay) == (default.lr, default.batch, default.weight_decay)
    assert config.model == default.model, "what is called default is what training takes by default"
    assert only.scores == tuple(each.macro_iou for each in fit(config).history)
    assert json.loads(json.dumps(study.as_dict()))["scored_on"] == "validation"


@pytest.mark.parametrize("batch", [8, 16, 32])
def test_every_trial_sees_as_many_scenes(batch: int) -> None:
    config = Plan(steps=60).config(DEFAULT | {"batch": batch, "width": 24})
    assert config.steps * batch == 60 * 16 and config.model.widths == (24, 48, 96)
    evaluations = {*range(config.eval_every, config.steps, config.eval_every), config.steps}
    assert len(evaluations) == LOOKS


def test_a_trial_is_cut_short_where_it_is_worse_than_the_median_of_the_others() -> None:
    study = tune(replace(PLAN, trials=10, val_count=16))
    complete: list[tuple[float, ...]] = []
    cut = 0
    for trial in study.trials:
        if trial.state == "pruned":
            at = len(trial.scores) - 1
            assert len(complete) >= BEFORE_PRUNING and at < LOOKS - 1
            assert max(trial.scores) < statistics.median(scores[at] for scores in complete)
            cut += 1
        else:
            complete.append(trial.scores)
            assert len(trial.scores) == LOOKS
    assert cut > 0 and study.best.score == max(scores[-1] for scores in complete)
    assert history(study).axes[0].get_legend_handles_labels()[1] == ["complete", "pruned", "best so far"]


class Wild(Plan):
    """A plan in which all but the default settings lead nowhere."""

    def config(self, settings: dict[str, Any]) -> TrainConfig:
        config = super().config(settings)
        return config if settings == DEFAULT else replace(config, lr=1e30)


def test_settings_that_diverge_count_as_the_worst_and_end_nothing() -> None:
    study = tune(Wild(trials=2, steps=8, size=8, train_count=64, val_count=4))
    assert [each.state for each in study.trials] == ["complete", "diverged"]
    assert study.best.number == 1 and json.dumps(study.as_dict())


def test_one_search_at_a_time(own_home: Path) -> None:
    (own_home / "level4").mkdir(parents=True)
    with FileLock(own_home / "level4" / "tune.lock"), pytest.raises(LadderError, match="Another search"):
        tune(PLAN)


def test_trials_that_cannot_be_read_are_a_sentence(own_home: Path) -> None:
    (own_home / "level4").mkdir(parents=True)
    (own_home / "level4" / "tune.db").write_bytes(b"no database" * 1000)
    with pytest.raises(LadderError, match=r"tune\.db cannot be read"):
        tune(PLAN)


@pytest.mark.parametrize("wrong", [{"trials": 0}, {"steps": 1}, {"seed": -1}])
def test_a_search_that_cannot_be_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(BadUsage):
        Plan(**wrong)


def test_the_command_keeps_a_run_for_each_trial_and_goes_on_in_its_own() -> None:
    words = ["level4", "tune", "--steps", "8", "--size", "8"]
    one = CliRunner().invoke(cli, [*words, "--trials", "1"])
    assert one.exit_code == 0, one.stderr
    assert "chosen on these validation scenes" in one.stdout and "trial 1 of 1" in one.stderr
    done = CliRunner().invoke(cli, [*words, "--trials", "2", "--json"])
    told = json.loads(done.stdout)
    assert told["run_id"] in one.stderr, "the same run"
    there = runs.last_runs(4)
    (parent,) = [run for run in there if run["run_id"] == told["run_id"]]
    children = {run["name"]: run for run in there if run is not parent}
    assert set(children) == {"trial 1", "trial 2"} and parent["tags"]["opened"] == "validation"
    for trial in told["trials"]:
        child = children[f"trial {trial['number']}"]
        assert child["metrics"]["iou/val"] == pytest.approx(trial["macro_iou"])
        assert float(child["params"]["lr"]) == trial["settings"]["lr"] and "loss/train" in child["metrics"]
    assert parent["metrics"]["iou/val"] == max(trial["macro_iou"] for trial in told["trials"])
