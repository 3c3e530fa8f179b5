"""From pictures to masks: folders, doubt, and the pictures that show them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

from level4_build import predict as work
from level4_build import trainer, weights
from level4_build.predict import Found, asked, look, overlay, predict_with_confidence, read_picture
from level4_build.scenes import CLASSES, IGNORE, scene
from level4_build.unet import UNetConfig
from shared import runs, store
from shared.cli import cli
from shared.errors import BadUsage, LadderError

NET = UNetConfig(widths=(4, 8), transformer_layers=1, heads=2)
SMALL = trainer.TrainConfig(steps=3, batch=2, size=16, train_count=6, val_count=2, warmup=1, model=NET)


@pytest.fixture(scope="module")
def model() -> torch.nn.Module:
    return trainer.fit(SMALL).model


@pytest.fixture
def network(model: torch.nn.Module, own_home: Path) -> Iterator[None]:
    store.forget()
    weights.save(weights.pack(trainer.Fit(SMALL, model, [1.0], [], NOTHING, 0.0)))
    yield
    store.forget()


NOTHING = trainer.Evaluation(1, {"iou/val": 0.5, "loss/val": 1.0})


def level4(*words: str) -> Result:
    return CliRunner().invoke(cli, ["level4", *words])


def test_how_sure_it_is_is_the_likelihood_of_the_class(model: torch.nn.Module) -> None:
    image = scene(0, "val", 1, 16).image
    mask, confidence = predict_with_confidence(model, image)
    with torch.no_grad():
        logits = model(torch.tensor(image).permute(2, 0, 1)[None].float() / 255)[0].double()
    likely = logits.exp() / logits.exp().sum(0)  # (classes, H, W)
    assert np.array_equal(mask, likely.argmax(0).numpy())
    assert np.allclose(confidence, likely.amax(0).numpy(), atol=1e-5)


def test_doubtful_pixels_get_no_class_and_are_not_scored(model: torch.nn.Module) -> None:
    found = look(model, scene(0, "val", 1, 16), "a scene")
    assert found.confidence is not None and found.unsure() == 0
    least = float(np.median(found.confidence))
    sure = found.surer_than(least)
    left = found.confidence >= least
    assert np.array_equal(sure.mask == IGNORE, ~left) and sure.unsure() == pytest.approx((~left).mean())
    assert sum(sure.shares().values()) + sure.unsure() == pytest.approx(1)
    score = sure.score()
    assert score is not None and found.truth is not None
    assert int(score.confusion.sum()) == (left & (found.truth != IGNORE)).sum()
    assert found.surer_than(0).unsure() == 0 and found.surer_than(1).unsure() > 0.9
    for wrong in (-0.1, 1.1, float("nan")):
        with pytest.raises(BadUsage):
            found.surer_than(wrong)


def test_the_overlay_is_bare_where_there_is_no_class() -> None:
    image = np.full((8, 8, 3), 100, np.uint8)
    mask = np.ones((8, 8), np.uint8)
    mask[0] = IGNORE
    shown = overlay(Found("grey", image, mask))
    assert (shown[0] == 100).all() and (shown[1:] == shown[1, 0]).all() and (shown[1] != 100).any()


def test_a_photo_is_seen_upright(tmp_path: Path) -> None:
    picture = Image.new("RGB", (30, 10), "red")
    exif = picture.getexif()
    exif[0x0112] = 6  # "turn me by a quarter"
    picture.save(tmp_path / "photo.jpg", exif=exif)
    assert read_picture((tmp_path / "photo.jpg").read_bytes(), "photo.jpg").image.shape == (30, 10, 3)


def test_names_that_mean_nothing_are_told(tmp_path: Path) -> None:
    with pytest.raises(LadderError, match="holds no pictures"):
        asked(str(tmp_path))
    (tmp_path / "a.png").write_text("no picture")
    with pytest.raises(LadderError, match=r"a\.png is no picture"):
        asked(str(tmp_path))
    founds = [
        Found(name, np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), np.uint8)) for name in ("a.png", "a.jpg")
    ]
    with pytest.raises(BadUsage, match="called a, but for the ending"):
        work.places(founds, tmp_path, folder=True)


@pytest.mark.usefixtures("network")
def test_a_folder_of_pictures_gets_three_files_each_in_one_run(tmp_path: Path) -> None:
    photos, masks = tmp_path / "photos", tmp_path / "masks"
    photos.mkdir()
    for name, side in (("one.png", 16), ("two.jpg", 24)):
        Image.fromarray(scene(1, "val", side, side).image).save(photos / name)
    (photos / "notes.txt").write_text("no picture, and left alone")
    done = level4("predict", str(photos), "--out", str(masks), "--unsure", "0.9", "--json")
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)
    assert [each["image"] for each in told["pictures"]] == ["one.png", "two.jpg"]
    stems = [f"{name}{part}.png" for name in ("one", "two") for part in ("", "-overlay", "-panel")]
    assert sorted(file.name for file in masks.iterdir()) == sorted(stems)
    pixels = np.asarray(Image.open(masks / "two.png"))
    assert pixels.shape == (24, 24) and set(np.unique(pixels)) <= {*range(len(CLASSES)), IGNORE}
    assert (pixels == IGNORE).mean() == pytest.approx(told["pictures"][1]["unsure"])
    assert Image.open(masks / "one-overlay.png").size == (16, 16)
    run = runs.find(told["run_id"])
    assert run["metrics"]["pictures"] == 2
    assert {f.path for f in store.prepare_store().list_artifacts(told["run_id"])} == {"one.png", "two.jpg"}
    both = level4("predict", "scene:1", "--text", "The")
    assert both.exit_code == 2 and "--text was given with a picture" in both.stderr
    refused = level4("predict", "scene:1", "--unsure", "2")
    assert refused.exit_code == 2 and "0 to 1" in refused.stderr


@pytest.mark.usefixtures("network")
def test_an_evaluation_opens_the_test_split_only_when_asked() -> None:
    usual = level4("evaluate", "--json")
    assert usual.exit_code == 0, usual.stderr
    told = json.loads(usual.stdout)
    task = SMALL.task()
    expected = trainer.evaluate(weights.load().model, task)
    assert told["iou/val"] == pytest.approx(expected.macro_iou)
    assert told["dice_imagewise/val"] == pytest.approx(expected.scores["dice_imagewise/val"])
    run = runs.find(told["run_id"])
    assert run["tags"]["opened"] == "development" and "opens the test split" not in usual.stderr
    assert run["metrics"]["calibration_error/val"] == told["calibration_error/val"]
    kept = {file.path for file in store.prepare_store().list_artifacts(told["run_id"])}
    assert kept == {"panel.png", "confusion.png", "classes.png", "calibration.png", "classes.json"}

    opened = level4("evaluate", "--split", "test")
    assert opened.exit_code == 0 and "Look at it once" in opened.stderr
    assert [line.split()[0] for line in opened.stdout.splitlines() if line.strip()][2:] == [*CLASSES, "mean"]
    last = runs.last_runs(limit=1)[0]
    assert last["tags"]["opened"] == "test" and last["metrics"]["iou/test"] != told["iou/val"]
