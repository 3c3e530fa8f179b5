"""Changes of a declaration: what is named stays named, and every block begins with settings that fit."""

from __future__ import annotations

import pytest

from level4_build import edit
from level4_build.declaration import Declaration, parse, read
from level4_build.shapes import as_far_as_it_fits
from level4_build.specs import BLOCKS
from shared.errors import LadderError

UNET = read("example:unet")


def fits(declared: Declaration) -> bool:
    return as_far_as_it_fits(declared)[1] is None


def skips(declared: Declaration) -> dict[str, str]:
    return {name: spec.skip for name, spec in declared.named().items() if hasattr(spec, "skip")}


def test_a_skip_goes_on_naming_its_block_when_an_earlier_one_takes_its_number() -> None:
    assert skips(UNET) == {"up1": "down1", "up2": "conv1"}
    more = edit.add(UNET, 0, "conv")  # a new conv1, so that the old one is conv2
    assert list(more.named())[:3] == ["conv1", "conv2", "down1"]
    assert skips(more) == {"up1": "down1", "up2": "conv2"}
    assert fits(more)
    assert skips(edit.remove(more, 0)) == skips(UNET)


def test_moving_two_blocks_past_each_other_swaps_their_names_and_not_what_is_meant() -> None:
    moved = edit.move(UNET, 1, 1)  # the down of width 32 behind that of width 64
    assert [spec.settings.get("width") for spec in moved.blocks[1:3]] == [64, 32]
    assert skips(moved)["up1"] == "down2", "still the one of width 32"
    assert edit.move(moved, 2, -1) == UNET


def test_moving_stops_at_both_ends() -> None:
    assert edit.move(UNET, 0, -1) == UNET
    last = len(UNET.blocks) - 1
    assert edit.move(UNET, last, 1) == UNET


def test_what_named_a_block_that_is_gone_is_told_and_does_not_name_another() -> None:
    left = edit.remove(UNET, 0)  # conv1
    _, wrong = as_far_as_it_fits(left)
    assert wrong is not None and "No block before it is called conv1" in wrong.message


def test_the_last_block_stays() -> None:
    one = parse("{input: {kind: picture, shape: [3, 8, 8]}, blocks: [{block: conv, width: 4}]}")
    assert edit.remove(one, 0) == one


@pytest.mark.parametrize(
    ("example", "at", "kind"),
    [
        ("unet", 7, "norm"), ("unet", 3, "down"), ("unet", 4, "up"), ("unet", 0, "patches"),
        ("unet", 4, "transformer"), ("classifier", 2, "encoder"), ("classifier", 2, "queries"),
        ("classifier", 3, "norm"), ("classifier", 4, "connected"), ("finder", 3, "decoder"),
        ("language", 0, "embed"), ("language", 3, "mean"), ("language", 3, "scores"),
    ],
)  # fmt: skip
def test_a_new_block_fits_where_its_kind_can_stand(example: str, at: int, kind: str) -> None:
    declared = edit.add(read(f"example:{example}"), at, kind)
    rows, _ = as_far_as_it_fits(declared)
    assert rows[at]["block"].startswith(kind), "it is there, and it takes what it is given"


def test_any_kind_can_be_put_anywhere_and_read_back() -> None:
    for kind in BLOCKS:
        for at in (0, 3, len(UNET.blocks)):
            declared = edit.add(UNET, at, kind)
            assert len(declared.blocks) == len(UNET.blocks) + 1
            assert parse(declared.as_yaml()).as_yaml() == declared.as_yaml()


def test_a_setting_out_of_range_names_its_block() -> None:
    assert edit.change(UNET, 0, width=24).blocks[0].settings == {"width": 24}
    with pytest.raises(LadderError, match=r"block 1, conv.*width is 0"):
        edit.change(UNET, 0, width=0)


def test_another_input_keeps_the_blocks() -> None:
    wide = edit.feed(UNET, "picture", (1, 32, 48))
    assert wide.blocks == UNET.blocks and wide.input.shape == (1, 32, 48)
    assert edit.feed(UNET, "tokens", (3, 64, 64)).input.shape == edit.FIRST["tokens"]
    with pytest.raises(LadderError, match="does not do"):
        edit.feed(UNET, "picture", (3, 64))
