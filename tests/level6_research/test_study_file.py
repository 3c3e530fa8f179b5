"""The study file: what it takes, what it refuses and on which line, and what makes it another study."""

from __future__ import annotations

from pathlib import Path

import pytest
from study_folders import CODE, PLAN, make

from level6_research.new import TEMPLATES, examples, folder_of, new
from level6_research.study import Plan, load, smaller
from shared.errors import BadUsage, LadderError


def test_a_study_is_read_as_it_is_written(tmp_path: Path) -> None:
    study = load(make(tmp_path / "mine"))
    assert (study.name, study.experiment) == ("mine", "level6-mine")
    assert study.plan.baseline == "a", "the first arm, where none is named"
    assert study.plan.challengers == ("b",)
    assert study.plan.trial_config("b") == {"lift": 3, "pause": 0.0}
    assert study.plan.trials == (("a", 0), ("b", 0), ("a", 1), ("b", 1), ("a", 2), ("b", 2))
    assert study.run({"lift": 3, "pause": 0.0}, 1, lambda step, values: None) == {"score": 14.3}


def test_the_baseline_may_be_named(tmp_path: Path) -> None:
    plan = load(make(tmp_path / "s", PLAN + "baseline: b\n")).plan
    assert (plan.baseline, plan.challengers) == ("b", ("a",))


@pytest.mark.parametrize(
    ("old", "new_text", "line", "told"),
    [
        ("rope: 0.5", "rope: -1", 3, "metric.rope"),
        ("rope: 0.5", "rope: .nan", 3, "metric.rope"),
        ("direction: higher", "direction: up", 3, "'higher' or 'lower', not 'up'"),
        ("seeds: [0, 1, 2]", "seeds: [0]", 7, "one cannot tell an effect from luck"),
        ("seeds: [0, 1, 2]", "seeds: [0, 1, 1]", 7, "stands there twice"),
        ("seeds: [0, 1, 2]", "seeds: [0, 1, true]", 7, "seeds.2"),
        ("seeds: [0, 1, 2]", "seeds: [0, 1, -2]", 7, "seeds.2"),
        ("  b: {lift: 3}", "  b: {lfit: 3}", 6, "arms.b.lfit: an arm can only change what stands in config"),
        ("  b: {lift: 3}", "  b: {lift: 0}", 5, "another arm has the same settings"),
        ("  b: {lift: 3}", "  a: {lift: 3}", 6, "a stands there twice"),
        ("  b: {lift: 3}", "  no: {lift: 3}", 6, "put it in quotes"),
        ("  b: {lift: 3}", "  b$: {lift: 3}", 6, "is not a name"),
        ("  b: {lift: 3}", "  b: {lift: 3e-1}", 6, "write 3.0e-1"),
        ("  b: {lift: 3}\n", "", 4, "two arms or more"),
        ("question:", "questoin:", 1, "question: it is missing"),
        ("seeds:", "budgets: 3\nseeds:", 7, "budgets: a study has no such field"),
        ("question: Is", "question: [Is", 1, "expected"),
        ("{lift: 0,", "{lift: 2020-01-01,", 8, "config.lift"),
        ("  a: {}", "  a: !!python/object/apply:os.getcwd []", 5, "constructor"),
        (PLAN, "- a\n", 1, "the file"),
    ],
)
def test_an_error_names_the_line(tmp_path: Path, old: str, new_text: str, line: int, told: str) -> None:
    assert old in PLAN
    folder = make(tmp_path / "s", PLAN.replace(old, new_text))
    with pytest.raises(LadderError) as error:
        load(folder)
    assert error.value.message.startswith(f"{folder / 'study.yaml'}, line {line}: ")
    assert told in error.value.message
    assert "\n" not in error.value.message


def test_a_baseline_that_is_no_arm(tmp_path: Path) -> None:
    with pytest.raises(LadderError, match=r"line 9: baseline: 'c' is not one of the arms a, b\."):
        load(make(tmp_path / "s", PLAN + "baseline: c\n"))


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("def run(config, seed, report:\n", "line 1"),
        ("\nimport no_such_module\n", "cannot be imported"),
        ("1 / 0\n", "ZeroDivisionError"),
        ("run = 3\n", "has no function `run`"),
    ],
)
def test_code_that_cannot_be_used(tmp_path: Path, code: str, told: str) -> None:
    with pytest.raises(LadderError, match=r"study\.py") as error:
        load(make(tmp_path / "s", code=code))
    assert told in error.value.message


def test_no_study_there(tmp_path: Path) -> None:
    with pytest.raises(LadderError, match=r"no study\.yaml") as error:
        load(tmp_path / "nothing")
    assert "ladder level6 new" in error.value.fix


