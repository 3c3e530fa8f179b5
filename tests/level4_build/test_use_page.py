"""The tab "Use it" of level 4's page, used as a person uses it: a real network on a real scene."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from level4_page import captions, fine, links, page_of, press, until
from PIL import Image
from streamlit.testing.v1 import AppTest

from level4_build import trainer, weights
from level4_build.record import record
from level4_build.unet import UNetConfig
from shared import store

NET = UNetConfig(widths=(4, 8), transformer_layers=1, heads=2)
SMALL = trainer.TrainConfig(steps=6, batch=2, size=16, train_count=6, val_count=2, model=NET)


@pytest.fixture
def page(own_home: Path) -> Iterator[AppTest]:
    store.forget()
    yield page_of("Use it")
    store.forget()


@pytest.fixture
def with_network(own_home: Path) -> None:
    weights.save(weights.pack(trainer.fit(SMALL)))


def metrics(page: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in page.metric}


def test_without_a_network_it_says_how_to_get_one(page: AppTest) -> None:
    fine(page.run())
    assert any("No network is trained yet" in info.value for info in page.info)


def test_a_damaged_network_is_told_in_a_sentence(page: AppTest) -> None:
    weights.save(b"not a network")
    fine(page.run())
    assert "holds no network" in page.error[0].value and not captions(page)


@pytest.mark.usefixtures("with_network")
def test_a_scene_is_seen_beside_its_truth(page: AppTest) -> None:
    fine(page.run())
    assert captions(page) == ["the picture", "what the network sees", "the truth"]
    page.slider(key="level4 use scene").set_value(7)
    fine(page.run())
    assert 0 <= float(metrics(page)["Macro IoU"]) <= 1
    press(page, "Record this in MLflow")
    (recording,) = page.session_state["level4 use kept"].values()
    until(page, lambda: recording.wait(0))
    run = store.prepare_store().get_run(links(page)[0].rsplit("/", 1)[1])
    assert run.data.params["image"] == "scene:7" and run.data.tags["source"] == "page"


@pytest.mark.usefixtures("with_network")
def test_the_threshold_gives_pixels_to_nobody(page: AppTest) -> None:
    fine(page.run())
    assert metrics(page)["Pixels with a class"] == "100%"
    page.slider(key="level4 use threshold").set_value(1.0)  # so sure is no network of six steps
    fine(page.run())
    assert metrics(page)["Pixels with a class"] == "0%" and "Right of these" not in metrics(page)


@pytest.mark.usefixtures("with_network")
def test_a_drawing_keeps_its_shapes(page: AppTest) -> None:
    page.run()
    page.button_group(key="level4 use picture Generate").set_value("Draw")
    fine(page.run())
    press(page, "Keep this shape")
    assert [shape.kind for shape in page.session_state["level4 drawing kept"]] == ["circle"]
    fine(page.run())
    press(page, "Remove the last")
    assert page.session_state["level4 drawing kept"] == []
    assert len(captions(page)) == 3


@pytest.mark.usefixtures("with_network")
def test_an_upload_has_a_mask_and_no_truth_and_a_text_gets_a_sentence(page: AppTest, tmp_path: Path) -> None:
    page.run()
    page.button_group(key="level4 use picture Generate").set_value("Upload")
    fine(page.run())
    Image.new("RGB", (700, 300), "red").save(tmp_path / "mine.png")
    page.file_uploader(key="level4 use upload").upload("mine.png", (tmp_path / "mine.png").read_bytes())
    fine(page.run())
    assert captions(page) == ["the picture", "what the network sees"]
    assert any("Made smaller, from 700 by 300" in caption.value for caption in page.caption)
    page.file_uploader(key="level4 use upload").upload("mine.png", b"not a picture")
    fine(page.run())
    assert any("no picture" in error.value for error in page.error)


@pytest.mark.usefixtures("with_network")
def test_without_a_version_there_is_nothing_to_compare_with(page: AppTest) -> None:
    fine(page.run())
    page.toggle(key="level4 networks two").set_value(True)
    fine(page.run())
    assert any("holds no version yet" in info.value for info in page.info)
    assert captions(page) == ["the picture", "what the network sees", "the truth"], (
        "one is shown all the same"
    )


@pytest.mark.slow
def test_two_versions_look_at_the_same_picture(page: AppTest) -> None:
    for seed in (0, 1):
        record(trainer.fit(dataclasses.replace(SMALL, seed=seed)))
    fine(page.run())
    page.toggle(key="level4 networks two").set_value(True)
    fine(page.run())
    assert captions(page)[1:3] == ["what the last one sees", "what version 1 sees"], (
        "no network beside itself"
    )
    assert (
        captions(page)[-1].startswith("where they differ: ")
        and captions(page)[-1] != "where they differ: 0.0%"
    )
    assert list(page.dataframe[0].value.columns)[::2] == ["class", "IoU, the last one", "IoU, version 1"]
    page.selectbox(key="level4 networks Second").set_value(2)
    fine(page.run())
    assert captions(page)[2] == "what version 2, challenger sees"
    assert captions(page)[-1] == "where they differ: 0.0%", "the last one trained is version 2"
