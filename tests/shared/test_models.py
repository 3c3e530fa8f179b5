"""The catalogue: what is embedded is really here and unchanged, dates warn in time, nothing downloads."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from datetime import date
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import pytest

from shared import models
from shared.errors import BadUsage
from shared.pull import pull
from shared.settings import CLONE, settings


def test_embedded_models_are_present() -> None:
    embedded = [m for m in models.CATALOGUE if m.where == "embedded"]
    assert embedded and all(m.present for m in embedded)


@pytest.mark.parametrize("model", [m for m in models.CATALOGUE if m.where == "embedded"], ids=lambda m: m.id)
def test_embedded_weights_are_those_that_were_pinned(model: models.Model) -> None:
    spec = find_spec(model.source.replace("-", "_"))
    weights = Path(spec.origin).parent / model.file
    assert sha256(weights.read_bytes()).hexdigest() == model.sha256


def test_ids_are_unique() -> None:
    ids = [m.id for m in models.CATALOGUE]
    assert len(ids) == len(set(ids))


def announced(module: str) -> tuple[set[str], dict[str, date]]:
    """The model names of one of the SDK's lists, and the shutdown dates that its docstring states."""
    text = Path(importlib.import_module(module).__file__).read_text()
    values, _, deprecated = text.partition("Deprecated values")
    dates: dict[str, date] = {}
    for entry in " ".join(deprecated.split()).split(' - "')[1:]:
        if when := re.search(r"shutdown date: (\d{4}-\d\d-\d\d)", entry):
            dates |= {name: date.fromisoformat(when[1]) for name in re.findall(r"[\w.-]+(?=\")", entry)}
    return set(re.findall(r'"([\w.-]+)"', values)), dates


@pytest.mark.parametrize(
    ("kind", "module"),
    [
        ("speech", "openai.types.audio_model"),
        ("chat", "openai.types.shared.chat_model"),
        ("embedding", "openai.types.embedding_model"),
    ],
)
def test_names_and_shutdown_dates_are_those_of_the_sdk(kind: str, module: str) -> None:
    """The oracle is OpenAI's own package, read anew by this test."""
    names, dates = announced(module)
    listed = [m for m in models.CATALOGUE if m.where == "api" and m.kind == kind]
    assert len(listed) >= 3
    for model in listed:
        assert model.id in names
        assert model.shutdown == dates.get(model.id), model.id


def test_aliases_stay_within_their_kind() -> None:
    for alias, name in models.LOCAL_ALIASES.items():
        asked, answers = models.find(alias), models.find(name)
        assert asked is not None and answers is not None
        assert (asked.kind, answers.where) == (answers.kind, "embedded")


@pytest.mark.parametrize(
    ("kind", "default"),
    [("chat", models.default_chat_model), ("embedding", models.default_embedding_model)],
)
def test_defaults_are_of_their_kind_and_a_setting_goes_first(
    fresh_settings: pytest.MonkeyPatch, kind: str, default: Callable[[str], str]
) -> None:
    for provider, where in (("local", "embedded"), ("openai", "api")):
        model = models.find(default(provider))
        assert model is not None and (model.kind, model.where) == (kind, where)
        assert model.shutdown is None, "a default that is about to end is none"
    fresh_settings.setenv(f"LADDER_{kind.upper()}_MODEL", "my-own")
    settings.cache_clear()
    assert default("local") == default("openai") == "my-own"


@pytest.mark.parametrize(
    ("today", "words"),
    [
        (date(2026, 10, 1), None),
        (date(2026, 11, 20), "in 98 days"),
        (date(2027, 2, 26), "in 0 days"),
        (date(2027, 3, 1), "was shut down on 2027-02-26"),
    ],
)
def test_a_shutdown_warns_within_120_days(today: date, words: str | None) -> None:
    warning = models.shutdown_warning("whisper-1", today)
    assert warning is None if words is None else words in warning


def test_a_model_without_a_date_never_warns() -> None:
    assert models.shutdown_warning("pocketsphinx", date(2099, 1, 1)) is None
    assert models.shutdown_warning("unheard-of", date(2099, 1, 1)) is None


def test_an_unknown_model_is_asked_for_the_least() -> None:
    assert models.skills_of("unheard-of").formats == ("json",)


def test_a_folder_of_ones_own_is_listed_by_its_name(
    fresh_settings: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "my-whisper").mkdir()
    fresh_settings.setenv("LADDER_WHISPER_FOLDERS", str(tmp_path / "my-whisper"))
    found = models.find("my-whisper")
    assert found is not None and not found.present
    (tmp_path / "my-whisper" / "model.bin").write_bytes(b"")
    assert found.present


def test_no_model_of_openai_is_named_outside_the_catalogue() -> None:
    """Code asks the catalogue for a model; only prose, samples of text and tests may name one."""
    name = re.compile(r"[\"'](whisper-1|gpt-[a-z0-9.-]+|o\d(-[a-z]+)?|text-embedding-[a-z0-9-]+)[\"']")
    for file in [*CLONE.glob("shared/**/*.py"), *CLONE.glob("level*/**/*.py")]:
        if file.name == "models.py":
            continue
        code = re.sub(r'""".*?"""', "", file.read_text(encoding="utf-8"), flags=re.S)
        assert not name.search(code), f"{file.name} names {name.search(code)[0]}"


@pytest.mark.parametrize("wrong", ["unheard-of", "pocketsphinx", "whisper-1"])
def test_pulling_what_cannot_be_pulled_says_what_can(wrong: str) -> None:
    with pytest.raises(BadUsage) as caught:
        pull(wrong, lambda line: None)
    assert "whisper-tiny" in caught.value.fix
    assert " is api" not in caught.value.message and " is embedded" not in caught.value.message
