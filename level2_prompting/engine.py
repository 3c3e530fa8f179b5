"""Who answers: a LangChain chat model of a provider, and what its answers tell about themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.models import LOCAL_ALIASES, default_chat_model
from shared.settings import settings

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel


@dataclass(frozen=True)
class Engine:
    """A chat model, whose it is, and its name."""

    chat: BaseChatModel
    provider: str
    name: str

    @property
    def follows_instructions(self) -> bool:
        """Whether it does what a prompt says."""
        return follows_instructions(self.provider, self.name)


def follows_instructions(provider: str | None = None, name: str = "") -> bool:
    """Whether a provider's model does what a prompt says. The embedded reader only quotes its sources.

    Args:
        provider, name: empty for what is set, or the default.
    """
    provider = provider or settings().provider
    name = name or default_chat_model(provider)
    return provider != "local" or LOCAL_ALIASES.get(name, name) != "reader"


def engine(provider: str | None = None, model: BaseChatModel | None = None) -> Engine:
    """The engine of a provider; None for the setting LADDER_PROVIDER.

    Args:
        model: a LangChain chat model to use in place of the provider's.
    """
    from shared.clients import chat_model

    provider = provider or settings().provider
    if model is not None:
        return Engine(model, provider, type(model).__name__)
    # A header of the local service tells which engine answered.
    chat = chat_model(provider).model_copy(update={"include_response_headers": True})
    return Engine(chat, provider, default_chat_model(provider))


def made_by(message: Any, name: str) -> str:
    """Which engine made a message; the name that was asked for where it does not say."""
    about = message.response_metadata if message else {}
    return about.get("headers", {}).get("x-ladder-engine") or about.get("model_name") or name


def usage(message: Any) -> dict[str, int] | None:
    """Tokens in, out and together, where the engine counts them."""
    used = getattr(message, "usage_metadata", None)
    return {key: used[key] for key in ("input_tokens", "output_tokens", "total_tokens")} if used else None
