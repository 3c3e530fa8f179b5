"""What a client may send: the form fields of the audio endpoints, as OpenAI's SDK spells them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Annotated, Literal

from fastapi import UploadFile
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.models import Format
from shared.service.engines.base import Ask
from shared.service.errors import ApiError
from shared.service.vad import Tuning

Threshold = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Padding = Annotated[int, Field(ge=0, le=5_000)]  # milliseconds
Pause = Annotated[int, Field(ge=0, le=60_000)]


class ServerVad(BaseModel):
    """The object form of `chunking_strategy`. What is left out keeps its default."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["server_vad"]
    threshold: Threshold | None = None
    prefix_padding_ms: Padding | None = None
    silence_duration_ms: Pause | None = None


class AudioForm(BaseModel):
    """What transcriptions and translations have in common."""

    file: Annotated[UploadFile, Field(description="An audio or video file; its name does not matter.")]
    model: Annotated[str, Field(max_length=200)]
    prompt: Annotated[str | None, Field(max_length=10_000)] = None
    response_format: Format = "json"
    temperature: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0
    vad: Annotated[bool, Field(description="Ours: skip what is not speech.")] = True

    @property
    def granularities(self) -> set[str]:
        """Which times to answer with."""
        return {"segment"}

    def ask(self) -> Ask:
        """What the engine gets to know. Subtitles are cut by word times."""
        words = "word" in self.granularities or self.response_format in ("srt", "vtt")
        return Ask(prompt=self.prompt, temperature=self.temperature, words=words, translate=True)

    def tuning(self) -> Tuning | None:
        """How to find speech; None: do not look for it."""
        return Tuning() if self.vad else None


class TranscriptionForm(AudioForm):
    """`POST /v1/audio/transcriptions`."""

    language: Annotated[str | None, Field(description="ISO 639-1, such as `en`.", max_length=20)] = None
    timestamp_granularities: Annotated[
        list[Literal["word", "segment"]],
        Field(alias="timestamp_granularities[]", description="With `verbose_json` alone."),
    ] = []
    stream: Annotated[bool, Field(description="With `json` or `text`.")] = False
    chunking_strategy: Annotated[
        str | None, Field(description='`auto`, or JSON: `{"type": "server_vad", …}`', max_length=1000)
    ] = None
    chunking_type: Annotated[
        Literal["server_vad"] | None,
        Field(alias="chunking_strategy[type]", description="As the SDK sends it."),
    ] = None
    chunking_threshold: Annotated[Threshold | None, Field(alias="chunking_strategy[threshold]")] = None
    chunking_padding: Annotated[Padding | None, Field(alias="chunking_strategy[prefix_padding_ms]")] = None
    chunking_silence: Annotated[Pause | None, Field(alias="chunking_strategy[silence_duration_ms]")] = None

    @property
    def granularities(self) -> set[str]:
        """Segments unless told otherwise, as at OpenAI."""
        return set(self.timestamp_granularities) or {"segment"}

    def check(self) -> None:
        """Raise ApiError for fields that exclude each other."""
        if self.timestamp_granularities and self.response_format != "verbose_json":
            raise ApiError(
                400,
                "timestamp_granularities needs response_format verbose_json, "
                f"but response_format is {self.response_format}.",
                param="timestamp_granularities",
            )
        if self.stream and self.response_format not in ("json", "text"):
            raise ApiError(
                400,
                f"stream works with response_format json or text, not with {self.response_format}.",
                param="stream",
            )

    def ask(self) -> Ask:
        language = self.language.lower() if self.language else None
        return replace(super().ask(), language=language, translate=False)

    def tuning(self) -> Tuning | None:
        vad = self._server_vad()
        if not self.vad:
            return None
        given = vad.model_dump(exclude={"type"}, exclude_none=True) if vad else {}
        return replace(Tuning(), **given)

    def _server_vad(self) -> ServerVad | None:
        """`chunking_strategy` in any of its three spellings; None for `auto` or unset."""
        if self.chunking_strategy in (None, "auto"):
            options = {
                "type": self.chunking_type,
                "threshold": self.chunking_threshold,
                "prefix_padding_ms": self.chunking_padding,
                "silence_duration_ms": self.chunking_silence,
            }
            if all(value is None for value in options.values()):
                return None
        else:
            try:
                options = json.loads(self.chunking_strategy)
            except ValueError:
                options = None
        try:
            return ServerVad.model_validate(options)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise ApiError(
                400,
                'chunking_strategy is "auto" or an object with type "server_vad", threshold (0 to 1), '
                f"prefix_padding_ms and silence_duration_ms; {where or 'this one'} is wrong.",
                param="chunking_strategy",
            ) from None
