"""`ladder level4 …` as it is typed: results on stdout, files where they were asked for, a run of each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from level4_build import training
from level4_build.scenes import CLASSES
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
