"""Plan a call before paying for it: what to ask of this model, and what it cannot give.

    plan(Options(model="gpt-transcribe", format="srt")).notes
    # ('gpt-transcribe gives no times, so there are no subtitles: the text alone comes back. …',)

Speech models accept different things. A client that knows this from a table (`shared/models.py`) asks each
model only for what it has, and says what is lost, instead of learning it from a 400 after the upload.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args

from level1_api.audio import Audio
from shared.errors import BadUsage
from shared.models import (
    LOCAL_ALIASES,
    Format,
    SpeechSkills,
    default_speech_model,
    find,
    shutdown_warning,
    skills_of,
)
from shared.settings import settings

TIMED: tuple[Format, ...] = ("srt", "vtt", "verbose_json")
FLAC_BYTES_PER_S = 32_500  # mono 16 kHz 16 bit that FLAC cannot shrink (white noise), its headers included

# What OpenAI's endpoint takes (openai SDK, `transcription_create_params.py`), as FFmpeg names containers.
UPLOADABLE = {"flac", "mp3", "mp4", "m4a", "mov", "mpeg", "ogg", "wav", "webm", "matroska"}


@dataclass(frozen=True)
class Options:
    """What the user wants. Empty or None leaves a choice to the settings or to the service.

    Attributes:
        format: what comes back in the end; rendered here from one rich answer, whatever was asked.
        words: times for each word.
        stream: show the text while it is made.
        vad: let the local service skip what is not speech.
        chunk_s: files longer than this go up in pieces.
        overlap_s: how much neighbouring pieces share, so that no word is cut in two.
    """

    model: str = ""
    provider: str = ""
    language: str | None = None
    prompt: str | None = None
    temperature: float | None = None
    format: Format = "text"
    words: bool = False
    stream: bool = False
    vad: bool | None = None
    chunk_s: float = 600
    overlap_s: float = 2


@dataclass(frozen=True)
class Plan:
    """What will be done.

    Attributes:
        request: the arguments of `client.audio.transcriptions.create`, without the file.
        output: the format that can be had, which may be less than the one wanted.
        as_is: the file goes up as it is; else as FLAC pieces of at most `longest_s` seconds.
        usd_per_minute: None where no price is known.
        notes: one sentence for each thing that will differ from what was asked for.
    """

    provider: str
    model: str
    request: dict[str, Any]
    output: Format
    as_is: bool
    longest_s: float
    overlap_s: float
    usd_per_minute: float | None
    notes: tuple[str, ...]

    @property
    def stream(self) -> bool:
        return bool(self.request.get("stream"))


def plan(options: Options, audio: Audio | None = None) -> Plan:
    """Decide how to call the model.

    Args:
        options: what the user wants.
        audio: the file's facts; without them a short file is assumed.

    Raises:
        BadUsage: for what no plan can mend.
    """
    provider = options.provider or settings().provider
    timed = options.words or options.format in TIMED
    model = options.model or default_speech_model(provider, timestamps=timed)
    _refuse(options, provider, model)

    skills = skills_of(LOCAL_ALIASES.get(model, model) if provider == "local" else model)
    notes = []
    if provider != "local" and (warning := shutdown_warning(model)):
        notes.append(f"{warning} After that, subtitles need a model on this machine.")
    if provider == "local" and model in LOCAL_ALIASES:
        notes.append(f"The local service answers {model} with {LOCAL_ALIASES[model]}.")
    if options.prompt and not skills.prompts:
        notes.append(f"{LOCAL_ALIASES.get(model, model)} takes no prompt, so it changes nothing.")

    has_times = "verbose_json" in skills.formats
    output = options.format
    if timed and not has_times:
        what, output = _without_times(options)
        notes.append(f"{model} gives no times, so {what}. {_who_has_times(provider)}")
    words = options.words and skills.word_times
    if options.words and has_times and not words:
        notes.append(f"{model} gives no times for words, so only segments have times.")

    stream = options.stream and skills.streams
    if options.stream and not stream:
        notes.append(f"{model} does not stream, so the text comes when it is complete.")
    elif stream and timed and has_times:
        stream = False
        notes.append(
            "A streamed answer carries text alone; times were asked for, so this one is not streamed."
        )

    longest_s = _longest(options, skills)
    as_is = _fits(audio, provider, skills, longest_s, notes)
    words = words or (not as_is and not stream and has_times and skills.word_times)  # they make clean seams

    # One rich answer serves every output: subtitles of many pieces cannot be joined, their segments can.
    asked: Format = "verbose_json" if has_times and not stream else "json"
    request: dict[str, Any] = {"model": model, "response_format": asked}
    if asked == "verbose_json":
        request["timestamp_granularities"] = ["segment", "word"] if words else ["segment"]
    if stream:
        request["stream"] = True
    for name in ("language", "prompt", "temperature"):
        if (value := getattr(options, name)) not in (None, ""):
            request[name] = value
    if options.vad is not None:
        if provider == "local":
            request["extra_body"] = {"vad": options.vad}  # a field of the local service alone
        else:
            notes.append(f"Voice detection is a switch of the local service; {model} decides for itself.")
    return Plan(
        provider,
        model,
        request,
        output,
        as_is,
        longest_s,
        min(options.overlap_s, longest_s / 4),
        skills.usd_per_minute,
        tuple(notes),
    )


def _refuse(options: Options, provider: str, model: str) -> None:
    """Stop what cannot be, with the way out."""
    if options.format not in get_args(Format):
        raise BadUsage(
            f"There is no output format {options.format!r}.", f"Choose one of {', '.join(get_args(Format))}."
        )
    if options.temperature is not None and not 0 <= options.temperature <= 1:
        raise BadUsage(
            f"The temperature {options.temperature} is outside 0 to 1.", "0 gives the most likely text."
        )
    if options.overlap_s < 0 or options.chunk_s < max(5, 4 * options.overlap_s):
        raise BadUsage(
            f"Pieces of {options.chunk_s:g} s with {options.overlap_s:g} s of overlap leave no room to cut.",
            "Choose pieces of at least 5 s and four times the overlap.",
        )
    if provider not in ("local", "openai"):
        raise BadUsage(f"There is no provider {provider!r}.", "Choose local or openai.")
    known = find(model)
    if known and known.kind != "speech":
        raise BadUsage(f"{model} does not turn speech into text.", "List those that do with `ladder models`.")
    if known and known.where == "api" and provider == "local" and model not in LOCAL_ALIASES:
        raise BadUsage(
            f"{model} runs at {known.source}, and the provider is local.",
            f"Add --provider openai (the sound then leaves this machine), or choose "
            f"{default_speech_model('local')}.",
        )
    days = known.days_left() if known and provider != "local" else None
    if days is not None and days < 0:
        raise BadUsage(
            f"{shutdown_warning(model)}",
            f"Choose {default_speech_model('openai')}, or a model on this machine.",
        )


def _without_times(options: Options) -> tuple[str, Format]:
    """What is lost where a model gives no times, in words, and the format that remains."""
    if options.format in ("srt", "vtt"):
        return "there are no subtitles: the text alone comes back", "text"
    if options.format == "verbose_json":
        return "the JSON holds the text alone", "json"
    return "words have no times", options.format


def _who_has_times(provider: str) -> str:
    if provider == "local":
        return "Choose pocketsphinx or a Whisper model."
    return f"Choose {default_speech_model('openai', timestamps=True)}, or a model on this machine."


def _longest(options: Options, skills: SpeechSkills) -> float:
    """The most seconds that one piece may have: by choice, by the model's clock, by its scales."""
    by_bytes = skills.max_bytes / FLAC_BYTES_PER_S
    return min(options.chunk_s, skills.max_seconds or by_bytes, by_bytes)


def _fits(
    audio: Audio | None, provider: str, skills: SpeechSkills, longest_s: float, notes: list[str]
) -> bool:
    """Whether the file can go up as it is; if not, `notes` says why."""
    if audio is None:
        return True
    if audio.seconds > longest_s:
        notes.append(
            f"{audio.name} lasts {audio.seconds:.0f} s: it goes up in pieces of at most {longest_s:.0f} s."
        )
        return False
    if audio.size > skills.max_bytes:
        notes.append(f"{audio.name} has {audio.size / 1e6:.0f} MB, over the limit: it goes up as FLAC.")
        return False
    if provider != "local" and not UPLOADABLE & set(audio.container.split(",")):
        notes.append(f"{audio.name} is {audio.container}, which is not taken everywhere: it goes up as FLAC.")
        return False
    return True
