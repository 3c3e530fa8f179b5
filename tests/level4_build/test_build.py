"""Networks from declarations: shapes and costs against the built network, wrong ones explained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.export import Dim

from level4_build.build import Network, build, unet_declaration
from level4_build.declaration import EXAMPLES, Declaration, declare, parse, read
from level4_build.flow import Flow, WrongShape
from level4_build.shapes import as_far_as_it_fits, describe, steps, totals
from level4_build.specs import BLOCKS
from level4_build.unet import UNet, UNetConfig, parameters
from shared.cli import cli
from shared.errors import BadUsage, LadderError

NAMES = sorted(file.stem for file in EXAMPLES.glob("*.yaml"))
PICTURE = {"kind": "picture", "shape": [3, 16, 16]}


def dice(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batch(flow: Flow, count: int = 2) -> Tensor:
    if flow.kind == "numbers":
        return torch.randint(0, 50, (count, *flow.shape), generator=dice())
    return torch.rand(count, *flow.shape, generator=dice())


def of(*blocks: dict[str, Any], **given: Any) -> Declaration:
    return declare({"input": given or PICTURE, "blocks": list(blocks)})


# What is described is what is built ------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_the_described_shapes_and_parameters_are_the_built_networks(name: str) -> None:
    declaration = read(f"example:{name}")
    network = build(declaration, dice())
    seen: dict[str, tuple[int, ...]] = {}
    for block, module in network.blocks.items():
        module.register_forward_hook(
            lambda _, __, out, block=block: seen.update({block: tuple(out.shape[1:])})
        )
    network(batch(declaration.input))
    rows = describe(declaration)
    assert {row["block"]: tuple(row["gives"]) for row in rows} == seen
    assert {row["block"]: row["parameters"] for row in rows} == {
        block: parameters(module) for block, module in network.blocks.items()
    }
    assert totals(rows)["parameters"] == parameters(network)


@settings(max_examples=25)
@given(st.data())
def test_any_declaration_either_is_refused_in_words_or_runs(data: st.DataObject) -> None:
    """Blocks at random: what `steps` lets pass gives the shapes that it said, with numbers in it."""
    small = st.integers(1, 12)
    lines: dict[str, st.SearchStrategy[dict[str, Any]]] = {
        "conv": st.fixed_dictionaries({"width": small}),
        "down": st.fixed_dictionaries({"width": small}),
        "up": st.fixed_dictionaries({"width": small, "skip": st.sampled_from(["input", "conv1", "down1"])}),
        "transformer": st.fixed_dictionaries({"layers": st.just(1), "heads": st.sampled_from([1, 2])}),
        "patches": st.fixed_dictionaries({"size": st.integers(1, 4), "width": st.sampled_from([4, 8])}),
        "encoder": st.fixed_dictionaries(
            {"layers": st.just(1), "heads": st.sampled_from([1, 2]), "rotary": st.booleans()}
        ),
        "queries": st.fixed_dictionaries({"count": small}),
        "decoder": st.fixed_dictionaries(
            {"layers": st.just(1), "heads": st.just(2), "source": st.sampled_from(["patches1", "encoder1"])}
        ),
        "norm": st.fixed_dictionaries({"by": st.sampled_from(["group", "layer", "rms"])}),
        "mean": st.just({}),
        "connected": st.fixed_dictionaries({"widths": st.lists(small, min_size=1, max_size=3)}),
        "scores": st.fixed_dictionaries({"classes": small}),
    }  # fmt: skip
    line = st.sampled_from(sorted(lines)).flatmap(
        lambda kind: lines[kind].map(lambda rest: {"block": kind, **rest})
    )
    shape = [data.draw(small), data.draw(st.integers(1, 17)), data.draw(st.integers(1, 17))]
    declaration = of(*data.draw(st.lists(line, min_size=1, max_size=6)), kind="picture", shape=shape)
    rows, wrong = as_far_as_it_fits(declaration)
    if wrong is not None:
        assert len(rows) == wrong.at - 1 and wrong.fix
        declaration = Declaration(declaration.input, declaration.blocks[: len(rows)])
    if rows:
        out = build(declaration, dice())(batch(declaration.input))
        assert out.shape == (2, *rows[-1]["gives"])


def test_multiply_adds_counted_by_hand() -> None:
    """A pixel of a 3 by 3 convolution costs 9 · inputs · outputs; attention 2 · T² · C besides its layers."""
    rows = describe(
        of(
            {"block": "conv", "width": 8},
            {"block": "patches", "size": 4, "width": 8},
            {"block": "encoder", "layers": 1},
        )
    )
    conv, patches, encoder = (row["multiply_adds"] for row in rows)
    assert conv == 16 * 16 * 9 * (3 * 8 + 8 * 8)
    assert patches == 16 * 8 * (4 * 4 * 8)
    assert encoder == 16 * (12 * 8 * 8) + 2 * 16 * 16 * 8
    assert rows[2]["parameters"] == 12 * 8 * 8 + 13 * 8


@pytest.mark.parametrize(
    "config",
    [UNetConfig(), UNetConfig(transformer_layers=0), UNetConfig(widths=(6,), transformer_layers=0),
     UNetConfig(3, (4, 8, 12, 16), 1, 2)],
)  # fmt: skip
def test_the_unet_as_a_declaration_is_the_unet(config: UNetConfig) -> None:
    by_hand = UNet(config)
    declared = Network(unet_declaration(config, 40))
    assert len(list(declared.parameters())) == len(list(by_hand.parameters()))
    for mine, theirs in zip(declared.parameters(), by_hand.parameters(), strict=True):
        mine.data = theirs.data
    for size in ((64, 64), (37, 53), (8, 9)):
        x = torch.rand(2, 3, *size, generator=dice())
        assert torch.equal(declared(x), by_hand(x))


def test_the_example_is_the_default_unet() -> None:
    assert read("example:unet") == unet_declaration(UNetConfig())


def test_the_seed_alone_decides_a_built_network() -> None:
    torch.manual_seed(1)
    one = build(read("example:finder"), dice(3)).state_dict()
    torch.manual_seed(2)
    again, other = (build(read("example:finder"), dice(seed)).state_dict() for seed in (3, 4))
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_every_block_learns() -> None:
    for name in NAMES:
        network = build(read(f"example:{name}"), dice())
        network(batch(network.declaration.input)).square().sum().backward()
        still = [
            name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0
        ]
        assert still == []


def test_the_language_model_does_not_see_what_comes_later() -> None:
    network = build(read("example:language"), dice()).eval()
    x = batch(network.declaration.input, 1)
    later = x.clone()
    later[:, 60:] += 1
    torch.testing.assert_close(network(x)[:, :60], network(later)[:, :60])


@pytest.mark.parametrize("name", ["finder", "language"])
def test_a_declared_network_is_exported_by_torch(name: str) -> None:
    """As MLflow keeps it, for a batch of any size."""
    network = build(read(f"example:{name}"), dice()).eval()
    x, other = (batch(network.declaration.input, count) for count in (2, 5))
    exported = torch.export.export(network, (x,), dynamic_shapes=({0: Dim.DYNAMIC},)).module()
    torch.testing.assert_close(exported(other), network(other), rtol=0, atol=1e-6)


# What is wrong, in words -----------------------------------------------------------------------------

CONV, DOWN = {"block": "conv", "width": 16}, {"block": "down", "width": 32}
PATCHES = {"block": "patches", "size": 8, "width": 64}
WRONG = {
    "a skip of another size": (
        [CONV, DOWN, DOWN, {"block": "up", "width": 8, "skip": "conv1"}], 4,
        ["up1", "32 channels, 4 × 4", "Twice the size is 8 × 8", "conv1, is 16 × 16", "skip of 8 × 8"],
    ),
    "no block of this name": (
        [CONV, {"block": "up", "width": 8, "skip": "down1"}], 2, ["down1", "input, conv1"]
    ),
    "a block that comes later": (
        [CONV, {"block": "up", "width": 8, "skip": "down1"}, DOWN], 2, ["No block before it is called down1"]
    ),
    "heads that do not divide": (
        [{"block": "conv", "width": 10}, {"block": "transformer", "heads": 3}], 2,
        ["transformer1", "10 channels", "multiple of 12", "12 channels"],
    ),
    "a picture for tokens": ([CONV, {"block": "encoder"}], 2, ["encoder1", "It takes tokens", "`patches`"]),
    "a picture for a vector": (
        [CONV, {"block": "connected", "widths": [3]}], 2, ["tokens or a vector", "`patches`"]
    ),
    "tokens for a picture": ([PATCHES, CONV], 2, ["It takes a picture", "before the block that makes"]),
    "pairs for rotary": (
        [PATCHES, {"block": "connected", "widths": [12]}, {"block": "encoder", "rotary": True}], 3,
        ["even", "multiple of 8", "8 or 16"],
    ),
    "patches with a rest": ([{"block": "patches", "size": 5, "width": 8}], 1, ["5 × 5", "1, 2, 4, 8, 16"]),
    "a source of another width": (
        [PATCHES, {"block": "connected", "widths": [32]}, {"block": "decoder", "source": "patches1"}], 3,
        ["patches1", "64 channels", "32 channels"],
    ),
    "a skip that is no picture": (
        [CONV, {**DOWN, "name": "a"}, {"block": "mean"}, {"block": "up", "width": 8, "skip": "a"}], 4,
        ["vector of 32 channels", "before the block that makes one vector"],
    ),
    "the wrong norm": ([CONV, {"block": "norm", "by": "layer"}], 2, ["by layer", "by: group"]),
}  # fmt: skip


@pytest.mark.parametrize(("blocks", "at", "words"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_shape_is_explained(blocks: list[dict[str, Any]], at: int, words: list[str]) -> None:
    declaration = of(*blocks)
    with pytest.raises(WrongShape) as told:
        Network(declaration)
    said = str(told.value)
    assert told.value.at == at and f"Block {at}," in said and told.value.exit_code == 1
    assert all(word in said for word in words), said
    assert len(as_far_as_it_fits(declaration)[0]) == at - 1, "the blocks before it are shown"


@pytest.mark.parametrize("sides", [(16, 1), (1, 16)])
def test_a_skip_that_is_wrong_on_one_side_alone_is_wrong(sides: tuple[int, int]) -> None:
    declaration = of(
        CONV, DOWN, DOWN, {"block": "up", "width": 8, "skip": "conv1"}, kind="picture", shape=[3, *sides]
    )
    with pytest.raises(WrongShape, match="joined pixel by pixel"):
        describe(declaration)


BAD: dict[str, tuple[Any, str]] = {
    "nothing": (None, "a list of `blocks`"),
    "a list": ([CONV], "a list of `blocks`"),
    "no blocks": ({"input": PICTURE, "blocks": []}, "has 0 blocks"),
    "an unknown block": (
        {"input": PICTURE, "blocks": [{"block": "convv", "width": 3}]},
        "'convv', which there is not",
    ),
    "a block that is a word": ({"input": PICTURE, "blocks": ["conv"]}, "block 1 does not say"),
    "a list for a name": ({"input": PICTURE, "blocks": [{"block": ["conv"]}]}, "block 1"),
    "a setting that there is not": ({"input": PICTURE, "blocks": [CONV, {**DOWN, "wdth": 3}]}, "no wdth"),
    "a setting that is missing": ({"input": PICTURE, "blocks": [{"block": "conv"}]}, "width is missing"),
    "a width of 0": ({"input": PICTURE, "blocks": [{"block": "conv", "width": 0}]}, "width is 0"),
    "a width that is true": (
        {"input": PICTURE, "blocks": [{"block": "conv", "width": True}]},
        "width is True",
    ),
    "a width in words": ({"input": PICTURE, "blocks": [{"block": "conv", "width": "many"}]}, "'many'"),
    "a shape for another kind": ({"input": {"kind": "tokens", "shape": [3, 4, 5]}, "blocks": [CONV]}, "T, C"),
    "an empty picture": ({"input": {"kind": "picture", "shape": [3, 0, 5]}, "blocks": [CONV]}, "C, H, W"),
    "a kind that there is not": ({"input": {"kind": "film", "shape": [3]}, "blocks": [CONV]}, "film"),
}


@pytest.mark.parametrize(("values", "word"), BAD.values(), ids=BAD.keys())
def test_what_is_no_declaration_is_refused(values: Any, word: str) -> None:
    with pytest.raises(LadderError) as told:
        declare(values, "mine.yaml")
    assert word in str(told.value) and "mine.yaml" in str(told.value) and told.value.fix


@pytest.mark.parametrize("name", ["conv1", "input", "items", "training"])
def test_a_name_is_for_one_block(name: str) -> None:
    with pytest.raises(LadderError, match=name):
        list(steps(of(CONV, {**DOWN, "name": name})))


@pytest.mark.parametrize(
    ("name", "x"),
    [
        ("unet", torch.rand(3, 64, 64)),
        ("unet", torch.rand(2, 1, 64, 64)),
        ("unet", torch.zeros(2, 3, 64, 64, dtype=torch.uint8)),
        ("language", torch.rand(2, 128)),
    ],
)
def test_a_wrong_batch_is_explained(name: str, x: Tensor) -> None:
    network = build(read(f"example:{name}"), dice())
    with pytest.raises(BadUsage, match="takes a batch of"):
        network(x)


# Files and the command -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_declaration_comes_back_from_its_text(name: str) -> None:
    declaration = read(f"example:{name}")
    assert parse(declaration.as_yaml()) == declaration


@pytest.mark.parametrize(
    ("content", "says", "code"),
    [
        (b"input: [", "line 1", 1),
        (b"\xff\xfe\x00", "no text", 1),
        (b"- a\n- b\n", "`blocks`", 1),
        (None, "cannot be read", 2),
    ],
)
def test_a_file_that_cannot_be_read(tmp_path: Path, content: bytes | None, says: str, code: int) -> None:
    file = tmp_path / "mine.yaml"
    if content is not None:
        file.write_bytes(content)
    told = ladder("level4", "build", str(file))
    assert told.exit_code == code and says in told.stderr and "Traceback" not in told.stderr


def ladder(*words: str) -> Any:
    return CliRunner().invoke(cli, words)


def test_the_command_shows_every_block_and_the_sums() -> None:
    told = ladder("level4", "build")
    assert told.exit_code == 0
    assert all(name in told.stdout for name in ("conv1", "down2", "transformer1", "up2", "scores1"))
    assert f"{parameters(UNet()):,}" in told.stdout
    as_json = json.loads(ladder("level4", "build", "--json", "--shape", "3x37x53").stdout)
    assert as_json["parameters"] == parameters(UNet()) and as_json["wrong"] is None
    assert as_json["blocks"][1]["gives"] == [32, 19, 27] and as_json["blocks"][-1]["gives"] == [6, 37, 53]


def test_the_command_writes_a_declaration_and_explains_a_wrong_one(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    assert ladder("level4", "build", "--out", str(mine)).exit_code == 0
    assert read(str(mine)) == read("example:unet")
    unwritable = ladder("level4", "build", "--out", str(mine / "below-a-file.yaml"))
    assert unwritable.exit_code == 1 and "cannot be written" in unwritable.stderr
    mine.write_text(mine.read_text().replace("skip: down1", "skip: conv1"))
    edited = mine.read_text()
    kept = ladder("level4", "build", "--out", str(mine))
    assert kept.exit_code == 2 and "there already" in kept.stderr and mine.read_text() == edited
    told = ladder("level4", "build", str(mine))
    assert told.exit_code == 1 and "Block 5, up1" in told.stderr and "→" in told.stderr
    assert "down2" in told.stdout and "up1" not in told.stdout, "what fits is shown"
    as_json = ladder("level4", "build", str(mine), "--json")
    assert as_json.exit_code == 1
    assert len(json.loads(as_json.stdout)["blocks"]) == 4 and "up1" in json.loads(as_json.stdout)["wrong"]


@pytest.mark.parametrize(
    "words", [["--shape", "3xx4"], ["--shape", "3x4"], ["--shape", "3x0x4"], ["example:none"]]
)
def test_a_wrong_call_is_a_usage_error(words: list[str]) -> None:
    told = ladder("level4", "build", *words)
    assert told.exit_code == 2 and "→" in told.stderr and told.stdout == ""


def test_there_is_a_page_of_words_for_every_block() -> None:
    """The page shows the first line of each block's docstring beside its settings."""
    assert all((spec.__doc__ or "").strip() for spec in BLOCKS.values())
    assert {"conv", "down", "up", "transformer", "encoder", "decoder", "connected", "norm"} <= set(BLOCKS)
