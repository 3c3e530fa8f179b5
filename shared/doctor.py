"""The check-up: one line a fact about this machine, and for each failure the one thing that mends it.

    ladder doctor
    ladder doctor --json

Each check is a function that returns a `Fact`; `CHECKS` lists them in the order shown. Keys are never shown.
"""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import sys
import tomllib
import urllib.request
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from shared import clients, doctor_models, processes, servers
from shared.doctor_models import REINSTALL, Fact
from shared.errors import BadUsage
from shared.files import write_atomic
from shared.settings import CLONE, settings
from shared.switches import QUIET

SEVEN = ("openai", "transformers", "torch", "langchain", "chromadb", "streamlit", "mlflow")
DISK_GB = 2.0  # below this a pulled model or a longer training may not fit


def check() -> list[Fact]:
    """All facts, in order. A check that breaks is itself a FAIL, never an exception."""
    try:
        settings()
    except BadUsage as error:
        return [python(), packages(), Fact("settings", "FAIL", error.message, error.fix)]
    return [_safely(name, function) for name, function in CHECKS.items()]


def as_json(facts: list[Fact]) -> list[dict[str, str]]:
    """The facts as plain dictionaries, for `--json`."""
    return [asdict(fact) for fact in facts]


def render(facts: list[Fact]) -> str:
    """The facts as lines for the terminal, and a count at the end."""
    width = max(len(fact.name) for fact in facts)
    lines = []
    for fact in facts:
        lines.append(f"{fact.status:<4}  {fact.name:<{width}}  {fact.message}")
        if fact.fix and fact.status != "OK":
            lines.append(f"{'':<{width + 6}}  → {fact.fix}")
    count = {status: sum(fact.status == status for fact in facts) for status in ("OK", "WARN", "FAIL")}
    return "\n".join([*lines, "", f"{count['OK']} OK, {count['WARN']} WARN, {count['FAIL']} FAIL"])


def _safely(name: str, function: Callable[[], Fact]) -> Fact:
    try:
        return function()
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else ""
        return Fact(name, "FAIL", f"cannot be checked: {type(error).__name__}: {reason}", REINSTALL)


# The machine and the installation ----------------------------------------------------------------------


def python() -> Fact:
    wanted = _project()["requires-python"]
    here = platform.python_version()
    from packaging.specifiers import SpecifierSet

    if here in SpecifierSet(wanted, prereleases=True):
        return Fact("python", "OK", f"{here} on {platform.system()} {platform.machine()}")
    return Fact(
        "python", "FAIL", f"{here}, and {wanted} is needed", f"Install Python {wanted}, then {REINSTALL}"
    )


def packages() -> Fact:
    """The installed versions against the ranges in pyproject.toml."""
    from packaging.requirements import Requirement

    wrong, wanted = [], [Requirement(line) for line in _project()["dependencies"]]
    for one in wanted:
        try:
            here = version(one.name)
        except PackageNotFoundError:
            wrong.append(f"{one.name} is missing")
            continue
        if not one.specifier.contains(here, prereleases=True):
            wrong.append(f"{one.name} {here} is not {one.specifier}")
    if wrong:
        return Fact("packages", "FAIL", "; ".join(wrong), REINSTALL)
    main = ", ".join(f"{name} {version(name)}" for name in SEVEN)
    return Fact("packages", "OK", f"{len(wanted)} in their ranges, among them {main}")


