"""The catalogue: what is embedded is really here and unchanged, dates warn in time, nothing downloads."""

from __future__ import annotations

import re
from datetime import date
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import pytest

from shared import models
from shared.errors import BadUsage
from shared.pull import pull
from shared.settings import CLONE


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


def test_the_shutdown_dates_are_those_of_the_sdk() -> None:
    """The oracle is the docstring in OpenAI's own package, read anew by this test."""
    import openai.types.audio_model as source

    text = Path(source.__file__).read_text()
    deprecated = text[text.index("Deprecated values") :]
    announced = date.fromisoformat(
        re.search(r"shutdown date: (\d{4}-\d\d-\d\d)", " ".join(deprecated.split()))[1]
    )
    listed = set(re.findall(r'"([a-z0-9.-]+)"', deprecated))
    for model in (m for m in models.CATALOGUE if m.where == "api"):
        assert model.shutdown == (announced if model.id in listed else None), model.id


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
