"""The page of level 4, used as a person uses it: a real training, a real scene, a real run."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from level4_build import trainer, weights
from level4_build.job import Training
from level4_build.unet import UNetConfig
from shared import store
from shared.settings import CLONE

NET = UNetConfig(widths=(4, 8), transformer_layers=1, heads=2)
SMALL = trainer.TrainConfig(steps=6, batch=2, size=16, train_count=6, val_count=2, model=NET)


@pytest.fixture
def page(own_home: Path) -> Iterator[AppTest]:
    store.forget()
    yield AppTest.from_file(str(CLONE / "level4_build" / "app.py"), default_timeout=120)
    store.forget()


@pytest.fixture
def with_network(own_home: Path) -> None:
    weights.save(weights.pack(trainer.fit(SMALL)))


def fine(page: AppTest) -> AppTest:
    assert not page.exception, page.exception
    return page


def captions(page: AppTest) -> list[str]:
    """What stands under the pictures of the page."""
    return [image.caption for one in page.get("image") for image in one.proto.imgs]


def press(page: AppTest, label: str) -> AppTest:
    next(button for button in page.button if button.label == label).click()
    return fine(page.run())


def test_without_a_network_it_says_how_to_get_one(page: AppTest) -> None:
    fine(page.run())
    assert any("No network is trained yet" in info.value for info in page.info)
    assert next(b for b in page.button if b.label == "Stop").disabled


def test_a_training_is_shown_recorded_and_used(page: AppTest) -> None:
    fine(page.run())
    page.session_state["training"] = Training(SMALL)  # smaller than the page's own choices
    fine(page.run())
    numbers = {metric.label: metric.value for metric in page.metric}
    assert numbers["Steps"] == "6" and 0 <= float(numbers["Macro IoU"]) <= 1
    (url,) = {link.proto.url for link in page.get("link_button")}
    run = store.prepare_store().get_run(url.rsplit("/", 1)[1])
    assert run.info.status == "FINISHED" and run.data.tags["source"] == "page"
    assert weights.load().run_id == run.info.run_id, "it is the network in use"
    assert not any("No network" in info.value for info in page.info)


@pytest.mark.usefixtures("with_network")
def test_a_stopped_training_does_not_replace_the_network_and_a_finished_one_says_that_it_does(
    page: AppTest,
) -> None:
    before = weights.load()
    fine(page.run())
    job = Training(dataclasses.replace(SMALL, steps=100_000))
    job.stop()
    page.session_state["training"] = job
    fine(page.run())
    assert weights.load().run_id == before.run_id is None
    assert any(f"In use stays {before}" in info.value for info in page.info)
    page.session_state["training"] = Training(SMALL)
    fine(page.run())
    assert weights.load().run_id is not None
    assert any(f"Its network replaces {before}" in info.value for info in page.info)


@pytest.mark.usefixtures("with_network")
def test_a_scene_is_seen_beside_its_truth(page: AppTest) -> None:
    fine(page.run())
    assert captions(page) == ["the picture", "the network's mask", "the truth"]
    before = page.metric[0].value
    page.slider(key="scene").set_value(7)
    fine(page.run())
    assert 0 <= float(page.metric[0].value) <= 1 and before


@pytest.mark.usefixtures("with_network")
def test_a_drawing_keeps_its_shapes(page: AppTest) -> None:
    page.run()
    page.button_group(key="picture").set_value("Draw")
    fine(page.run())
    press(page, "Keep this shape")
    assert [shape.kind for shape in page.session_state["drawn"]] == ["circle"]
    press(page, "Remove the last")
    assert page.session_state["drawn"] == []
    assert len(captions(page)) == 3


@pytest.mark.usefixtures("with_network")
def test_an_upload_has_a_mask_and_no_truth_and_a_text_gets_a_sentence(page: AppTest, tmp_path: Path) -> None:
    page.run()
    page.button_group(key="picture").set_value("Upload")
    fine(page.run())
    Image.new("RGB", (700, 300), "red").save(tmp_path / "mine.png")
    page.file_uploader(key="upload").upload("mine.png", (tmp_path / "mine.png").read_bytes())
    fine(page.run())
    assert captions(page) == ["the picture", "the network's mask"]
    assert any("Made smaller, from 700 by 300" in caption.value for caption in page.caption)
    page.file_uploader(key="upload").upload("mine.png", b"not a picture")
    fine(page.run())
    assert any("no picture" in error.value for error in page.error)
