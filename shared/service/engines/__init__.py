"""The engines, one a file, and the shelf that holds those that are loaded."""

from __future__ import annotations

from shared.models import LOCAL_ALIASES, Model, catalogue
from shared.service.engines.base import SpeechEngine
from shared.settings import Settings


def ready(config: Settings) -> list[Model]:
    """The speech models that can answer now without a download."""
    return [m for m in catalogue(config) if m.kind == "speech" and m.where != "api" and m.present]


def aliases(model: Model) -> list[str]:
    """Other names that are answered by this model."""
    return [alias for alias, name in LOCAL_ALIASES.items() if name == model.id]


class Shelf:
    """Loaded engines. Each is loaded once, when first asked for, inside its own line."""

    def __init__(self, config: Settings) -> None:
        self._config = config
        self._loaded: dict[str, SpeechEngine] = {}

    def engine(self, model: Model) -> SpeechEngine:
        """The engine of a model. Slow the first time. Raises LadderError if its folder cannot be loaded."""
        if model.id not in self._loaded:
            self._loaded[model.id] = self._load(model)
        return self._loaded[model.id]

    def _load(self, model: Model) -> SpeechEngine:
        if model.id == "pocketsphinx":
            from shared.service.engines.pocketsphinx import PocketSphinx

            return PocketSphinx()
        from shared.service.engines.whisper import Whisper

        return Whisper(model.id, model.folder, self._config.device)
