"""What is installed is what is written down: ranges, lock, entry points, and no address anywhere."""

from __future__ import annotations

import re
import subprocess
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from shared.levels import levels
from shared.settings import CLONE

PROJECT = tomllib.loads((CLONE / "pyproject.toml").read_text(encoding="utf-8"))
LOCK = (CLONE / "requirements.lock").read_text(encoding="utf-8").splitlines()
CHOSEN = {"openai", "transformers", "torch", "langchain", "chromadb", "streamlit", "mlflow"}


def locked() -> dict[str, Requirement]:
    return {canonicalize_name(r.name): r for r in map(Requirement, filter(None, LOCK))}


def test_the_seven_packages_are_real_dependencies() -> None:
    names = {Requirement(line).name for line in PROJECT["project"]["dependencies"]}
    assert names >= CHOSEN


def test_every_dependency_is_locked_inside_its_range() -> None:
    ranges = [*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["dev"]]
    pins = locked()
    for wanted in map(Requirement, ranges):
        if wanted.name == "torch":
            continue
        (pin,) = pins[canonicalize_name(wanted.name)].specifier
        assert pin.operator == "==" and wanted.specifier.contains(pin.version), wanted


def test_the_lock_has_neither_torch_nor_cuda_nor_an_address() -> None:
    text = "\n".join(LOCK)
    assert not re.search(r"^(torch|triton|nvidia|cuda)\b", text, flags=re.M)
    assert "://" not in text and "+cpu" not in text and " @ " not in text


def test_no_file_names_a_registry() -> None:
    files = subprocess.run(["git", "ls-files"], cwd=CLONE, capture_output=True, text=True, check=True).stdout
    address = re.compile(r"(index[-_]url\s*=|find[-_]links\s*=\s*[\"/]|https?://[^\s\"']*/simple)")
    for name in files.split():
        path = CLONE / name
        if path.suffix in {".py", ".toml", ".md", ".lock", ".yaml", ".json", ""} and path.is_file():
            found = address.search(path.read_text(encoding="utf-8", errors="replace"))
            assert not found or path.name == "test_packaging.py", f"{name}: {found[0]}"


def test_torch_of_the_makefile_is_in_the_range() -> None:
    version = re.search(r"^TORCH\s*:= (\S+)$", (CLONE / "Makefile").read_text(), flags=re.M)[1]
    wanted = next(r for r in map(Requirement, PROJECT["project"]["dependencies"]) if r.name == "torch")
    assert wanted.specifier.contains(version)
    assert f"torch=={version}" in (CLONE / "README.md").read_text(), "the README's steps by hand must agree"


def test_every_level_has_its_rooms() -> None:
    assert levels()
    for level in levels():
        folder = CLONE / level.package
        for room in ("README.md", "cli.py", "app.py", "tour.py"):
            assert (folder / room).is_file(), f"{level.package} lacks {room}"


@pytest.mark.parametrize(
    "link", re.findall(r"\]\(([^)#]+)\)", (CLONE / "README.md").read_text(encoding="utf-8"))
)
def test_links_of_the_readme_lead_somewhere(link: str) -> None:
    assert (CLONE / link).exists()
