"""`ladder level4 …` as it is typed: results on stdout, files where they were asked for, a run of each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from level4_build import record, registry, training
from level4_build.scenes import CLASSES, scene
from level4_build.trainer import Step, TrainConfig, fit
from level4_build.unet import UNetConfig
from shared import runs, store
from shared.cli import cli


@pytest.fixture(autouse=True)
def home_of_its_own(own_home: Path) -> Iterator[None]:
    store.forget()
    yield
    store.forget()


def level4(*words: str) -> Result:
    return CliRunner().invoke(cli, ["level4", *words])


def test_a_network_is_trained_then_used(tmp_path: Path) -> None:
    none_yet = level4("predict")
    assert none_yet.exit_code == 1 and "ladder level4 train" in none_yet.stderr
    missing = level4("predict", str(tmp_path / "none.png"))
    assert missing.exit_code == 1 and "none.png" in missing.stderr, "the input is wrong, network or not"
    assert level4("predict", "scene:x").exit_code == 2
    trained = level4("train", "--steps", "3", "--size", "16", "--batch", "2", "--json")
    assert trained.exit_code == 0, trained.stderr
    told = json.loads(trained.stdout)
    run = runs.find(told["run_id"])
    assert run["metrics"]["iou/val"] == pytest.approx(told["macro_iou"])
    assert 0 <= run["metrics"]["calibration_error"] <= 1 and "dice_imagewise/val" in run["metrics"]
    kept = {file.path for file in store.prepare_store().list_artifacts(told["run_id"])}
    pictures = {"panel.png", "confusion.png", "classes.png", "calibration.png"}
    assert kept == {"model", "data.md", "classes.json"} | pictures
    (version,) = registry.versions()
    assert version.run_id == told["run_id"] and "version 1 of the registry" in trained.stderr
    assert run["params"]["steps"] == "3" and run["tags"]["source"] == "command"

    assert "209,734 parameters: 3 steps of 2" in trained.stderr and "step 1 of 3" in trained.stderr
    assert "replaces" not in trained.stderr

    mask = tmp_path / "new" / "mask.png"
    used = level4("predict", "scene:2", "--out", str(mask), "--json")
    found = json.loads(used.stdout)
    assert found["network"]["steps"] == 3 and found["network"]["run_id"] == told["run_id"]
    its_name = f"the network of 3 steps, macro IoU {told['macro_iou']:.2f}"
    assert its_name in used.stderr and told["run_id"] in used.stderr and str(mask) in used.stderr
    assert sum(found["shares"].values()) == pytest.approx(1)
    pixels = np.asarray(Image.open(mask))
    shares = np.bincount(pixels.ravel(), minlength=len(CLASSES)) / pixels.size
    assert shares == pytest.approx([found["shares"][name] for name in CLASSES])
    assert Image.open(found["panel"]).width > 400

    again = level4("train", "--steps", "1", "--size", "16", "--batch", "2")
    assert f"it replaces {its_name}" in again.stderr


def test_ctrl_c_before_the_first_step_says_what_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "prepare", interrupted)
    done = level4("train")
    assert done.exit_code == 130 and "nothing new is kept" in done.stderr


@pytest.mark.parametrize(
    "wrong",
    [("--steps", "0"), ("--lr", "0"), ("--size", "2"), ("--size", "100000"), ("--batch", "1000000")],
)
def test_settings_that_cannot_be_are_usage_errors(wrong: tuple[str, str]) -> None:
    done = level4("train", *wrong)
    assert done.exit_code == 2 and "Traceback" not in done.stderr


def test_too_large_a_batch_is_a_usage_error() -> None:
    done = level4("train", "--size", "16", "--batch", "513")
    assert done.exit_code == 2 and "larger than the data, which has 512 items" in done.stderr


def test_a_dev_run_tries_everything_and_keeps_nothing(own_home: Path) -> None:
    done = level4(
        "train", "--fast-dev-run", "--size", "16", "--batch", "2", "--accumulate", "2", "--ema", "0.9"
    )
    assert done.exit_code == 0, done.stderr
    assert "2 steps, an evaluation after each" in done.stderr and "Nothing was kept" in done.stderr
    assert not list(own_home.rglob("*.pt")) and not list(own_home.rglob("*.safetensors"))
    assert runs.last_runs() == []


def test_a_network_learns_pictures_of_ones_own_by_the_command(tmp_path: Path) -> None:
    for number in range(6):
        drawn = scene(3, "train", number, 16)
        for folder, pixels in (("photos", drawn.image), ("masks", drawn.mask)):
            (tmp_path / folder).mkdir(exist_ok=True)
            Image.fromarray(pixels).save(tmp_path / folder / f"{number}.png")
    own = ("--images", str(tmp_path / "photos"), "--masks", str(tmp_path / "masks"))
    alone = level4("train", *own)
    assert alone.exit_code == 2 and "--classes together" in alone.stderr
    small = ("--steps", "2", "--size", "16", "--batch", "2", "--out", str(tmp_path / "out"))
    done = level4("train", *own, "--classes", ",".join(CLASSES), *small)
    assert done.exit_code == 0, done.stderr
    assert "2 of 5 pictures" in done.stderr and "1 pictures not trained on" in done.stderr
    card = (tmp_path / "out" / "data.md").read_text(encoding="utf-8")
    assert str(tmp_path / "photos") in card and "| val | 1 |" in card
    test = level4("evaluate", "--split", "test")
    assert test.exit_code == 2 and "keep pictures of a test" in test.stderr


def test_a_range_test_suggests_a_rate_and_is_recorded() -> None:
    done = level4("train", "--find-lr", "--size", "16", "--batch", "4", "--json")
    told = json.loads(done.stdout)
    assert len(told["rates"]) == len(told["losses"]) and told["suggestion"] in told["rates"]
    run = runs.find(told["run_id"])
    assert run["metrics"]["suggested_lr"] == told["suggestion"] and run["params"]["batch"] == "4"


def test_resume_goes_on_with_the_last_one_that_was_stopped_in_its_own_run() -> None:
    none_yet = level4("resume")
    assert none_yet.exit_code == 1 and "ladder level4 train" in none_yet.stderr
    net = UNetConfig(widths=(4, 8), transformer_layers=1, heads=2)
    config = TrainConfig(
        steps=8, batch=2, size=16, train_count=8, val_count=2, eval_every=4, save_every=3, model=net
    )
    place = training.checkpoint_place(config)
    place.parent.mkdir(parents=True)

    def cut(step: Step) -> None:
        recorder.step(step)
        if step.step == 5:
            raise KeyboardInterrupt

    recording = record.recording(config, kept=training.run_file(place))
    with pytest.raises(KeyboardInterrupt), recording as recorder:
        fit(config, on_step=cut, checkpoint=place)
    first = runs.find(recorder.run.id)
    assert first["status"] == "KILLED" and "loss/train" in first["metrics"]

    done = level4("resume", "--json")
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["resumed_at"] == 3 and told["steps"] == 8 and told["run_id"] == first["run_id"]
    run = runs.find(told["run_id"])
    assert run["status"] == "FINISHED" and run["tags"]["resumed_at"] == "3"
    assert told["loss"] == fit(config).losses[-1], "as if it had not been stopped"
    assert not place.exists() and not training.run_file(place).exists(), "complete: not needed any more"


def test_a_checkpoint_that_is_none_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "notes.pt").write_text("no checkpoint")
    for place in ("nowhere", "notes.pt"):
        done = level4("resume", str(tmp_path / place))
        assert done.exit_code == 1 and place in done.stderr and "Traceback" not in done.stderr


@pytest.mark.slow
def test_two_processes_train_by_the_command() -> None:
    done = level4("train", "--steps", "4", "--size", "16", "--batch", "4", "--nproc", "2", "--json")
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)
    run = runs.find(told["run_id"])
    assert told["steps"] == 4 and run["metrics"]["iou/val"] == pytest.approx(told["macro_iou"])
