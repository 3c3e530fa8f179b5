"""For who writes exercises: `ladder dev check` proves that every one of them does what it claims.

A starter that passes, a solution that fails or a mistake that gets the wrong sentence is found here and not
by a learner.
"""

from __future__ import annotations

import ast
import json
import os
import platform
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from shared.errors import BadUsage, LadderError
from shared.files import write_atomic
from shared.levels import Level, levels
from shared.study.check import Start, check
from shared.study.child import imports
from shared.study.exercise import About, Exercise, course
from shared.study.needs import KINDS
from shared.study.verdict import Verdict
from shared.study.warm import Warm, available, heavy

STARTER_LINES = 60
TEMPLATE = Path(__file__).with_name("template")
FILES = {"exercise.toml", "starter.py", "solution.py", "check.py", "wrong", "reference.json"}
# From which level on a learner's file may use a package. What is not named here belongs to no level.
TAUGHT = {
    "openai": 1, "httpx": 1, "pysubs2": 1, "jiwer": 1, "tenacity": 1, "numpy": 2, "chromadb": 2,
    "langchain_core": 2, "langchain_openai": 2, "langchain_chroma": 2, "torch": 3, "transformers": 3,
    "diffusers": 3, "safetensors": 3, "PIL": 3, "matplotlib": 4, "scipy": 6, "optuna": 6, "mlflow": 6,
}  # fmt: skip

Say = Callable[[str], None]


def check_course(exercises: Sequence[Exercise], seeds: int, say: Say) -> list[str]:
    """Prove exercises; returns what is wrong, one line each.

    Args:
        seeds: the solution must pass with so many seeds of the drawn cases.
    """
    problems = [f"{one.name}: {told}" for one in exercises for told in _on_paper(one)]
    problems += _names(exercises)
    sound = [one for one in exercises if not any(p.startswith(f"{one.name}:") for p in problems)]
    warm = Warm(heavy(sound)) if available() else nullcontext()
    with TemporaryDirectory() as folder, warm as start, ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(_in_action, one, seeds, Path(folder) / one.name, start) for one in sound]
        for one, job in zip(sound, jobs, strict=True):
            found = job.result()
            say(f"{'FAIL' if found else 'OK':<4}  level {one.level.number}  {one.name}")
            problems += [f"{one.name}: {told}" for told in found]
    return problems


def measure(one: Exercise) -> dict[str, float]:
    """Let the solution measure, and write `reference.json`. Raises LadderError if it does not pass."""
    if one.about.measure is None:
        raise BadUsage(f"{one.name} measures nothing.", "Add a [measure] to its exercise.toml.")
    with TemporaryDirectory() as folder:
        verdict = _try(one, one.solution, Path(folder), 0, None)
    if verdict.state != "PASS":
        raise LadderError(f"The solution of {one.name} does not pass.", f"See: ladder dev check {one.name}")
    found = {
        "metrics": verdict.measures, "measured": date.today().isoformat(), "seed": 0,
        "machine": f"{platform.system()} {platform.machine()}", "python": platform.python_version(),
    }  # fmt: skip
    write_atomic(one.folder / "reference.json", json.dumps(found, indent=1) + "\n")
    return verdict.measures


def new(level: Level, name: str) -> Path:
    """Make the folder of a new exercise, with files to fill in. Raises BadUsage if the name will not do."""
    if not name.replace("-", "").isalnum() or not name.islower() or not name.isascii():
        raise BadUsage(f"{name!r} is no name for an exercise.", "Use small letters, digits and hyphens.")
    folder = level.folder / "exercises" / name
    if folder.exists() or any(one.name == name for one in course()):
        raise BadUsage(f"There is already an exercise {name!r}.", "Names are unique over the course.")
    for file in sorted(path for path in TEMPLATE.rglob("*") if path.suffix in (".py", ".toml")):
        text = file.read_text(encoding="utf-8")
        write_atomic(folder / file.relative_to(TEMPLATE), text.replace("NAME", name))
    return folder


# On paper -----------------------------------------------------------------------------------------------


def _names(exercises: Sequence[Exercise]) -> Iterator[str]:
    every = [one.name for one in course()]
    for name in sorted({name for name in every if every.count(name) > 1}):
        yield f"{name}: the name is used twice"
    for level in levels():
        listed = {*level.exercises, level.gate}
        for folder in sorted((level.folder / "exercises").glob("*/exercise.toml")):
            if folder.parent.name not in listed:
                yield f"{folder.parent.name}: the folder is not on the list of {level.package}"


