"""The page of level 5, used as a person uses it, and the parts that draw it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from streamlit.testing.v1 import AppTest

from level5_components import view
from level5_components.checks import LINEAR
from level5_components.job import Job
from level5_components.quantise import absmax_int8
from level5_components.train import preset
from level5_components.verify import Finding
from shared.settings import CLONE


def fine(page: AppTest) -> AppTest:
    assert not page.exception, page.exception
    return page


@pytest.fixture
def page(home: Path) -> AppTest:
    return fine(AppTest.from_file(str(CLONE / "level5_components" / "app.py"), default_timeout=120).run())


def numbers(page: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in page.metric}


def links(page: AppTest) -> list[str]:
    return [element.proto.url for element in page.get("link_button")]


def press(page: AppTest, label: str) -> AppTest:
    next(button for button in page.button if button.label == label).click()
    return fine(page.run())


def test_a_layer_can_be_chosen_and_its_weights_are_counted(page: AppTest) -> None:
    assert numbers(page)["Weights"] == "12,288"  # 64 x 192, the first: q, k and v
    page.selectbox(key="level5 layer").set_value("transformer.1.feed_forward.widen")
    assert numbers(fine(page.run()))["Weights"] == "16,384"
    assert [tab.label for tab in page.tabs] == ["Weights", "Equation and code", "Check it", "Train it"]


def test_each_equation_stands_above_its_code_and_says_its_letters(page: AppTest) -> None:
    assert len(page.latex) == len(page.code) == len(view.EQUATIONS) == 4
    assert "round().clamp(-1, 1)" in page.code[0].value and '"""' not in page.code[0].value
    said = [caption.value for caption in page.caption]
    assert any("γ: their mean" in text for text in said) and any("η: the largest" in text for text in said)


def test_a_training_that_is_stopped_is_said_to_be_and_not_recorded(page: AppTest) -> None:
    job = Job(preset(100_000))
    job.stop()
    page.session_state["level5 job"] = job
    fine(page.run())
    (said,) = [info.value for info in page.info]
    assert "Stopped at step 1 of 100000, full precision" in said and links(page) == []
    assert "IoU, ternary" not in numbers(page)
    assert next(b for b in page.button if b.label == "Stop").disabled


def test_the_checks_run_at_a_press_and_are_recorded_once(page: AppTest) -> None:
    assert "Passed" not in numbers(page) and links(page) == []
    press(page, "Run the checks")
    assert numbers(page)["Passed"] == f"{len(LINEAR)} of {len(LINEAR)}"
    assert list(page.dataframe[0].value["check"]) == [check.name for check in LINEAR]
    (link,) = links(page)
    assert "/runs/" in link
    assert links(fine(page.run())) == [link], "drawn anew, it is the same run"


def test_both_networks_train_and_the_trained_weights_are_shown(page: AppTest) -> None:
    page.select_slider(key="level5 steps").set_value(30)
    before = numbers(page)["γ"]
    press(page, "Train both")
    fine(page.run())
    found = numbers(page)
    assert 0 < float(found["IoU, ternary"]) < 1 and found["Ternary"] == "47%"
    assert found["γ"] != before and any("after 30 steps" in m.value for m in page.markdown)
    assert any("One seed is one draw" in caption.value for caption in page.caption)
    (link,) = links(page)
    assert "/runs/" in link


# The parts -------------------------------------------------------------------------------------------


def test_code_is_shown_without_its_docstring() -> None:
    shown = view.code_of(absmax_int8)
    assert shown.startswith("def absmax_int8(x: Tensor)") and "arXiv" not in shown
    assert shown.splitlines()[-1].strip().startswith("return")

    def bare(x: int) -> int:
        return x

    assert view.code_of(bare) == "def bare(x: int) -> int:\n    return x"


def test_the_shares_of_the_levels_by_hand() -> None:
    shares, gamma = view.levels_of(torch.tensor([[0.9, 0.1], [-0.2, -0.8]]))
    assert shares == {"−γ": 0.25, "0": 0.5, "+γ": 0.25} and gamma == pytest.approx(0.5)


@pytest.mark.parametrize("weight", [torch.zeros(3, 4), torch.ones(2, 2), torch.arange(12.0).view(3, 4) - 5])
def test_any_weights_can_be_drawn(weight: torch.Tensor) -> None:
    bars = view.weight_chart(weight).to_dict()["layer"][0]["data"]["values"]
    assert sum(bar["weights"] for bar in bars) == weight.numel()
    shares = [row["share"] for row in view.level_chart(weight).to_dict()["data"]["values"]]
    assert sum(shares) == pytest.approx(1)


def test_a_long_curve_is_thinned() -> None:
    rows = view.loss_chart({"ternary": [1.0] * 5000}, 5000).to_dict()["data"]["values"]
    assert 100 < len(rows) <= view.POINTS and rows[0] == {"step": 1, "loss": 1.0, "network": "ternary"}


def test_what_is_wrong_is_a_column_only_where_something_is() -> None:
    good, bad = Finding("bias", True, 0.0, 1e-6), Finding("formula", False, None, 1e-5, "Not so.")
    assert "what is wrong" not in view.finding_rows([good])
    assert view.finding_rows([good, bad])["what is wrong"] == ["", "Not so."]
