"""The engines, one a file, and the shelf that holds those that are loaded."""

from __future__ import annotations

import threading
from typing import Any

from shared.models import LOCAL_ALIASES, Model, catalogue
from shared.service.engines.base import ChatEngine, EmbeddingEngine, SpeechEngine
from shared.settings import Settings

SERVED = ("speech", "chat", "embedding")


def ready(config: Settings) -> list[Model]:
    """The models that can answer now without a download."""
    return [m for m in catalogue(config) if m.kind in SERVED and m.where != "api" and m.present]


def aliases(model: Model) -> list[str]:
    """Other names that are answered by this model."""
    return [alias for alias, name in LOCAL_ALIASES.items() if name == model.id]


def engine_name(model: Model) -> str:
    """The engine that runs a model: a file of this folder, or `encoder`, which is shared/encoder.py."""
    if model.kind == "speech":
        return "pocketsphinx" if model.where == "embedded" else "whisper"
    if model.kind == "chat":
        return "reader" if model.where == "embedded" else "causal"
    return "encoder"


class Shelf:
    """Loaded engines. Each is loaded once, when first asked for, inside its own line."""

    def __init__(self, config: Settings) -> None:
        self._config = config
        self._loaded: dict[str, Any] = {}
        self._encoder_lock = threading.Lock()  # the reader's line and the embeddings' share the encoder

    def speech(self, model: Model) -> SpeechEngine:
        """The engine of a model. Slow the first time. Raises LadderError if its folder cannot be loaded."""
        if model.id not in self._loaded:
            if model.id == "pocketsphinx":
                from shared.service.engines.pocketsphinx import PocketSphinx

                self._loaded[model.id] = PocketSphinx()
            else:
                from shared.service.engines.whisper import Whisper

                self._loaded[model.id] = Whisper(model.id, model.folder, self._config.device)
        return self._loaded[model.id]

    def chat(self, model: Model) -> ChatEngine:
        """As `speech`."""
        if model.id not in self._loaded:
            if model.id == "reader":
                from shared.service.engines.reader import Reader

                self._loaded[model.id] = Reader(self._encoder())
            else:
                from shared.service.engines.causal import Causal

                self._loaded[model.id] = Causal(model.id, model.folder, self._config.device)
        return self._loaded[model.id]

    def embedding(self, model: Model) -> EmbeddingEngine:
        """As `speech`."""
        return self._encoder()

    def _encoder(self) -> Any:
        from shared.encoder import Encoder

        with self._encoder_lock:
            if "encoder" not in self._loaded:
                self._loaded["encoder"] = Encoder.load()
        return self._loaded["encoder"]
