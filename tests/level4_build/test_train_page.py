"""The tab "Train" of level 4's page, used as a person uses it: a real training, a real run."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from threading import Timer

import pytest
from level4_page import captions, fine, links, page_of, until
from streamlit.testing.v1 import AppTest

from level4_build import trainer, weights
from level4_build.job import Training, under_way
from level4_build.unet import UNetConfig
from shared import store

NET = UNetConfig(widths=(4, 8), transformer_layers=1, heads=2)
SMALL = trainer.TrainConfig(steps=6, batch=2, size=16, train_count=6, val_count=2, model=NET)


@pytest.fixture
def page(own_home: Path) -> Iterator[AppTest]:
    store.forget()
    yield page_of("Train")
    store.forget()


def trained(page: AppTest, job: Training) -> AppTest:
    """The page after this training, which is smaller than the page's own choices, and its recording."""
    page.session_state["level4 train job"] = job
    until(page, lambda: job.wait(0))
    recording = job.recording
    assert recording is not None
    return until(page, lambda: recording.wait(0))


def told(page: AppTest) -> str:
    return " ".join(info.value for info in page.info)


def test_before_a_training_there_are_settings_and_a_button(page: AppTest) -> None:
    fine(page.run())
    assert [s.label for s in page.slider] == ["Steps", "Difficulty", "Transformer layers"]
    assert not next(b for b in page.button if b.label == "Train").disabled
    assert not captions(page)


def test_a_training_is_shown_recorded_and_used(page: AppTest) -> None:
    trained(page, Training(SMALL))
    numbers = {metric.label: metric.value for metric in page.metric}
    assert numbers["Steps"] == "6" and 0 <= float(numbers["Macro IoU"]) <= 1
    assert captions(page)[:3] == ["the picture", "the network's mask", "the truth"]
    assert len(captions(page)) == 3 + 4, "the report's four figures too"
    (url,) = links(page)
    run = store.prepare_store().get_run(url.rsplit("/", 1)[1])
    assert run.info.status == "FINISHED" and run.data.tags["source"] == "page"
    assert weights.load().run_id == run.info.run_id, "it is the network in use"
    assert "Its network is now the one in use." in told(page)


def test_a_stopped_training_does_not_replace_the_network_and_a_finished_one_says_that_it_does(
    page: AppTest,
) -> None:
    weights.save(weights.pack(trainer.fit(SMALL)))
    before = weights.load()
    job = Training(dataclasses.replace(SMALL, steps=100_000))
    job.stop()
    trained(page, job)
    assert weights.load().run_id == before.run_id is None
    assert f"In use stays {before}" in told(page) and "Stopped after step" in told(page)
    trained(page, Training(SMALL))
    assert weights.load().run_id is not None
    assert f"Its network replaces {before}" in told(page)


def test_a_page_that_is_loaded_anew_finds_the_training_and_watches_it_to_its_end(page: AppTest) -> None:
    job = Training(dataclasses.replace(SMALL, steps=100_000))
    assert under_way() is job
    Timer(2.0, job.stop).start()
    fine(page.run())  # a session of its own, which did not begin it
    assert job.wait(0) and job.result().steps < 100_000 and under_way() is None
    assert {metric.label: metric.value for metric in page.metric}["Steps"] == str(job.result().steps)
    assert job.recording is not None and job.recording.result(), "it is recorded too"


def test_a_training_that_goes_astray_says_so(page: AppTest) -> None:
    job = Training(dataclasses.replace(SMALL, lr=1e30, warmup=0, clip=1e30))
    page.session_state["level4 train job"] = job
    until(page, lambda: job.wait(0))
    (box,) = page.error
    assert "learning rate" in box.value and not links(page)
