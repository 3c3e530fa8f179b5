"""The study: what is asked, how it is measured and what would count, written down before the first trial.

A study is a folder of two files. `study.yaml` states it; `study.py` beside it holds one function that does
one trial:

    def run(config: dict, seed: int, report: Callable[[int, dict], None]) -> dict[str, float]

    study = load(Path("my-study"))
    print(study.hash, study.trials)
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.abc import InspectLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import CodeType
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from level6_research.lines import line_of, read_yaml
from shared.errors import LadderError

Report = Callable[[int, Mapping[str, float]], None]
RunTrial = Callable[[dict[str, Any], int, Report], Mapping[str, float]]

NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,60}"  # what an MLflow experiment, a folder and a figure can all carry
TAG_CHARS = 8000  # MLflow's limit for one tag: the registered study is kept whole, in one

Text = Annotated[str, Field(min_length=1)]
Name = Annotated[str, Field(pattern=f"^{NAME}$")]


class Closed(BaseModel):
    """A part of the file: a field that is not known is an error, not a silence."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Metric(Closed):
    """What decides, and how much of it matters.

    Attributes:
        rope: the region of practical equivalence: a difference of at most so much is no difference.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_./-]{0,60}$")]
    direction: Literal["higher", "lower"]
    rope: Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Plan(Closed):
    """`study.yaml`: all that is decided before the first trial."""

    question: Text
    hypothesis: Text
    metric: Metric
    arms: Annotated[dict[Name, dict[Name, JsonValue]], Field(min_length=2)]
    baseline: str = ""  # the arm that the others are compared with; the first, if none is named
    seeds: Annotated[list[Annotated[int, Field(strict=True, ge=0)]], Field(min_length=2)]
    config: dict[Name, JsonValue] = {}
    budget: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 30  # minutes of trials

    @model_validator(mode="before")
    @classmethod
    def _first_arm(cls, given: Any) -> Any:
        if isinstance(given, dict) and isinstance(given.get("arms"), dict) and given["arms"]:
            arms = {name: {} if over is None else over for name, over in given["arms"].items()}
            return {"baseline": next(iter(arms)), **given, "arms": arms}
        return given

    def trial_config(self, arm: str) -> dict[str, Any]:
        """What a trial of this arm is run with: the common settings, and the arm's own over them."""
        return {**self.config, **self.arms[arm]}

    @property
    def challengers(self) -> tuple[str, ...]:
        """The arms that are compared with the baseline."""
        return tuple(arm for arm in self.arms if arm != self.baseline)

    @property
    def trials(self) -> tuple[tuple[str, int], ...]:
        """Every (arm, seed), a seed's arms together, so that a study cut short has whole pairs."""
        return tuple((arm, seed) for seed in self.seeds for arm in self.arms)

    def as_json(self) -> str:
        """The plan as one text, as it is registered; the arms keep their order."""
        return json.dumps(self.model_dump(), ensure_ascii=False)


@dataclass(frozen=True)
class Study:
    """A plan with the code that carries it out.

    Attributes:
        name: the folder's name; the experiment is `level6-<name>`.
        source: `study.py` as text.
        hash: changes whenever the plan or the source does: a changed study is another study.
    """

    name: str
    folder: Path
    plan: Plan
    source: str
    run: RunTrial

    @property
    def hash(self) -> str:
        plan = json.dumps(self.plan.model_dump(), sort_keys=True)  # the same, however the file is laid out
        return hashlib.sha256(f"{plan}\n{self.source}".encode()).hexdigest()[:12]

    @property
    def experiment(self) -> str:
        return f"level6-{self.name}"


def load(folder: Path) -> Study:
    """Read the study in a folder.

    Raises:
        LadderError: a file is missing, or says something that a study cannot be; with the field and its line.
    """
    folder = folder.resolve()
    plan = read_plan(folder / "study.yaml")
    if not re.fullmatch(NAME, folder.name):
        fitting = re.sub("[^A-Za-z0-9_.-]+", "-", folder.name).strip("-_.")[:60] or "my-study"
        raise LadderError(
            f"The folder {folder.name!r} gives its study a name that cannot be recorded.",
            f"Rename the folder, for example to {fitting}.",
        )
    source = _text(folder / "study.py")
    return Study(folder.name, folder, plan, source, _function(folder / "study.py", source))


