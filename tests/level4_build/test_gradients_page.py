"""The tab "Gradients" of level 4's page: a neuron's graph, and a perceptron trained on the moons."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from level4_page import fine, links, page_of, press, until
from streamlit.testing.v1 import AppTest

from level4_build.graph import neuron_example, rows
from level4_build.job import Perceptron
from level4_build.perceptron import MoonsConfig
from shared import store


@pytest.fixture
def page(own_home: Path) -> Iterator[AppTest]:
    store.forget()
    yield fine(page_of("Gradients").run())
    store.forget()


def drawn(page: AppTest) -> str:
    """The graph that is shown, as SVG."""
    found = (re.search(r"base64,([\w+/=]+)", one.proto.body) for one in page.get("html"))
    return next(base64.b64decode(match[1]).decode() for match in found if match)


def gradient(w: float, x: float, b: float, target: float) -> float:
    """Of the weight, from the derivative on paper."""
    import math

    y = math.tanh(w * x + b)
    return 2 * (y - target) * (1 - y * y) * x


def test_the_graph_carries_the_gradients_and_follows_its_sliders(page: AppTest) -> None:
    assert f"grad {gradient(0.8, 1.5, -0.4, -1.0):.4g}" in drawn(page)
    page.slider(key="level4 gradients Weight").set_value(-0.5)
    fine(page.run())
    assert f"grad {gradient(-0.5, 1.5, -0.4, -1.0):.4g}" in drawn(page)
    assert not page.warning


def test_a_step_down_makes_the_loss_smaller_and_leaves_the_data(page: AppTest) -> None:
    press(page, "One step down")
    after = {
        name: page.slider(key=f"level4 gradients {name}").value
        for name in ("Weight", "Input", "Bias", "Target")
    }
    assert (after["Input"], after["Target"]) == (1.5, -1.0)
    now = neuron_example(after["Weight"], after["Input"], after["Bias"], after["Target"])
    assert now.data < rows(neuron_example())[-1]["data"]
    assert f"{now.data:.4g}" in drawn(page)


def test_the_sliders_are_as_they_were_after_a_look_at_another_tab(page: AppTest) -> None:
    page.slider(key="level4 gradients Bias").set_value(1.25)
    fine(page.run())
    for tab in ("Train", "Gradients"):
        page.session_state["level4 tab"] = tab
        fine(page.run())
    assert page.slider(key="level4 gradients Bias").value == 1.25


def test_the_perceptron_is_trained_shown_and_recorded(page: AppTest) -> None:
    job = Perceptron(MoonsConfig(steps=20, hidden=3))
    page.session_state["level4 gradients job"] = job
    until(page, lambda: job.wait(0))
    assert {metric.label for metric in page.metric} >= {"Trained on", "Not trained on"}
    assert page.get("image")
    recording = job.recording
    assert recording is not None
    until(page, lambda: recording.wait(0))
    (url,) = links(page)
    run = store.prepare_store().get_run(url.rsplit("/", 1)[1])
    assert run.data.params["hidden"] == "3" and run.data.tags["source"] == "page"


def test_a_rate_that_is_too_high_is_told(page: AppTest) -> None:
    job = Perceptron(MoonsConfig(steps=50, lr=1e308))
    page.session_state["level4 gradients job"] = job
    until(page, lambda: job.wait(0))
    assert "lower" in page.error[0].value
