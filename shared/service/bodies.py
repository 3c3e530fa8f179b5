"""What a client may send as JSON: the bodies of chat and embedding requests, as OpenAI's SDK spells them.

Fields that are not named here are ignored, as compatible servers do.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

from shared.service.engines.base import ChatAsk, Message, ToolCall
from shared.service.errors import ApiError

INPUTS = 2048  # texts of one request, as at OpenAI
STOPS = 4
FORMATS = ("text", "json_object", "json_schema")
MESSAGES = 1000
TOOLS = 128

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


class Function(Body):
    """What the assistant called: `arguments` is the text of a JSON object."""

    name: Name
    arguments: str

    @field_validator("arguments")
    @classmethod
    def _object(cls, value: str) -> str:
        try:
            whole = isinstance(json.loads(value), dict)
        except (ValueError, RecursionError):
            whole = False
        if not whole:
            raise PydanticCustomError("arguments", "the arguments of a tool call are no JSON object")
        return value


class Called(Body):
    """A call that the assistant made."""

    id: Name
    function: Function


class ChatMessage(Body):
    """A turn of the conversation."""

    role: Literal["developer", "system", "user", "assistant", "tool", "function"]
    content: str | list[Part] | None = None
    tool_calls: list[Called] | None = None
    tool_call_id: Name | None = None

    @property
    def text(self) -> str:
        """All its text."""
        if isinstance(self.content, list):
            return "\n".join(part.text or "" for part in self.content)
        return self.content or ""

    @property
    def message(self) -> Message:
        """What the engine gets to read."""
        calls = (ToolCall(c.id, c.function.name, c.function.arguments) for c in self.tool_calls or ())
        return Message(self.role, self.text, tuple(calls), self.tool_call_id or "")


class StreamOptions(Body):
    """What a stream tells beside the answer."""

    include_usage: bool | None = None


class Schema(Body):
    """A JSON schema with its name, which says nothing to an engine here."""

    content: Annotated[dict[str, Any], Field(alias="schema")]


class ResponseFormat(Body):
    """What the answer is to look like. `json_object` is any JSON object."""

    type: Name
    json_schema: Schema | None = None

    @property
    def schema_to_keep(self) -> dict[str, Any] | None:
        """The schema of the answer, None for free text."""
        if self.type == "json_object":
            return {"type": "object"}
        return self.json_schema.content if self.type == "json_schema" and self.json_schema else None


class ChatBody(Body):
    """`POST /v1/chat/completions`. A temperature that is missing counts as 0: the likeliest answer."""

    model: Name
    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=MESSAGES)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Count | None = None
    max_completion_tokens: Count | None = None
    stop: Stop | Annotated[list[Stop], Field(max_length=STOPS)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = None
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    user: str | None = None
    n: Count | None = None
    tools: Annotated[list[dict[str, Any]], Field(max_length=TOOLS)] | None = None
    tool_choice: str | dict[str, Any] | None = None
    response_format: ResponseFormat | None = None

    @field_validator("stop", mode="before")
    @classmethod
    def _few(cls, value: Any) -> Any:
        if isinstance(value, list) and len(value) > STOPS:
            raise PydanticCustomError("too_many", f"it holds {len(value)} strings; at most {STOPS} are taken")
        return value

    @field_validator("tools")
    @classmethod
    def _functions(cls, value: list[dict[str, Any]] | None) -> list[dict[str, Any]] | None:
        for number, tool in enumerate(value or ()):
            function = tool.get("function")
            if not isinstance(function, dict) or not isinstance(function.get("name"), str):
                raise PydanticCustomError("tool", f"tool {number} is no function with a name")
        return value

    def check(self, model: str, writes: bool) -> None:
        """Raise ApiError for what the model that answers cannot do.

        Args:
            writes: it makes sentences of its own, and does not only quote.
        """
        shape, choice = self._format, self.tool_choice
        refused: Sequence[tuple[str, bool, str]] = (
            ("n", (self.n or 1) > 1, "gives one answer a request; leave n out"),
            ("tools", bool(self.tools) and not writes, "calls no tools"),
            ("tools", bool(self.tools) and shape != "text", "calls tools or keeps to a format, not both"),
            ("tool_choice", choice not in (None, "auto", "none"), "decides by itself; send auto or none"),
            ("response_format", shape != "text" and not writes, f"cannot promise {shape}; leave it out"),
            ("response_format", shape not in FORMATS, f"knows {', '.join(FORMATS)}, not {shape}"),
            ("response_format", self._lost, "needs the schema in json_schema.schema"),
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
    def _lost(self) -> bool:
        """A schema is promised and does not come."""
        return self._format == "json_schema" and self._schema is None

    @property
    def _schema(self) -> dict[str, Any] | None:
        return self.response_format.schema_to_keep if self.response_format else None

    @property
    def _odd_part(self) -> str:
        """The type of the first part of content that is not text."""
        parts = (part for m in self.messages if isinstance(m.content, list) for part in m.content)
        return next((part.type for part in parts if part.type != "text"), "")

    @property
    def conversation(self) -> list[Message]:
        """What the engine gets to read."""
        return [message.message for message in self.messages]

    @property
    def stops(self) -> tuple[str, ...]:
        """The strings that end an answer."""
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())

    @property
    def ask(self) -> ChatAsk:
        """What the engine gets to know. The newer spelling of max_tokens goes first."""
        return ChatAsk(
            max_tokens=self.max_completion_tokens or self.max_tokens,
            temperature=self.temperature,
            top_p=self.top_p,
            seed=self.seed,
            presence=self.presence_penalty or 0.0,
            frequency=self.frequency_penalty or 0.0,
            schema=self._schema,
            tools=() if self.tool_choice == "none" else tuple(self.tools or ()),
        )
