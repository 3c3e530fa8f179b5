"""What comes of a training, of a segmenter or a language model: in words, as numbers, as files.

    product = product_of(config)
    print(product.plan(config))
    results = product.results(fit, run_id, url)

The trainer knows only tasks; whoever tells, records and keeps a training knows only this. So a third kind of
network is a third class beside `Segmenter` and `LanguageModel`, and no other change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from torch import nn

from level4_build.recipe import Recipe
from level4_build.trainer import Fit
from shared.tracking import Run


class Data(NamedTuple):
    """A split as a run names it: its content's hash, what makes it again, and what it was for."""

    name: str
    digest: str
    source: str
    context: str


@dataclass(frozen=True)
class Results:
    """What is recorded of a finished training beside its curves.

    Attributes:
        metrics: numbers of the network that is handed back.
        files: by name; those in `model/` are the network itself, which is kept for use.
        tables: by name, column by column.
        data: what was learnt and scored.
    """

    metrics: Mapping[str, float]
    files: Mapping[str, bytes]
    tables: Mapping[str, Mapping[str, Sequence[Any]]] = field(default_factory=dict)
    data: Sequence[Data] = ()


class Product(Protocol):
    """One kind of network.

    Attributes:
        engine: the tag of its runs, with which their names begin.
        headings: of the table of scores.
        watched: the score that is told at each evaluation: its name, and what it is called.
    """

    engine: str
    headings: tuple[str, str]
    watched: tuple[str, str]

    def plan(self, config: Any) -> str:
        """What is about to be trained, in a sentence."""

    def sample(self, model: nn.Module, config: Any) -> str:
        """What a network half way through its training writes; empty if it writes nothing."""

    def rows(self, fit: Fit) -> list[tuple[str, float | None]]:
        """The scores of the network, by the names that people read."""

    def summary(self, fit: Fit) -> str:
        """What the scores are of, such as "64 scenes not trained on"."""

    def as_dict(self, fit: Fit) -> dict[str, Any]:
        """The scores for a script."""

    def results(self, fit: Fit, run_id: str | None, url: str | None) -> Results:
        """All that is recorded and kept."""

    def in_use(self) -> str:
        """Which network another would replace; empty if there is none."""

    def keep(self, files: Mapping[str, bytes]) -> Path:
        """Make the network of these files, those of `Results`, the one in use. Returns where it is."""

    def register(self, fit: Fit, run: Run) -> str:
        """Put the network of a run that is written into the registry; what became of it, or empty."""


def product_of(config: Recipe) -> Product:
    """The kind of network that a recipe trains."""
    from level4_build.language_model import LanguageModel
    from level4_build.lm_task import LanguageConfig
    from level4_build.segmenter import Segmenter

    return LanguageModel() if isinstance(config, LanguageConfig) else Segmenter()
