"""Settings: absolute paths, honest errors, secrets that do not show."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow import environment_variables

from shared.errors import BadUsage
from shared.settings import CLONE, Settings, settings
from shared.switches import QUIET, TUNED


def test_the_home_is_absolute_whatever_directory_one_is_in(
    fresh_settings: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fresh_settings.delenv("LADDER_HOME")
    fresh_settings.chdir(tmp_path)
    assert settings().home == CLONE / ".ladder"
    assert settings().store_uri == f"sqlite:///{(CLONE / '.ladder' / 'mlflow.db').as_posix()}"


def test_standard_names_are_honoured(fresh_settings: pytest.MonkeyPatch) -> None:
    fresh_settings.setenv("OPENAI_API_KEY", "sk-not-a-real-key")
    fresh_settings.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    fresh_settings.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:2")
    found = settings()
    assert found.openai_api_key is not None
    assert found.openai_api_key.get_secret_value() == "sk-not-a-real-key"
    assert (found.openai_base_url, found.store_uri) == ("http://127.0.0.1:1/v1", "http://127.0.0.1:2")


def test_a_key_alone_switches_nothing(fresh_settings: pytest.MonkeyPatch) -> None:
    fresh_settings.setenv("OPENAI_API_KEY", "sk-not-a-real-key")
    assert settings().provider == "local"


def test_secrets_do_not_show(fresh_settings: pytest.MonkeyPatch) -> None:
    fresh_settings.setenv("OPENAI_API_KEY", "sk-not-a-real-key")
    fresh_settings.setenv("LADDER_SERVICE_KEY", "another-secret")
    shown = f"{settings()!r} {settings().model_dump()} {settings().model_dump_json()}"
    assert "not-a-real" not in shown and "another-secret" not in shown


@pytest.mark.parametrize(
    ("name", "value"),
    [("LADDER_SERVICE_PORT", "99999"), ("LADDER_PROVIDER", "openal"), ("LADDER_UPLOAD_MB", "much")],
)
def test_a_wrong_value_names_its_variable(fresh_settings: pytest.MonkeyPatch, name: str, value: str) -> None:
    fresh_settings.setenv(name, value)
    with pytest.raises(BadUsage, match=name) as caught:
        settings()
    assert ".env" in caught.value.fix


def test_a_wrong_setting_ends_a_command_with_two_lines_and_code_2() -> None:
    env = os.environ | {"LADDER_SERVICE_PORT": "many"}
    done = subprocess.run(
        [sys.executable, "-m", "shared.cli", "models"], env=env, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "LADDER_SERVICE_PORT" in done.stderr and "Traceback" not in done.stderr


def test_folders_are_split_as_in_path(fresh_settings: pytest.MonkeyPatch) -> None:
    fresh_settings.setenv("LADDER_WHISPER_FOLDERS", os.pathsep.join(["/a/b", "/c"]))
    assert settings().whisper_folders == (Path("/a/b"), Path("/c"))


LOOKS = """
import importlib.abc, json, os, sys

seen = {}

class Watch(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name in ("torch", "mlflow", "transformers", "chromadb"):
            seen.setdefault(name, dict(os.environ))

sys.meta_path.insert(0, Watch())
__import__(sys.argv[1])
print(json.dumps(seen))
"""


@pytest.mark.parametrize("module", ["level4_build.trainer", "shared.encoder"])
def test_the_switches_are_set_before_any_library_looks(module: str) -> None:
    bare = {name: value for name, value in os.environ.items() if name not in QUIET | TUNED}
    done = subprocess.run([sys.executable, "-c", LOOKS, module], env=bare, capture_output=True, text=True)
    seen = json.loads(done.stdout)
    for found in seen.values():
        assert {name: found.get(name) for name in QUIET | TUNED} == QUIET | TUNED
    assert "torch" in seen


@pytest.mark.parametrize("name", [name for name in QUIET | TUNED if name.startswith("MLFLOW_")])
def test_mlflow_knows_our_switches(name: str) -> None:
    said = getattr(environment_variables, name).get()
    assert str(said).lower() == os.environ[name] == (QUIET | TUNED)[name]


def test_every_field_has_a_default() -> None:
    assert all(not field.is_required() for field in Settings.model_fields.values())
