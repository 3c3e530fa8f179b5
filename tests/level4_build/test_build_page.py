"""The tab "Build" of level 4's page: a network from blocks, by clicks and by typing."""

from __future__ import annotations

from pathlib import Path

import pytest
from level4_page import fine, page_of, press
from streamlit.testing.v1 import AppTest

from level4_build.declaration import read


@pytest.fixture
def page(own_home: Path) -> AppTest:
    return fine(page_of("Build").run())


def metrics(page: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in page.metric}


def blocks(page: AppTest) -> list[str]:
    return list(page.dataframe[0].value["block"])


def test_it_begins_with_the_unet_and_its_cost(page: AppTest) -> None:
    assert metrics(page) == {"Parameters": "209,734", "Multiply-adds": "139,526,144"}
    assert blocks(page)[:3] == ["input", "1 · conv1", "2 · down1"]


def test_a_setting_changes_shapes_and_cost_at_once(page: AppTest) -> None:
    page.number_input(key="level4 build 0 0 width").set_value(8)
    fine(page.run())
    assert page.dataframe[0].value["gives"][1] == "8 × 64 × 64"
    assert metrics(page)["Parameters"] != "209,734"


def test_a_misfit_is_told_in_words_at_its_block(page: AppTest) -> None:
    page.button(key="level4 build Remove 2").click()  # the second down
    fine(page.run())
    (box,) = page.error
    assert "Twice the size is 64 × 64" in box.value and "down1" in box.value
    assert blocks(page)[-1] == "3 · transformer1", "what is before it is seen"
    assert any("looked at once the blocks before it fit" in c.value for c in page.caption)


def test_a_block_is_added_moved_and_removed(page: AppTest) -> None:
    page.selectbox(key="level4 build new").set_value("norm")
    press(page, "Add")
    assert blocks(page)[-1] == "8 · norm1" and not page.error, "it begins with settings that fit"
    page.button(key="level4 build Earlier 7").click()
    fine(page.run())
    assert blocks(page)[-2:] == ["7 · norm1", "8 · scores1"]
    page.button(key="level4 build Remove 6").click()
    fine(page.run())
    assert blocks(page)[-1] == "7 · scores1" and metrics(page)["Parameters"] == "209,734"


def test_it_can_be_typed_as_yaml_and_what_is_wrong_is_told(page: AppTest) -> None:
    page.button_group(key="level4 build how").set_value("YAML")
    fine(page.run())
    typed = page.text_area[0]
    assert typed.value == read("example:unet").as_yaml()
    typed.set_value("input: {kind: vector, shape: [4]}\nblocks:\n  - {block: scores, classes: 2}\n")
    fine(page.run())
    assert metrics(page)["Parameters"] == "10" and not page.error
    page.text_area[0].set_value("input: {kind: vector, shape: [4]}\nblocks:\n  - {block: <b>scores</b>}\n")
    fine(page.run())
    (box,) = page.error
    assert "block 1" in box.value and "<b>" not in box.value
    assert metrics(page)["Parameters"] == "10", "the last that could be read stays"


def test_two_blocks_of_one_name_are_refused(page: AppTest) -> None:
    page.button_group(key="level4 build how").set_value("YAML")
    fine(page.run())
    twice = "input: {kind: vector, shape: [4]}\nblocks:\n" + "  - {block: scores, classes: 2, name: a}\n" * 2
    page.text_area[0].set_value(twice)
    fine(page.run())
    assert "another name" in page.error[0].value and metrics(page)["Parameters"] == "209,734"


def test_another_example_and_another_input(page: AppTest) -> None:
    page.selectbox(key="level4 build example").set_value("classifier")
    fine(page.run())
    press(page, "Begin with it")
    assert blocks(page)[1] == "1 · patches1"
    page.text_input(key="level4 build shape 1").set_value("3 37 53")
    fine(page.run())
    assert "do not cover it" in page.error[0].value
    page.text_input(key="level4 build shape 2").set_value("3 many")
    fine(page.run())
    assert "does not do" in page.error[0].value and page.text_input[0].value == "3 37 53"
