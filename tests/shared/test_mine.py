"""The switch reference | mine: the learner's own file runs, where it passed and only as it passed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from level4_build import trainer, weights
from level4_build.unet import UNetConfig
from shared import store
from shared.errors import LadderError
from shared.settings import CLONE
from shared.study import mine
from shared.study.attempt import attempt
from shared.study.exercise import exercise
from shared.study.workspace import Workspace, digest, make

NET = UNetConfig(widths=(4, 8), transformer_layers=1, heads=2)
SMALL = trainer.TrainConfig(steps=2, batch=2, size=16, train_count=4, val_count=2, model=NET)


@pytest.fixture
def workspace(own_home: Path, tmp_path: Path) -> Workspace:
    made, _ = make(tmp_path / "mein Örtchen")
    made.update()
    return made


@pytest.fixture
def page(own_home: Path) -> Iterator[AppTest]:
    """The page of level 4 with a network that has learnt next to nothing."""
    weights.save(weights.pack(trainer.fit(SMALL)))
    store.forget()
    page = AppTest.from_file(str(CLONE / "level4_build" / "app.py"), default_timeout=120)
    page.session_state["level4 tab"] = "Use it"
    yield page
    store.forget()


def write(workspace: Workspace, text: str, passed: bool = True) -> Path:
    """Write the learner's file; with `passed` noted as what has passed."""
    file = workspace.file(exercise("iou"))
    file.write_text(text, encoding="utf-8")
    if passed:
        with workspace.book.entry(exercise("iou")) as entry:
            entry.state, entry.passed, entry.file = "PASS", "2026-01-01", digest(file)
    return file


def captions(page: AppTest) -> str:
    return "\n".join(caption.value for caption in page.caption)


def choose_mine(page: AppTest) -> AppTest:
    page.button_group(key="code-iou").set_value("mine")
    page.run()
    assert not page.exception, page.exception
    return page


def scores(page: AppTest) -> tuple[str, list[str]]:
    return page.metric[0].value, list(page.dataframe[0].value["IoU"])


def test_without_a_workspace_there_is_a_reason(own_home: Path) -> None:
    assert "no workspace" in str(mine.usable("iou"))
    with pytest.raises(LadderError, match="no workspace"):
        mine.load("iou")


def test_a_starter_is_not_run(workspace: Workspace) -> None:
    assert mine.usable("iou") == "Your own code can run here once your iou.py has passed."


def test_a_file_is_run_only_as_it_passed(workspace: Workspace) -> None:
    file = write(workspace, "X = 1\n")
    found = mine.load("iou")
    assert found.X == 1 and found.__file__ == str(file)
    assert mine.load("iou") is found, "what has not changed is not loaded again"
    write(workspace, "X = 2\n", passed=False)
    assert mine.usable("iou") == "Your iou.py has changed since it passed."
    write(workspace, "X = 2\n")
    assert mine.load("iou").X == 2, "as long and as old as before, to the second"
    assert not list(workspace.folder.rglob("*.pyc")), "nothing is left in the learner's folder"
    file.unlink()
    assert "there is no file" in str(mine.usable("iou"))


def test_windows_line_ends_are_no_change(workspace: Workspace) -> None:
    file = write(workspace, "X = 1\nY = 2\n")
    file.write_bytes(b"X = 1\r\nY = 2\r\n")
    assert mine.load("iou").Y == 2


def test_a_spoiled_progress_file_is_a_reason(workspace: Workspace) -> None:
    workspace.book.file.write_text("<<<<<<< ours")
    assert "cannot be read" in str(mine.usable("iou"))


def test_the_page_scores_with_the_learners_function(workspace: Workspace, page: AppTest) -> None:
    page.run()
    assert "once your iou.py has passed" in captions(page).replace("\\", "")
    assert "`ladder check iou`" in captions(page)
    assert not page.button_group or all(group.key != "code-iou" for group in page.button_group)

    solution = exercise("iou").solution.read_text(encoding="utf-8")
    counting = solution.replace("    scores: dict", "    CALLS.append(classes)\n    scores: dict")
    write(workspace, counting + "\n\nCALLS: list[object] = []\n", passed=False)
    assert attempt(workspace, exercise("iou")).state == "PASS"
    reference = scores(page.run())
    assert "level4_build/score.py" in captions(page)
    assert mine.load("iou").CALLS == []

    assert scores(choose_mine(page)) == reference
    assert len(mine.load("iou").CALLS) == 1
    assert "your own" in captions(page) and "iou\\.py" in captions(page)


BROKEN = {
    "iou.py, line 3: ZeroDivisionError": "\ndef iou(predictions, masks, classes):\n    return 1 / 0\n",
    "iou.py, line 2: ValueError": "\nraise ValueError('<b>at import</b>')\n",
    "iou.py, line 4: SystemExit": "import sys\n\ndef iou(predictions, masks, classes):\n    sys.exit(3)\n",
    "KeyError": "def iou(predictions, masks, classes):\n    return {}\n",
}


@pytest.mark.parametrize("said", BROKEN)
def test_what_the_learners_code_raises_is_told_with_its_line_and_the_page_goes_on(
    workspace: Workspace, page: AppTest, said: str
) -> None:
    write(workspace, BROKEN[said])
    reference = scores(page.run())
    assert scores(choose_mine(page)) == reference
    (box,) = page.error
    assert said in box.value.replace("\\", "") and "ladder check iou" in box.value.replace("\\", "")
    assert "<b>" not in box.value
