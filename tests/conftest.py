"""What every test gets: a home of its own and no way off this machine."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

HERE = Path(__file__).parent
ROOT = HERE.parent

# Before anything of the project is imported: settings are read once, libraries look at these at import.
_SESSION = Path(tempfile.mkdtemp(prefix="ladder-tests-"))
NET_LOG = _SESSION / "network-attempts.log"
for _name in [n for n in os.environ if n.startswith(("LADDER_", "OPENAI_", "MLFLOW_"))]:
    del os.environ[_name]
os.environ |= {
    "LADDER_HOME": str(_SESSION / "home"),
    "LADDER_TEST_NET_LOG": str(NET_LOG),
    "PYTHONPATH": os.pathsep.join([str(HERE / "offline"), *filter(None, [os.environ.get("PYTHONPATH")])]),
}
sys.path.insert(0, str(HERE / "offline"))
sys.modules.pop("sitecustomize", None)
import sitecustomize  # noqa: E402, F401 - installs the audit hook in this process too

sys.path.insert(0, str(HERE))
FIXTURES = ("service_fixtures", "tiny_chat", "tiny_whisper")
pytest_plugins = [name for name in FIXTURES if (HERE / f"{name}.py").exists()]


# One seed, as everything in `make test`; no clock decides whether an example passes.
hypothesis_settings.register_profile(
    "ladder", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("ladder")


@pytest.fixture(scope="session", autouse=True)
def nothing_leaves_this_machine() -> Iterator[None]:
    """After the last test: no process of the suite tried to reach another host."""
    yield
    attempts = NET_LOG.read_text(encoding="utf-8") if NET_LOG.exists() else ""
    assert not attempts, f"something tried to leave this machine:\n{attempts}"


@pytest.fixture(scope="session")
def home() -> Path:
    """The home that the whole run shares."""
    return Path(os.environ["LADDER_HOME"])


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home for one test alone; `settings()` is read again."""
    from shared.settings import settings

    monkeypatch.setenv("LADDER_HOME", str(tmp_path / "home"))
    settings.cache_clear()
    yield tmp_path / "home"
    settings.cache_clear()


@pytest.fixture
def fresh_settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Set variables on it, then call `settings()`."""
    from shared.settings import settings

    settings.cache_clear()
    yield monkeypatch
    settings.cache_clear()


def pytest_sessionfinish() -> None:
    """The service that a test started on demand in the session's home need not idle out."""
    from shared import servers

    servers.stop(servers.service())


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """`slow` and `gpu` tests run only when a marker expression asks for them."""
    asked = config.getoption("markexpr") or ""
    for item in items:
        for marker, target in (("slow", "make test-all"), ("gpu", "make test-gpu")):
            if item.get_closest_marker(marker) and marker not in asked:
                item.add_marker(pytest.mark.skip(reason=f"{marker}: runs in `{target}`"))
