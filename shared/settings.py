"""Every setting in one place: the only reader of the environment and of `.env`.

A setting is an environment variable with the prefix `LADDER_`, or a line in the file `.env` beside this
project's README. Standard names (`OPENAI_API_KEY`, `OPENAI_BASE_URL`, `MLFLOW_TRACKING_URI`) are honoured.

    LADDER_PROVIDER=openai ladder level1 transcribe talk.mp3
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from shared.errors import BadUsage

CLONE = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """What can be set, each with its default. Field `x` is the variable `LADDER_X`."""

    model_config = SettingsConfigDict(
        env_prefix="LADDER_", env_file=CLONE / ".env", extra="ignore", populate_by_name=True
    )

    home: Path = CLONE / ".ladder"
    provider: Literal["local", "openai"] = "local"
    speech_model: str = ""  # empty: the provider's default, from shared/models.py
    chat_model: str = ""
    embedding_model: str = ""
    whisper_folders: Annotated[tuple[Path, ...], NoDecode] = ()  # CTranslate2 folders, served by name
    chat_folders: Annotated[tuple[Path, ...], NoDecode] = ()  # causal models with a chat template, likewise
    device: Literal["auto", "cpu", "cuda"] = "auto"

    service_port: int = Field(8321, ge=1, le=65535)
    mlflow_port: int = Field(5321, ge=1, le=65535)
    hub_port: int = Field(8501, ge=1, le=65535)

    service_key: SecretStr | None = None  # when set, the local service asks for it
    upload_mb: float = Field(25, gt=0)
    queue: int = Field(16, ge=0)  # requests that may wait for one model
    max_audio_s: float = Field(7200, gt=0)  # longest audio one request may decode to
    idle_s: float = Field(900, gt=0)  # a service started on demand ends after so long without a request

    openai_api_key: SecretStr | None = Field(None, validation_alias="OPENAI_API_KEY")
    openai_base_url: str | None = Field(None, validation_alias="OPENAI_BASE_URL")
    mlflow_tracking_uri: str | None = Field(None, validation_alias="MLFLOW_TRACKING_URI")

    @field_validator("whisper_folders", "chat_folders", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        """`a:b` as in PATH (`a;b` on Windows)."""
        return tuple(p for p in value.split(os.pathsep) if p) if isinstance(value, str) else value

    @field_validator("home", mode="after")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("openai_api_key", "openai_base_url", "mlflow_tracking_uri", "service_key", mode="before")
    @classmethod
    def _empty_is_unset(cls, value: object) -> object:
        return None if value == "" else value

    @property
    def store_uri(self) -> str:
        """The MLflow store: a database in the home, or whatever MLFLOW_TRACKING_URI names."""
        return self.mlflow_tracking_uri or f"sqlite:///{(self.home / 'mlflow.db').as_posix()}"

    @property
    def artifacts(self) -> Path:
        return self.home / "artifacts"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def models(self) -> Path:
        """Where pulled models live, one folder a model."""
        return self.home / "models"


@lru_cache
def settings() -> Settings:
    """The settings of this process, read once. Raises BadUsage that names the wrong variable."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        field = str(first["loc"][0])
        name = field if field.isupper() else f"LADDER_{field.upper()}"
        raise BadUsage(
            f"The setting {name} is not usable: {first['msg'].lower()}.",
            f"Mend or remove {name} in the environment or in {CLONE / '.env'}.",
        ) from None
