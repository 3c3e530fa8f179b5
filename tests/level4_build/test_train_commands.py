"""`ladder level4 …` as it is typed: results on stdout, files where they were asked for, a run of each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

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
    trained = level4("train", "--steps", "3", "--size", "16", "--batch", "2", "--json")
    assert trained.exit_code == 0, trained.stderr
    told = json.loads(trained.stdout)
    run = runs.find(told["run_id"])
    assert run["metrics"]["iou/val"] == pytest.approx(told["macro_iou"])
    assert run["params"]["steps"] == "3" and run["tags"]["source"] == "command"

    mask = tmp_path / "mask.png"
    used = level4("predict", "scene:2", "--out", str(mask), "--json")
    found = json.loads(used.stdout)
    assert sum(found["shares"].values()) == pytest.approx(1)
    pixels = np.asarray(Image.open(mask))
    shares = np.bincount(pixels.ravel(), minlength=len(CLASSES)) / pixels.size
    assert shares == pytest.approx([found["shares"][name] for name in CLASSES])
    assert Image.open(found["panel"]).width > 400
    assert level4("predict", "scene:x").exit_code == 2
    missing = level4("predict", str(tmp_path / "none.png"))
    assert missing.exit_code == 1 and "none.png" in missing.stderr


@pytest.mark.parametrize("wrong", [("--steps", "0"), ("--lr", "0"), ("--size", "2")])
def test_settings_that_cannot_be_are_usage_errors(wrong: tuple[str, str]) -> None:
    done = level4("train", *wrong)
    assert done.exit_code == 2 and "Traceback" not in done.stderr