def test_an_empty_file_is_called_empty(tmp_path: Path) -> None:
    with pytest.raises(LadderError, match=r"study\.yaml is empty\."):
        load(make(tmp_path / "s", "# only a remark\n"))


def test_only_what_is_not_utf8_is_to_be_saved_as_utf8(tmp_path: Path) -> None:
    folder = make(tmp_path / "s")
    (folder / "study.py").unlink()
    (folder / "study.py").mkdir()
    with pytest.raises(LadderError, match=r"study\.py cannot be read \(") as error:
        load(folder)
    assert "UTF-8" not in error.value.fix
    (folder / "study.yaml").write_bytes(PLAN.encode("utf-16"))
    with pytest.raises(LadderError) as error:
        load(folder)
    assert error.value.fix == "Save it as UTF-8."


def test_a_folder_that_gives_no_name_is_told_another(tmp_path: Path) -> None:
    with pytest.raises(LadderError, match="'has space'") as error:
        load(make(tmp_path / "has space"))
    assert error.value.fix == "Rename the folder, for example to has-space."
    with pytest.raises(LadderError, match=r"no study\.yaml"):
        load(tmp_path / "no such")


def test_the_hash_is_of_what_is_said_and_not_of_how(tmp_path: Path) -> None:
    first = load(make(tmp_path / "a" / "s")).hash
    assert load(make(tmp_path / "b" / "s", "# a remark\n" + PLAN)).hash == first
    assert load(make(tmp_path / "c" / "s", PLAN.replace("rope: 0.5", "rope: 0.50"))).hash == first
    others = {
        load(make(tmp_path / str(i) / "s", plan, code)).hash
        for i, (plan, code) in enumerate(
            [
                (PLAN.replace("rope: 0.5", "rope: 0.6"), CODE),
                (PLAN.replace("[0, 1, 2]", "[0, 1, 2, 3]"), CODE),
                (PLAN.replace("It is.", "It is not."), CODE),
                (PLAN.replace("lift: 3", "lift: 4"), CODE),
                (PLAN, CODE.replace("10 +", "11 +")),
            ]
        )
    }
    assert len(others | {first}) == 6


def test_a_change_of_one_character_is_run(tmp_path: Path) -> None:
    """Python's compiled copies go by size and second: an edit within the second would run the old code."""
    folder = make(tmp_path / "s", code="def run(c, s, r): return {'score': 1}\n")
    assert load(folder).run({}, 0, print) == {"score": 1}
    make(folder, code="def run(c, s, r): return {'score': 2}\n")
    assert load(folder).run({}, 0, print) == {"score": 2}
    assert not (folder / "__pycache__").exists()


def test_the_plan_comes_back_from_its_text(tmp_path: Path) -> None:
    plan = load(make(tmp_path / "s", PLAN.replace("  a: {}\n", "  z: {}\n"))).plan
    again = Plan.model_validate_json(plan.as_json())
    assert again == plan and list(again.arms) == ["z", "b"]


def test_other_settings_are_another_study(tmp_path: Path) -> None:
    study = load(make(tmp_path / "s"))
    small = smaller(study, "tiny", {"lift": 1})
    assert small.hash != study.hash and small.experiment == "level6-tiny"
    assert small.plan.trial_config("a")["lift"] == 1 and small.plan.trial_config("b")["lift"] == 3


@pytest.mark.parametrize("name", examples())
def test_new_makes_a_study_that_can_be_read_and_never_overwrites(tmp_path: Path, name: str) -> None:
    folder = new("mine", name, tmp_path)
    assert load(folder).plan == load(TEMPLATES / name).plan
    (folder / "study.yaml").write_text("my own")
    with pytest.raises(LadderError, match="is there already"):
        new("mine", name, tmp_path)
    assert (folder / "study.yaml").read_text() == "my own"


@pytest.mark.parametrize("name", ["../up", "", "a b", "a/b", ".hidden", "-x"])
def test_new_refuses_what_is_no_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadUsage, match="no name for a study"):
        new(name, "coin", tmp_path)
    assert not any(tmp_path.iterdir())


def test_an_example_is_found_by_its_name_and_a_study_by_its_file(tmp_path: Path) -> None:
    assert folder_of("example:coin") == TEMPLATES / "coin"
    assert folder_of("a/path") == Path("a/path")
    folder = new("mine", "coin", tmp_path)
    assert folder_of(str(folder / "study.yaml")) == folder_of(str(folder / "study.py")) == folder
    with pytest.raises(BadUsage, match="no example 'x'"):
        folder_of("example:x")