def smaller(study: Study, name: str, config: Mapping[str, JsonValue]) -> Study:
    """The same study under another name, with other common settings: another plan, so another hash."""
    plan = study.plan.model_copy(update={"config": {**study.plan.config, **config}})
    return replace(study, name=name, plan=plan)


def read_plan(path: Path) -> Plan:
    """The plan in a `study.yaml`. Raises LadderError that names the field and its line."""
    text = _text(path)
    values = read_yaml(text, path)
    if values is None:
        raise LadderError(f"{path} is empty.", "Begin with an example: ladder level6 new my-study")
    try:
        plan = Plan.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        raise _wrong(path, text, first["loc"], _sentence(first)) from None
    if wrong := _contradiction(plan):
        raise _wrong(path, text, *wrong)
    if len(plan.as_json()) > TAG_CHARS:
        raise LadderError(f"{path} says more than {TAG_CHARS} characters.", "Shorten it.")
    return plan


def _contradiction(plan: Plan) -> tuple[Sequence[str | int], str] | None:
    """Where the parts of a plan do not fit together, and how."""
    if plan.baseline not in plan.arms:
        return ("baseline",), f"{plan.baseline!r} is not one of the arms {', '.join(plan.arms)}"
    if len(set(plan.seeds)) < len(plan.seeds):
        return (
            "seeds",
        ), "a seed stands there twice, and the same trial twice is no second piece of evidence"
    for arm, over in plan.arms.items():
        for key in over:
            if key not in plan.config:
                return ("arms", arm, key), "an arm can only change what stands in config"
    configs = [json.dumps(plan.trial_config(arm), sort_keys=True) for arm in plan.arms]
    for arm, config in zip(plan.arms, configs, strict=True):
        if configs.count(config) > 1:
            return ("arms", arm), "another arm has the same settings, so there is nothing to compare"
    return None


def _sentence(error: Any) -> str:
    """What pydantic found, in the words of a study."""
    kind, given = error["type"], error.get("input")
    if kind == "missing":
        return "it is missing"
    if kind == "extra_forbidden":
        return "a study has no such field"
    if kind == "too_short" and error["loc"] == ("seeds",):
        return "a study needs two seeds or more, since one cannot tell an effect from luck"
    if kind == "too_short" and error["loc"] == ("arms",):
        return "a study compares two arms or more"
    if kind == "string_pattern_mismatch":
        return f"{given!r} is not a name (letters, digits, and - _ . inside)"
    told = str(error["msg"]).removeprefix("Value error, ").rstrip(".")
    return f"{told[:1].lower()}{told[1:]}, not {given!r}"


def _wrong(path: Path, text: str, loc: Sequence[str | int], what: str) -> LadderError:
    where = [part for part in loc if part != "[key]"]
    line = line_of(text, where)
    field = ".".join(str(part) for part in where) or "the file"
    return LadderError(f"{path}, line {line}: {field}: {what}.", "Mend that line and run it again.")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise LadderError(
            f"There is no {path.name} in {path.parent}.", "Make a study with: ladder level6 new my-study"
        ) from None
    except UnicodeDecodeError as error:
        raise LadderError(f"{path} cannot be read as text ({error}).", "Save it as UTF-8.") from None
    except OSError as error:
        raise LadderError(
            f"{path} cannot be read ({error.strerror}).", "See that it is a file of yours."
        ) from None


# The function of study.py ------------------------------------------------------------------------------


class _FromText(InspectLoader):
    """Imports a module from the very text that was hashed, past any compiled copy of an older one."""

    def __init__(self, path: Path, text: str) -> None:
        self.path, self.text = path, text

    def get_source(self, fullname: str) -> str:
        return self.text

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.text, str(self.path))


def _function(path: Path, source: str) -> RunTrial:
    """The function `run` of a study.py. The module is imported under a name of its own."""
    name = f"ladder_study_{hashlib.sha256(f'{path}{source}'.encode()).hexdigest()[:12]}"
    spec = spec_from_loader(name, _FromText(path, source), origin=str(path))
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module  # a dataclass looks its module up there
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        raise LadderError(f"{path}, line {error.lineno}: {error.msg}.", "Mend that line.") from None
    except Exception as error:
        raise LadderError(
            f"{path} cannot be imported ({type(error).__name__}: {error}).",
            f"See the whole of it with: python {path}",
        ) from None
    run = getattr(module, "run", None)
    if not callable(run):
        raise LadderError(
            f"{path} has no function `run`.",
            "Write one: def run(config, seed, report): … return {metric: value}",
        )
    return run