def _on_paper(one: Exercise) -> Iterator[str]:
    """What is wrong with the files, without running any."""
    try:
        about = one.about
    except LadderError as error:
        yield error.message
        return
    yield from _about(one, about)
    for file in sorted(one.folder.iterdir()):
        if file.name not in FILES and file.suffix in ("", ".py", ".toml") and file.is_file():
            yield f"stray file {file.name}"
    sources = [one.starter, one.solution, one.folder / "check.py", *one.wrong().values()]
    for source in sources:
        try:
            tree = ast.parse(source.read_bytes())
        except (OSError, SyntaxError, ValueError) as error:
            yield f"{source.name} cannot be read: {error}"
            continue
        own = source.name != "check.py"
        yield from (f"{source.name}: {told}" for told in not_taught(one.level, tree, own))
        if not own:
            yield from (f"{source.name}: {told}" for told in _vacuous(tree))
    text = one.starter.read_text(encoding="utf-8") if one.starter.exists() else ""
    if "# TODO" not in text:
        yield "starter.py has no `# TODO`"
    if len(text.splitlines()) > STARTER_LINES:
        yield f"starter.py has {len(text.splitlines())} lines, more than {STARTER_LINES}"


def _about(one: Exercise, about: About) -> Iterator[str]:
    if about.name != one.name:
        yield f"exercise.toml says {about.name!r}"
    if len(about.hints) != 3 and not (one.gate and not about.hints):
        yield f"{len(about.hints)} hints, and not three"
    if not all(hint.strip() for hint in about.hints) or not about.after.strip():
        yield "a hint or the debrief is empty"
    if not about.mistakes:
        yield "no known mistake"
    if difference := set(about.mistakes) ^ set(one.wrong()):
        yield f"in [mistakes] or in wrong/ alone: {', '.join(sorted(difference))}"
    for need in about.needs:
        if need.partition(":")[0] not in KINDS:
            yield f"it needs {need!r}, which nobody knows"
    if about.measure and about.measure.metric not in (one.reference() or {}).get("metrics", {}):
        yield f"no {about.measure.metric} in reference.json; make it with: ladder dev measure {one.name}"


def not_taught(level: Level, tree: ast.AST, own: bool) -> Iterator[str]:
    """Imports of what a later level teaches. A check, which is not one's `own`, may use any package."""
    later = {other.package for other in levels() if other.number > level.number}
    for name in dict.fromkeys(name.partition(".")[0] for name, _ in imports(tree)):
        if name in later or (own and TAUGHT.get(name, 0) > level.number):
            yield f"{name} is taught later"


def _vacuous(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert) and isinstance(node.test, ast.Constant):
            yield f"line {node.lineno} asserts a constant"
        if isinstance(node, ast.ExceptHandler) and node.type and "ImportError" in ast.dump(node.type):
            yield f"line {node.lineno} hides a missing import"


# In action ----------------------------------------------------------------------------------------------


def _in_action(one: Exercise, seeds: int, folder: Path, start: Start | None) -> list[str]:
    """What is wrong when the files run: the starter, the solution with each seed, each mistake."""
    problems = []
    verdict = _try(one, one.starter, folder, 0, start)
    if verdict.state == "BLOCKED":
        return [_told("the starter", verdict, "TODO")]
    if verdict.state != "TODO":
        problems.append(_told("the starter", verdict, "TODO"))
    for seed in range(seeds):
        verdict = _try(one, one.solution, folder, seed, start)
        if verdict.state != "PASS":
            problems.append(_told(f"the solution with seed {seed}", verdict, "PASS"))
    for name, file in one.wrong().items():
        verdict = _try(one, file, folder, 0, start)
        wanted, first = one.about.mistakes[name], verdict.first
        if verdict.state != "FAIL":
            problems.append(_told(f"wrong/{name}.py", verdict, "FAIL"))
        elif first and first.likely != wanted:
            problems.append(
                f"wrong/{name}.py fails at {first.title!r} and gets the sentence {first.likely!r}"
            )
    return problems


def _try(one: Exercise, source: Path, folder: Path, seed: int, start: Start | None) -> Verdict:
    """Check a file as if a learner had written it, under the learner's name for it."""
    file = folder / "exercises" / one.place
    write_atomic(file, source.read_bytes())
    return check(one, file, seed=seed, brief=True, start=start)


def _told(what: str, verdict: Verdict, wanted: str) -> str:
    first = verdict.first
    said = f" at {first.title!r}: {first.message or first.got} {first.traceback[-1500:]}" if first else ""
    return f"{what} is {verdict.state} and not {wanted}{said}"
