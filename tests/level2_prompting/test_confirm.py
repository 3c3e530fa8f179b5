"""The held-out half is opened once, by the one command that says so. Here it is a toy's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import toy_corpus
from click.testing import CliRunner, Result
from filelock import FileLock

from level2_prompting import frozen
from level2_prompting.confirm import kept_look, look
from level2_prompting.evaluated import looks
from level2_prompting.plan import CHOSEN
from shared import store
from shared.cli import cli
from shared.errors import LadderError
from shared.settings import settings

pytestmark = pytest.mark.usefixtures("on_demand")


@pytest.fixture(scope="module", autouse=True)
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The frozen corpus is the toy."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frozen, "FOLDER", toy_corpus.write(tmp_path_factory.mktemp("toy")))
        toy_corpus.forget()
        yield
    toy_corpus.forget()


@pytest.fixture(autouse=True)
def closed(home: Path) -> Iterator[Path]:
    """Nobody has looked yet, nor evaluated."""
    yield home / "level2/held_out.json"
    for name in ("held_out", "evaluated"):
        (home / f"level2/{name}.json").unlink(missing_ok=True)


def level2(*words: str) -> Result:
    done = CliRunner().invoke(cli, ["level2", *words])
    assert done.exit_code == 0, done.output
    return done


def test_it_is_opened_once_and_what_was_seen_is_shown_again() -> None:
    with toy_corpus.openings() as opened:
        told = json.loads(level2("confirm", "--json").stdout)
        assert len(opened) == 1
        again = level2("confirm", "--json")
        shown = level2("confirm")
    assert len(opened) == 1, "the second and third time nothing is measured"
    assert json.loads(again.stdout) == told and f"Kept from the look of {told['when']}" in again.stderr
    assert "Look 1 at the held-out half" in shown.stdout
    assert shown.stderr.splitlines()[-1].startswith(f"Run: {told['url']}")

    halves = {q.id for q in frozen.questions("held-out")}, {q.id for q in frozen.questions("development")}
    assert not halves[0] & halves[1]
    assert told["split"] == "held-out" and told["questions"] == 5 and told["answerable"] == 4
    assert [arm["name"] for arm in told["arms"]] == ["dense", "dense in context"]
    assert told["attacks"]["attack_success"]["of"] == 1
    run = store.prepare_store().get_run(told["run_id"])
    assert run.info.run_name == "confirm frozen"
    assert (run.data.tags["split"], run.data.tags["look"]) == ("held-out", "1")
    assert run.data.params["context"] == str(CHOSEN.context)


def test_a_second_look_says_what_it_is_and_is_tagged() -> None:
    first = json.loads(level2("confirm", "--json").stdout)
    with toy_corpus.openings() as opened:
        done = level2("confirm", "--again", "--json")
    second = json.loads(done.stdout)
    assert len(opened) == 1 and "A second look is a choice" in done.stderr
    assert (first["look"], second["look"]) == (1, 2) and second["run_id"] != first["run_id"]
    assert store.prepare_store().get_run(second["run_id"]).data.tags["look"] == "2"
    assert [told["look"] for told in looks()] == [1, 2], "the first is not forgotten"
    assert kept_look() == second


def test_another_plan_or_engine_has_had_no_look_but_counts_as_one() -> None:
    look()
    assert kept_look() and kept_look(plan=replace(CHOSEN, k=5)) is None
    assert look(plan=replace(CHOSEN, bm25=True))[1] == 2


def test_the_development_half_stands_beside_it() -> None:
    before = json.loads(level2("evaluate", "--json").stdout)
    shown = level2("confirm").stdout
    _, _, both = shown.partition("The half that was chosen by")
    row = next(line for line in both.splitlines() if line.split()[:1] == ["right"])
    for told, place in zip((before, looks()[-1]), (1, 5), strict=True):  # name, value, low, to, high, value
        assert row.split()[place] == f"{told['answers']['right']['value']:.3f}"


def test_a_look_that_was_stopped_has_shown_nothing_and_is_not_kept(closed: Path) -> None:
    def stop(share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        look(on_progress=stop)
    assert not closed.exists() and kept_look() is None


def test_two_do_not_look_at_once() -> None:
    with (
        FileLock(settings().home / "level2/confirm.lock"),
        toy_corpus.openings() as opened,
        pytest.raises(LadderError, match="Another process"),
    ):
        look()
    assert opened == []
