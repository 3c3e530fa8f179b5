"""Versions of the segmenter: registered by trainings, named by aliases, loaded as they were."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from mlflow.models import get_model_info

from level4_build import LEVEL, registry, weights
from level4_build.trainer import Fit, TrainConfig, fit
from level4_build.unet import UNetConfig
from shared import store
from shared.cli import cli
from shared.errors import BadUsage, LadderError
from shared.settings import settings
from shared.tracking import Run, track


@pytest.fixture(autouse=True)
def home_of_its_own(own_home: Path) -> Iterator[None]:
    store.forget()
    yield
    store.forget()


def trained(seed: int) -> Fit:
    model = UNetConfig(widths=(4, 8), transformer_layers=1, heads=2)
    return fit(
        TrainConfig(
            steps=2, batch=2, size=16, train_count=4, val_count=2, eval_every=2, seed=seed, model=model
        )
    )


def recorded(done: Fit) -> Run:
    """A run that holds the network, as a training leaves it."""
    with track(LEVEL.slug, "unet 2 steps") as run:
        run.artifact("model/model.safetensors", weights.pack(done, run.id, run.url))
    return run


def same_weights(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    mine, its = one.state_dict(), other.state_dict()
    return mine.keys() == its.keys() and all(torch.equal(mine[name], its[name]) for name in mine)


def test_versions_are_registered_promoted_and_loaded_by_name() -> None:
    assert registry.versions() == []
    with pytest.raises(BadUsage, match="champion"):
        registry.load("champion")
    one, two = trained(0), trained(1)
    run = recorded(one)
    first = registry.register(one, run)
    assert first is not None and first.number == 1 and first.aliases == ("challenger",)
    assert (first.steps, first.run_id, first.url) == (2, run.id, run.url)
    assert first.macro_iou == one.macro_iou
    assert registry.promote(1).aliases == ("champion",), "a champion is no challenger"
    with pytest.raises(BadUsage, match="challenger"):
        registry.load("challenger")

    weights.save(weights.pack(two))
    registry.register(two, recorded(two))
    assert [(v.number, v.aliases) for v in registry.versions()] == [(2, ("challenger",)), (1, ("champion",))]
    champion, challenger = registry.load("champion"), registry.load("challenger")
    assert same_weights(champion.model, one.model) and champion.run_id == run.id
    assert same_weights(challenger.model, two.model) and challenger.config == two.config
    assert same_weights(registry.find("2").model, two.model)
    assert same_weights(registry.find("last").model, two.model)

    assert registry.promote(2).aliases == ("champion",)
    assert [v.aliases for v in registry.versions()] == [("champion",), ()]
    with pytest.raises(BadUsage, match="There is no version 3"):
        registry.promote(3)
    assert same_weights(registry.load("champion").model, two.model), "a promotion that fails changes nothing"


def test_mlflow_knows_what_goes_in_and_comes_out() -> None:
    done = trained(0)
    registry.register(done, recorded(done))
    signature = get_model_info(f"models:/{registry.NAME}@challenger").signature
    (images,), (scores,) = signature.inputs.inputs, signature.outputs.inputs
    assert images.name == "images" and images.shape == (-1, 3, -1, -1)
    assert scores.name == "scores" and scores.shape == (-1, 6, -1, -1)


def test_a_run_without_its_network_is_not_registered() -> None:
    with track(LEVEL.slug, "unet 2 steps") as run:
        run.metrics(wall_s=1.0)
    assert registry.register(trained(0), run) is None
    assert registry.versions() == []


def test_where_the_store_is_away_the_last_network_is_taken_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done = trained(0)
    weights.save(weights.pack(done))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")  # nothing listens there
    settings.cache_clear()
    store.forget()
    said: list[str] = []
    assert same_weights(registry.load("champion", said.append).model, done.model)
    assert len(said) == 1 and "cannot be reached" in said[0] and "trained last here" in said[0]
    with pytest.raises(LadderError, match="cannot be reached"):
        registry.load("champion")


def test_a_version_whose_files_are_gone_is_replaced_only_where_that_is_said(own_home: Path) -> None:
    done = trained(0)
    weights.save(weights.pack(done))
    registry.register(done, recorded(done))
    for file in (own_home / "artifacts").rglob("model.safetensors"):
        file.unlink()
    with pytest.raises(LadderError):
        registry.load("challenger")
    said: list[str] = []
    assert same_weights(registry.load("challenger", said.append).model, done.model) and said


@pytest.mark.parametrize("name", ["nowhere.safetensors", "9"])
def test_a_network_that_is_not_there_is_a_sentence(name: str) -> None:
    with pytest.raises(LadderError, match=name):
        registry.find(name)


def test_a_run_that_could_not_be_recorded_is_not_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    settings.cache_clear()
    store.forget()
    monkeypatch.setattr(Run, "_given_up_until", 0.0)
    done = trained(0)
    assert registry.register(done, recorded(done)) is None
    monkeypatch.setattr(Run, "_given_up_until", 0.0)


def test_the_command_lists_and_promotes() -> None:
    empty = CliRunner().invoke(cli, ["level4", "models"])
    assert empty.exit_code == 0 and "ladder level4 train" in empty.stderr
    done = trained(0)
    registry.register(done, recorded(done))
    promoted = CliRunner().invoke(cli, ["level4", "models", "--promote", "1", "--json"])
    assert promoted.exit_code == 0, promoted.stderr
    (only,) = json.loads(promoted.stdout)
    assert only["number"] == 1 and only["aliases"] == ["champion"]
    assert "champion" in CliRunner().invoke(cli, ["level4", "models"]).stdout
    wrong = CliRunner().invoke(cli, ["level4", "models", "--promote", "7"])
    assert wrong.exit_code == 2 and "There is no version 7" in wrong.stderr
