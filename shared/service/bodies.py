"""What a client may send as JSON: the bodies of chat and embedding requests, as OpenAI's SDK spells them.

Fields that are not named here are ignored, as compatible servers do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

from shared.service.engines.base import ChatAsk, Message
from shared.service.errors import ApiError

INPUTS = 2048  # texts of one request, as at OpenAI
STOPS = 4
MESSAGES = 1000

Name = Annotated[str, Field(max_length=200)]
Penalty = Annotated[float, Field(ge=-2, le=2, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
Stop = Annotated[str, Field(min_length=1, max_length=500)]


class Body(BaseModel):
    """JSON has types of its own: "3" is no number."""

    model_config = ConfigDict(strict=True)


class EmbeddingBody(Body):
    """`POST /v1/embeddings`."""

    model: Name
    input: Annotated[
        Annotated[str, Field(min_length=1)]
        | Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1, max_length=INPUTS)],
        Field(description="A text, or up to 2,048 of them."),
    ]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Count | None = None
    user: str | None = None

    @field_validator("input", mode="before")
    @classmethod
    def _texts(cls, value: Any) -> Any:
        """One clear sentence for each wrong shape, where a union would tell of every shape that it is not."""
        if value in ("", []):
            raise PydanticCustomError("empty", "it is empty; send a text, or a list of texts")
        if isinstance(value, list):
            if len(value) > INPUTS:
                raise PydanticCustomError(
                    "too_many", f"it holds {len(value)} texts; at most {INPUTS} are taken"
                )
            if any(isinstance(item, int | list) for item in value):
                raise PydanticCustomError(
                    "tokens",
                    "it holds token ids, which only their own tokenizer understands; send text "
                    "(with LangChain: check_embedding_ctx_length=False)",
                )
            if "" in value:
                raise PydanticCustomError("empty", f"text {value.index('')} is empty")
        if not isinstance(value, str) and not (
            isinstance(value, list) and all(isinstance(item, str) for item in value)
        ):
            raise PydanticCustomError("no_text", "send a text, or a list of texts")
        return value

    @property
    def texts(self) -> list[str]:
        """What to encode."""
        return [self.input] if isinstance(self.input, str) else self.input


class Part(Body):
    """A piece of a message's content."""

    type: Name
    text: str | None = None


class ChatMessage(Body):
    """A turn of the conversation."""

    role: Literal["developer", "system", "user", "assistant", "tool", "function"]
    content: str | list[Part] | None = None

    @property
    def text(self) -> str:
        """All its text."""
        if isinstance(self.content, list):
            return "\n".join(part.text or "" for part in self.content)
        return self.content or ""


class StreamOptions(Body):
    """What a stream tells beside the answer."""

    include_usage: bool | None = None


class ResponseFormat(Body):
    """What the answer is to look like."""

    type: Name


class ChatBody(Body):
    """`POST /v1/chat/completions`."""

    model: Name
    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=MESSAGES)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Count | None = None
    max_completion_tokens: Count | None = None
    stop: Stop | Annotated[list[Stop], Field(max_length=STOPS)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = None
    seed: int | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    user: str | None = None
    n: Count | None = None
    tools: list[dict[str, Any]] | None = None
    response_format: ResponseFormat | None = None

    @field_validator("stop", mode="before")
    @classmethod
    def _few(cls, value: Any) -> Any:
        if isinstance(value, list) and len(value) > STOPS:
            raise PydanticCustomError("too_many", f"it holds {len(value)} strings; at most {STOPS} are taken")
        return value

    def check(self, model: str) -> None:
        """Raise ApiError for what the model that answers cannot do."""
        refused: Sequence[tuple[str, bool, str]] = (
            ("n", (self.n or 1) > 1, "gives one answer a request; leave n out"),
            ("tools", bool(self.tools), "calls no tools"),
            ("response_format", self._format != "text", f"cannot promise {self._format}; leave it out"),
            ("messages", self._odd_part != "", f"reads text alone, not {self._odd_part}"),
        )
        for param, wrong, words in refused:
            if wrong:
                raise ApiError(400, f"{param}: {model} {words}.", param=param, code="unsupported")
        if self.stream_options and not self.stream:
            raise ApiError(400, "stream_options: it goes with stream alone.", param="stream_options")

    @property
    def _format(self) -> str:
        return self.response_format.type if self.response_format else "text"

    @property
    def _odd_part(self) -> str:
        """The type of the first part of content that is not text."""
        parts = (part for m in self.messages if isinstance(m.content, list) for part in m.content)
        return next((part.type for part in parts if part.type != "text"), "")

    @property
    def conversation(self) -> list[Message]:
        """What the engine gets to read."""
        return [Message(message.role, message.text) for message in self.messages]

    @property
    def stops(self) -> tuple[str, ...]:
        """The strings that end an answer."""
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())

    @property
    def ask(self) -> ChatAsk:
        """What the engine gets to know. The newer spelling of max_tokens goes first."""
        return ChatAsk(self.max_completion_tokens or self.max_tokens, self.temperature, self.top_p, self.seed)
