"""What each block gives, and that the exercises' own code in a network says what ours says."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
import torch
from level4_page import captions, fine, page_of

from level4_build.build import Network, build
from level4_build.declaration import parse, read
from level4_build.inside import asks_for, example, look_inside, picture, with_own
from level4_build.shapes import describe
from shared.study.exercise import exercise
from shared.study.workspace import digest, make


def built(text: str) -> Network:
    return build(read(text), torch.Generator().manual_seed(0)).eval()


def solution(name: str) -> dict[str, Any]:
    return runpy.run_path(str(exercise(name).solution))


@pytest.mark.parametrize("name", ["unet", "classifier", "finder", "language"])
def test_every_block_gives_the_shape_that_was_worked_out(name: str) -> None:
    declared = read(f"example:{name}")
    gives = look_inside(built(f"example:{name}"), example(declared))
    assert {block: list(each.shape) for block, each in gives.items()} == {
        row["block"]: row["gives"] for row in describe(declared)
    }


def test_the_exercises_own_code_says_the_same() -> None:
    x = example(read("example:unet"))
    network = built("example:unet")
    assert asks_for(network) == {"attention", "skip"}
    ours = look_inside(network, x)
    attend, join = solution("attention")["attention"], solution("skip")["join"]
    own = look_inside(with_own(built("example:unet"), attend, join), x)
    assert own.keys() == ours.keys()
    for name, each in ours.items():
        torch.testing.assert_close(own[name], each, rtol=1e-4, atol=1e-5)


def test_it_is_really_the_other_code_that_runs() -> None:
    x = example(read("example:classifier"))
    asked = []

    def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, causal: bool) -> torch.Tensor:
        asked.append((tuple(q.shape), causal))
        return torch.zeros_like(v)

    ours = look_inside(built("example:classifier"), x)
    own = look_inside(with_own(built("example:classifier"), attend), x)
    assert asked == [((1, 4, 64, 16), False)] * 3
    assert not torch.equal(own["encoder1"], ours["encoder1"])
    assert asks_for(built("example:language")) == set(), "its attention turns by place: it stays ours"


def test_what_is_given_to_run_with_is_what_it_takes() -> None:
    odd = parse("{input: {kind: picture, shape: [2, 5, 9]}, blocks: [{block: conv, width: 4}]}")
    assert example(odd).shape == (1, 2, 5, 9)
    few = parse(
        "{input: {kind: numbers, shape: [9]}, blocks: [{block: embed, vocab: 3, width: 4}, {block: mean}]}"
    )
    assert int(example(few).max()) == 2


def test_pictures_go_from_black_to_white_and_stay_small() -> None:
    assert picture(torch.tensor([[0.0, 1.0], [2.0, 4.0]])).tolist() == [[0, 64], [128, 255]]
    assert picture(torch.tensor([3.0, 7.0]))[0].tolist() == [0, 255]
    assert picture(torch.rand(4, 16, 600)).shape == (16, 200)
    assert picture(torch.ones(3, 2, 2)).tolist() == [[0, 0], [0, 0]], "all alike: no division by nothing"


def test_the_page_looks_inside_with_ours_and_with_the_learners_own(own_home: Path, tmp_path: Path) -> None:
    page = fine(page_of("Build").run())
    page.toggle(key="level4 inside on").set_value(True)
    fine(page.run())
    assert captions(page) == ["conv1", "down1", "down2", "transformer1", "up1", "up2", "scores1"]
    workspace, _ = make(tmp_path / "mine")
    workspace.update()
    file = workspace.file(exercise("skip"))
    file.write_text(exercise("skip").solution.read_text(encoding="utf-8"), encoding="utf-8")
    with workspace.book.entry(exercise("skip")) as entry:
        entry.state, entry.passed, entry.file = "PASS", "2026-01-01", digest(file)
    fine(page.run())
    page.button_group(key="code-skip").set_value("mine")
    fine(page.run())
    assert any("With your own skip" in caption.value for caption in page.caption)
    broken = "def join(coarse, skip):\n    return coarse\n"
    file.write_text(broken, encoding="utf-8")
    with workspace.book.entry(exercise("skip")) as entry:
        entry.file = digest(file)
    fine(page.run())
    assert "ladder check skip" in page.error[0].value.replace("\\", "") and len(captions(page)) == 7
