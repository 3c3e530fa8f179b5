"""The model registry: each finished training is a version, and a name says which one is in use.

    version = register(fit, run)  # the new one is the challenger
    promote(version.number)  # now it is the champion
    trained = load("champion")

What is registered is the run's own folder `model`: the safetensors file of `weights.py` and an `MLmodel`
file that tells MLflow what goes in and comes out. MLflow's own flavour for torch would keep an exported
graph; this file holds numbers and JSON alone, so reading it runs no code, and what comes back is our own
network, open to be looked into and trained on.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from level4_build import weights
from level4_build.outcome import Fit
from level4_build.weights import Trained
from shared import store
from shared.errors import BadUsage, LadderError
from shared.traces import complain
from shared.tracking import Run

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

NAME = "level4-segmenter"
CHALLENGER, CHAMPION = "challenger", "champion"
ALIASES = (CHALLENGER, CHAMPION)
FOLDER = "model"  # in the run
FILE = "model.safetensors"


@dataclass(frozen=True)
class Version:
    """One version of the registered model.

    Attributes:
        number: from 1 on.
        aliases: the names that point to it now.
        run_id, url: the training that it came from.
    """

    number: int
    aliases: tuple[str, ...]
    steps: int
    macro_iou: float
    run_id: str
    url: str | None

    def as_dict(self) -> dict[str, Any]:
        """What a script would read."""
        return asdict(self)


def register(fit: Fit, run: Run) -> Version | None:
    """Make the network of a recorded training the next version, and the challenger.

    Args:
        run: where the training was recorded, after its `with` block: its files are then written.

    Returns:
        The version; None if the store is away, which is said once and breaks no work, as with all recording.
    """
    if run.id is None:
        return None
    try:
        client = store.prepare_store()
        with store.told_plainly():
            _describe(client, fit, run.id)
            _make(client)
            made = client.create_model_version(
                NAME, f"runs:/{run.id}/{FOLDER}", run.id,
                tags={"steps": str(fit.steps), "macro_iou": repr(fit.macro_iou), "url": run.url or ""},
            )  # fmt: skip
            client.set_registered_model_alias(NAME, CHALLENGER, str(made.version))
            return _versions(client)[int(made.version)]
    except LadderError as error:
        complain(run.name, error)
        return None


def versions() -> list[Version]:
    """Every version, the newest first; none if nothing was registered yet.

    Raises:
        LadderError: the store cannot be reached.
    """
    client = store.prepare_store()
    with store.told_plainly():
        return sorted(_versions(client).values(), key=lambda version: -version.number)


def promote(number: int) -> Version:
    """Make a version the champion. It is then no challenger any more.

    Raises:
        BadUsage: there is no such version.
    """
    client = store.prepare_store()
    with store.told_plainly():
        version = _version(client, number)
        client.set_registered_model_alias(NAME, CHAMPION, str(number))
        if CHALLENGER in version.aliases:
            client.delete_registered_model_alias(NAME, CHALLENGER)
        return _version(client, number)


def load(which: str | int, say: Callable[[str], None] | None = None) -> Trained:
    """The network of a version, by its alias or its number.

    Args:
        say: told if the store is away and the network trained last is handed back in its place; without it
            that is an error.

    Raises:
        BadUsage: no version has this alias or number.
        LadderError: the store is away.
    """
    try:
        client = store.prepare_store()
        with store.told_plainly():
            version = _version(client, which) if isinstance(which, int) else _by_alias(client, which)
            with tempfile.TemporaryDirectory() as folder:
                file = client.download_artifacts(version.run_id, f"{FOLDER}/{FILE}", folder)
                return weights.load(Path(file))
    except BadUsage:  # the store is there and does not have it: no reason to take another
        raise
    except LadderError as error:
        if say is None:
            raise
        trained = weights.load()
        say(f"{error.message} Taking {trained}, trained last here.")
        return trained


def find(what: str, say: Callable[[str], None] | None = None) -> Trained:
    """What a person may name: `last`, an alias, a version's number, or a file.

    Raises:
        LadderError: there is no such network.
    """
    if what == "last":
        return weights.load()
    if what in ALIASES:
        return load(what, say)
    if what.isascii() and what.isdigit():
        return load(int(what), say)
    if not Path(what).is_file():
        raise LadderError(
            f"There is no network {what}.",
            "Name last, champion, challenger, a version's number, or a file that training wrote.",
        )
    return weights.load(Path(what))


# Parts -----------------------------------------------------------------------------------------------


def _make(client: MlflowClient) -> None:
    """The registered model, if it is not there yet."""
    from mlflow.exceptions import MlflowException

    if not client.search_registered_models(f"name = '{NAME}'"):
        try:
            client.create_registered_model(NAME, description="The U-Nets of level 4.")
        except MlflowException:  # another process was faster
            client.get_registered_model(NAME)


def _describe(client: MlflowClient, fit: Fit, run_id: str) -> None:
    """Add the `MLmodel` file with the signature to the run's folder, beside the weights.

    Raises:
        LadderError: the weights are not there.
    """
    import numpy as np
    from mlflow.models import Model, ModelSignature
    from mlflow.types import Schema, TensorSpec

    if f"{FOLDER}/{FILE}" not in [each.path for each in client.list_artifacts(run_id, FOLDER)]:
        raise LadderError("The network was not kept with its run.", "It stays in use here, unregistered.")
    floats, free = np.dtype("float32"), -1
    signature = ModelSignature(
        Schema([TensorSpec(floats, (free, 3, free, free), "images")]),  # (B, 3, H, W), from 0 to 1
        Schema([TensorSpec(floats, (free, fit.config.model.classes, free, free), "scores")]),
    )
    flavour = {"data": FILE, "loader": "level4_build.weights.load"}
    described = Model(artifact_path=FOLDER, run_id=run_id, signature=signature, flavors={"ladder": flavour})
    client.log_text(run_id, described.to_yaml(), f"{FOLDER}/MLmodel")


def _versions(client: MlflowClient) -> dict[int, Version]:
    """Every version by its number."""
    models = client.search_registered_models(f"name = '{NAME}'")
    if not models:
        return {}
    aliases = models[0].aliases  # of each the version, as text
    found = client.search_model_versions(f"name = '{NAME}'", max_results=1000)
    return {int(each.version): _read(each, aliases) for each in found if each.run_id}


def _read(each: ModelVersion, aliases: dict[str, str]) -> Version:
    return Version(
        int(each.version),
        tuple(name for name, number in sorted(aliases.items()) if str(number) == str(each.version)),
        int(each.tags.get("steps", 0)),
        float(each.tags.get("macro_iou", math.nan)),
        each.run_id or "",
        store.link_now(each.tags.get("url")) or None,
    )


def _version(client: MlflowClient, number: int) -> Version:
    found = _versions(client)
    if number not in found:
        there = ", ".join(map(str, sorted(found))) or "none yet"
        raise BadUsage(f"There is no version {number} of {NAME}.", f"There are these: {there}.")
    return found[number]


def _by_alias(client: MlflowClient, alias: str) -> Version:
    for version in _versions(client).values():
        if alias in version.aliases:
            return version
    fix = "Promote one: ladder level4 models --promote 1" if alias == CHAMPION else weights.TRAIN_FIRST
    raise BadUsage(f"No version of {NAME} is the {alias}.", fix)