def _project() -> dict:
    return tomllib.loads((CLONE / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def home() -> Fact:
    """The home can be written to, and the disk under it has room."""
    place = settings().home
    try:
        write_atomic(place / ".doctor", "").unlink()
    except OSError as error:
        reason = error.strerror or str(error)
        return Fact(
            "home",
            "FAIL",
            f"{place} cannot be written: {reason.lower()}",
            "Set LADDER_HOME to another folder",
        )
    free = shutil.disk_usage(place).free / 1e9
    if free < DISK_GB:
        fix = "Free some space, or set LADDER_HOME to a folder on another disk"
        return Fact("home", "WARN", f"{place}: {free:.1f} GB free", fix)
    return Fact("home", "OK", f"{place}: writable, {free:,.0f} GB free")


def device() -> Fact:
    """Where models run, and why."""
    memory = psutil.virtual_memory().total / 2**30
    machine = f"{os.cpu_count()} cores, {memory:.0f} GiB of memory"
    build, wish = version("torch"), settings().device
    if build.endswith("+cpu") or sys.platform == "darwin":
        gpu, why = False, f"torch {build} is built without CUDA"
    else:
        import torch  # slow: only where there may be a GPU

        gpu = torch.cuda.is_available()
        why = torch.cuda.get_device_name() if gpu else f"torch {build} sees no CUDA device"
    if wish == "cuda" and not gpu:
        return Fact("device", "FAIL", f"LADDER_DEVICE=cuda, but {why}", "Set LADDER_DEVICE=auto")
    if wish == "cpu":
        return Fact("device", "OK", f"cpu, because LADDER_DEVICE=cpu ({machine})")
    return Fact("device", "OK", f"{'cuda' if gpu else 'cpu'}, because {why} ({machine})")


def telemetry() -> Fact:
    """The switches of switches.QUIET, which keep libraries from reporting home."""
    loud = [
        f"{name}={os.environ.get(name)}" for name, quiet in QUIET.items() if os.environ.get(name) != quiet
    ]
    if loud:
        names = " ".join(word.split("=")[0] for word in loud)
        return Fact("telemetry", "WARN", f"changed in your environment: {', '.join(loud)}", f"unset {names}")
    return Fact("telemetry", "OK", f"off: all {len(QUIET)} switches are set")


# What runs, and where things go ------------------------------------------------------------------------


def tracking_store() -> Fact:
    """The MLflow store answers."""
    uri = settings().mlflow_tracking_uri
    if uri is None:
        return _own_store(settings().home / "mlflow.db")
    shown = _without_password(uri)
    fix = "Start that server, or unset MLFLOW_TRACKING_URI to use the store in the home"
    try:
        _ask(uri)
    except Exception as error:  # whatever a driver or a socket raises, it means the same here
        return Fact("store", "FAIL", f"{shown} does not answer ({type(error).__name__})", fix)
    return Fact("store", "OK", f"{shown} answers (MLFLOW_TRACKING_URI)")


def _own_store(path: Path) -> Fact:
    if not path.exists():
        return Fact("store", "OK", f"{path} will be made at the first run")
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=3)) as db:
            runs = db.execute("SELECT count(*) FROM runs").fetchone()[0]
    except sqlite3.Error as error:
        fix = f"Move {path} away (a new one is made at the next run), or restore a copy of it"
        return Fact("store", "FAIL", f"{path} cannot be read: {error}", fix)
    return Fact("store", "OK", f"{path}: {runs:,} run{'' if runs == 1 else 's'}")


def _ask(uri: str) -> None:
    """Return if a store answers, raise whatever went wrong otherwise."""
    if uri.startswith(("http://", "https://")):
        plain = _without_password(uri).rstrip("/")  # /health asks for none
        urllib.request.urlopen(f"{plain}/health", timeout=3).close()  # noqa: S310 - http only, see above
        return
    import sqlalchemy

    engine = sqlalchemy.create_engine(uri, connect_args={"connect_timeout": 3} if "postgres" in uri else {})
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text("SELECT 1"))
    engine.dispose()


def _without_password(uri: str) -> str:
    scheme, mark, rest = uri.partition("://")
    return f"{scheme}{mark}{rest.rpartition('@')[2]}"


def provider() -> Fact:
    """Where requests go, and whether the key that this needs is there. The key is never shown."""
    chosen, key = settings().provider, settings().openai_api_key
    if chosen == "openai" and key is None:
        fix = f"Put OPENAI_API_KEY=… into {CLONE / '.env'}, or set LADDER_PROVIDER=local"
        return Fact("provider", "FAIL", "openai, and no key is set", fix)
    said = "set (not shown)" if key else "not set"
    unused = ", and not used" if key and chosen == "local" else ""
    return Fact(
        "provider",
        "OK",
        f"{chosen}: requests go to {clients.endpoint(chosen)}; OPENAI_API_KEY is {said}{unused}",
    )


def server(name: str, command: str, program: Callable[[], servers.Program]) -> Fact:
    """Whether one of the servers runs. Not running is no fault."""
    state = servers.running(program())
    if state:
        return Fact(name, "OK", f"runs at {state.url} (process {state.pid})")
    return Fact(name, "OK", f"not running; {command} starts it")


# Tools that are used where they are there --------------------------------------------------------------


def tool(name: str, commands: tuple[str, ...], use: str, package: str) -> Fact:
    """A program that is used if it is there and never required."""
    found = next((path for path in map(shutil.which, commands) if path), None)
    if found:
        return Fact(name, "OK", f"{found}: {use}")
    fix = f"sudo apt-get install {package}" if sys.platform == "linux" else f"Install {package}"
    return Fact(name, "WARN", f"not found; without it: no {use}", fix)


BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome", "msedge")

CHECKS: dict[str, Callable[[], Fact]] = {
    "python": python,
    "packages": packages,
    "home": home,
    "device": device,
    "telemetry": telemetry,
    "store": tracking_store,
    "provider": provider,
    "pocketsphinx": doctor_models.sphinx,
    "audio": doctor_models.decoding,
    "encoder": doctor_models.encoder,
    "whisper": doctor_models.whisper,
    "speech model": doctor_models.speech_model,
    "shutdowns": doctor_models.shutdowns,
    "service": partial(server, "service", "`ladder serve`, or the first request,", servers.service),
    "MLflow UI": partial(server, "MLflow UI", "`ladder ui`", processes.mlflow_ui),
    "pages": partial(server, "pages", "`ladder up`", processes.hub),
    "browser": partial(tool, "browser", BROWSERS, "browser tests", "chromium"),
    "compiler": partial(tool, "compiler", ("g++", "c++", "clang++"), "compiled kernel in level 5", "g++"),
}
