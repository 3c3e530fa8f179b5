"""A segmenter on pictures of one's own: named as one types it, learnt, scored, kept and used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from level4_build import weights
from level4_build.own_pictures import OwnPictures
from level4_build.predict import asked, mask_png, panel, segment
from level4_build.scenes import IGNORE, Scenes, scene
from level4_build.score import SegmentationScore
from level4_build.segmentation import TrainConfig
from level4_build.task import Item
from level4_build.trainer import evaluate, fit
from level4_build.unet import UNetConfig
from shared.errors import BadUsage

NET = UNetConfig(classes=2, widths=(4, 8), transformer_layers=1, heads=2)


@pytest.fixture
def own(tmp_path: Path) -> OwnPictures:
    """Ten scenes as files: black where there is nothing, white on a shape."""
    for folder in ("photos", "masks"):
        (tmp_path / folder).mkdir()
    for number in range(10):
        drawn = scene(7, "train", number, 20)
        there = (drawn.mask != 0) & (drawn.mask != IGNORE)
        Image.fromarray(drawn.image).save(tmp_path / "photos" / f"{number}.png")
        Image.fromarray((255 * there).astype(np.uint8)).save(tmp_path / "masks" / f"{number}.png")
    return OwnPictures.named(tmp_path / "photos", tmp_path / "masks", "ground, shape", "0:0,255:1")


def config_of(own: OwnPictures, **more: object) -> TrainConfig:
    settings = {"steps": 4, "batch": 4, "size": 16, "warmup": 1, "eval_every": 2, "own": own, "model": NET}
    return TrainConfig(**(settings | more))  # type: ignore[arg-type]


def test_what_one_types_is_what_is_meant(own: OwnPictures, tmp_path: Path) -> None:
    assert own.classes == ("ground", "shape") and own.values == ((0, 0), (255, 1))
    assert Path(own.images) == tmp_path / "photos" and Path(own.masks).is_absolute()


@pytest.mark.parametrize(
    ("classes", "values", "said"),
    [("ground", "", "two"), ("a,a", "", "different"), ("a,b", "0=1", "0=1"), ("a,b", "0:x", "pairs")],
)
def test_what_cannot_be_read_is_told(classes: str, values: str, said: str) -> None:
    with pytest.raises(BadUsage, match=said):
        OwnPictures.named("photos", "masks", classes, values)


def test_a_configuration_with_them_comes_back_from_its_values(own: OwnPictures) -> None:
    config = config_of(own)
    assert TrainConfig.from_dict(config.as_dict()) == config
    assert TrainConfig.from_dict(TrainConfig().as_dict()) == TrainConfig()


def test_the_task_learns_one_part_and_scores_the_other(own: OwnPictures) -> None:
    task = config_of(own).task()
    assert (task.size("train"), task.size("val")) == (8, 2)
    images, masks = task.batch("train", [Item(0, index) for index in range(8)])
    whole = own.whole(16)
    rows = {image.numpy().tobytes(): mask for image, mask in zip(whole.images, whole.masks, strict=True)}
    for image, mask in zip((images * 255).round().byte(), masks, strict=True):
        assert torch.equal(rows[image.numpy().tobytes()].long(), mask)
    assert set(masks.unique().tolist()) == {0, 1}, "255 was said to be class 1"
    assert task.digests()["train"] != task.digests()["val"]


def test_the_network_must_have_as_many_classes(own: OwnPictures) -> None:
    with pytest.raises(BadUsage, match="6 classes apart, and the pictures have 2: ground, shape"):
        config_of(own, model=UNetConfig())


def test_it_is_trained_kept_and_used_with_its_own_classes(own: OwnPictures, own_home: Path) -> None:
    done = fit(config_of(own))
    assert set(done.iou) == {"ground", "shape"}
    trained = weights.load(weights.save(weights.pack(done)))
    assert trained.config == done.config
    found = segment(trained, asked(str(Path(own.images) / "3.png"))[0])
    assert set(found.shares()) == {"ground", "shape"} and sum(found.shares().values()) == pytest.approx(1)
    assert panel([found]).height > 200 and mask_png(found.mask, found.classes)
    with pytest.raises(BadUsage, match="ground, shape apart, and knows no scenes"):
        segment(trained, 3)


# Scenes ------------------------------------------------------------------------------------------------


def test_the_dial_reaches_the_scenes_and_half_is_the_usual() -> None:
    easy = TrainConfig(train_count=4, val_count=3, size=16, difficulty=0.0).task()
    assert easy.digests()["val"] == Scenes("val", 3, 16, 0, 0.0).digest()
    usual = TrainConfig(train_count=4, val_count=3, size=16).task()
    assert usual.digests()["val"] == Scenes("val", 3, 16).digest() != easy.digests()["val"]
    with pytest.raises(BadUsage, match=r"difficulty is 1\.5"):
        TrainConfig(difficulty=1.5)


def test_an_evaluation_in_batches_has_the_scores_of_the_whole_set() -> None:
    config = TrainConfig(train_count=4, val_count=7, size=16, model=UNetConfig(widths=(4, 8)))
    model, task = config.task().network().eval(), config.task()
    told = evaluate(model, task, batch=3).scores
    images, masks = task.batch("val", [Item(0, index) for index in range(7)])
    score = SegmentationScore()
    with torch.no_grad():
        score.add(model(images), masks)
    expected = {f"{name}/val": value for name, value in score.summary().items()}
    assert {name: told[name] for name in expected} == pytest.approx(expected)
    assert told["iou_imagewise/val"] != told["iou/val"], "both are counted, not one named twice"
