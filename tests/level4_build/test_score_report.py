"""A look at a whole set: the same numbers as by hand, the model left alone, figures that show what is so."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from level4_build import panels
from level4_build.calibration import Calibration
from level4_build.card import Card, Part, folder_card, scenes_card
from level4_build.colours import colours_of
from level4_build.folder import Folder
from level4_build.predict import Found
from level4_build.report import examine
from level4_build.scenes import CLASSES, IGNORE, PALETTE, Scenes
from level4_build.score import SegmentationScore


class Greys(nn.Module):
    """Sees classes in how bright a pixel is: wrong mostly, and always the same."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Conv2d(3, len(CLASSES), 1)
        with torch.no_grad():
            self.head.weight.copy_(torch.linspace(-3, 3, 18).view(6, 3, 1, 1))
            self.head.bias.copy_(torch.linspace(1, -1, 6))
        self.drop = nn.Dropout(0.5)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.drop(images))


def shows(figure: object, colour: str) -> int:
    """How many pixels of a figure have this colour."""
    pixels = np.array(Image.open(io.BytesIO(panels.png(figure))).convert("RGB"))  # type: ignore[arg-type]
    return int((pixels == [int(colour[i : i + 2], 16) for i in (1, 3, 5)]).all(-1).sum())


@pytest.mark.parametrize("batch", [3, 32])
def test_a_report_counts_every_picture_once_and_leaves_the_model_alone(batch: int) -> None:
    data, model = Scenes("val", 10, 32), Greys().train()
    shares: list[float] = []
    report = examine(model, data, batch, shown=4, on_progress=shares.append)
    assert model.training and shares[-1] == 1.0
    score, calibration = SegmentationScore(CLASSES), Calibration()
    images, masks = data.all()
    logits = model.eval()(images.float() / 255)
    score.add(logits, masks)
    calibration.add(logits, masks)
    assert torch.equal(report.score.confusion, score.confusion)
    told = report.numbers()
    assert told["calibration_error"] == pytest.approx(calibration.error())
    assert told["iou"] == score.macro_iou() and told["accuracy"] == score.accuracy()
    assert len(report.shown) == 4
    assert np.array_equal(report.shown[3].truth, masks[3].numpy())
    assert np.array_equal(report.shown[3].mask, logits[3].argmax(0).numpy())
    table = report.table()
    assert table["class"] == list(CLASSES) and table["iou"] == list(score.iou().values())
    assert table["pixels of the truth"] == list(score.support().values())


def test_the_pictures_of_a_report_can_be_opened() -> None:
    pictures = examine(Greys(), Scenes("val", 3, 16), shown=2).pictures()
    assert list(pictures) == ["panel.png", "confusion.png", "classes.png", "calibration.png"]
    for data in pictures.values():
        assert min(Image.open(io.BytesIO(data)).size) > 200


def test_the_panel_marks_what_is_wrong_in_red_and_only_that() -> None:
    truth = np.zeros((16, 16), np.uint8)
    truth[:, 8:] = 1
    truth[:, 8] = IGNORE
    blurred = np.where(truth == IGNORE, 1, truth)
    legend = shows(
        panels.predictions([Found("same", truth[..., None].repeat(3, 2), blurred, truth)], CLASSES),
        panels.WRONG,
    )
    wrong = np.where(blurred == 1, 0, blurred).astype(np.uint8)
    figure = panels.predictions([Found("wrong", truth[..., None].repeat(3, 2), wrong, truth)], CLASSES)
    assert 0 < legend < shows(figure, panels.WRONG) / 10, "in the first only the legend is red"
    assert [axes.get_xlabel() for axes in figure.axes][3] == f"{7 * 16 / (15 * 16):.1%} wrong"


def test_figures_name_the_classes_and_say_which_is_absent() -> None:
    score = SegmentationScore(("ground", "leaf", "stem"))
    score.add(torch.tensor([[0, 0, 1, 1]]), torch.tensor([[0, 0, 0, 1]]))
    texts = [text.get_text() for text in panels.confusion(score).axes[0].texts]
    assert "66.7%\n2" in texts and "no such pixel" in texts
    bars = panels.classes(score).axes[0]
    assert [label.get_text() for label in bars.get_yticklabels()] == ["ground", "leaf", "stem"]
    assert any(text.get_text().startswith("absent") for text in bars.texts)
    assert [bar.get_width() for bar in bars.patches] == [pytest.approx(2 / 3), 0.5, 0]


def test_the_reliability_diagram_shows_the_share_that_is_right() -> None:
    calibration = Calibration(10)
    logits = torch.tensor([[0.75, 0.75, 0.75, 0.75], [0.25, 0.25, 0.25, 0.25]]).log()[None, :, None]
    calibration.add(logits, torch.tensor([[[0, 0, 0, 1]]]))
    above, below = panels.reliability(calibration).axes
    assert [(bar.get_x() + bar.get_width() / 2, bar.get_height()) for bar in above.patches] == [
        pytest.approx((0.75, 0.75))
    ]
    assert below.patches[0].get_height() == 4
    assert "0.000" in above.get_title()


@pytest.mark.parametrize("classes", [CLASSES, ("ground", "leaf"), tuple(f"class {i}" for i in range(250))])
def test_every_class_has_a_colour_of_its_own(classes: Sequence[str]) -> None:
    colours = colours_of(classes)
    assert len(set(colours)) == len(classes)
    assert all(colours[i] == PALETTE[name] for i, name in enumerate(classes) if name in PALETTE)


# Cards -------------------------------------------------------------------------------------------------


def test_the_card_of_scenes_says_how_to_have_them_again() -> None:
    splits = [Scenes("train", 6, 24, 3), Scenes("val", 4, 24, 3, 0.25)]
    told = scenes_card(splits)
    for each in splits:
        assert each.digest() in told
        assert f"`Scenes({each.split!r}, {each.count}, 24, 3, {each.difficulty})`" in told
    assert "- **Seed**: 3" in told and "Apache-2.0" in told
    row = next(line for line in told.splitlines() if line.startswith("| val"))
    percent = [float(cell.strip(" %")) for cell in row.split("|")[3:9]]
    masks = splits[1].all()[1]
    assert percent[0] == pytest.approx(100 * float((masks == 0).sum() / (masks != IGNORE).sum()), abs=0.06)
    assert sum(percent) == pytest.approx(100, abs=0.3)


def test_the_card_of_a_folder_says_what_only_its_owner_knows(tmp_path: Path) -> None:
    images, masks = tmp_path / "images", tmp_path / "masks"
    for folder in (images, masks):
        folder.mkdir()
    for number in range(3):
        Image.fromarray(np.full((16, 16, 3), number * 50, np.uint8)).save(images / f"{number}.png")
        Image.fromarray(np.eye(16, dtype=np.uint8)).save(masks / f"{number}.png")
    train, val = Folder(images, masks, ("ground", "line"), size=16).split(0.3)
    told = folder_card({"train": train, "val": val}, "my garden, May 2026", "CC0")
    assert "my garden, May 2026" in told and "CC0" in told and val.digest() in told
    assert "| train | 2 | 93.8% | 6.2% |" in told


def test_a_card_without_a_seed_says_so() -> None:
    told = Card("A", "B.", "c", "d", None, "e", "f", [Part("train", 1200, "abc")]).markdown()
    assert "- **Seed**: none" in told and "| train | 1,200 | `abc` |" in told
