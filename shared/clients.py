"""The OpenAI and LangChain clients, built with the right flags: for this machine's service, or for OpenAI.

    client = openai_client()            # the local service, started if none runs
    client = openai_client("openai")    # OpenAI, or the server that OPENAI_BASE_URL names
    chat_model().invoke("…")            # LangChain's chat model and embeddings, by the same rules
    embeddings().embed_query("…")

A key in the environment alone switches nothing: requests leave this machine only if the provider says so.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from shared import servers
from shared.errors import BadUsage, LadderError
from shared.models import default_chat_model, default_embedding_model
from shared.settings import CLONE, settings

if TYPE_CHECKING:
    import openai
    from langchain_openai import ChatOpenAI, OpenAIEmbeddings

OPENAI_URL = "https://api.openai.com/v1"


def service_url() -> str:
    """The base URL of the local service, `http://127.0.0.1:PORT/v1`.

    The one that runs for this home is used (of `ladder up`, `ladder serve`, or an earlier call). If there is
    none it is started, and ends by itself after LADDER_IDLE_S seconds without a request.

    Raises:
        LadderError: it cannot be started; names its log.
    """
    program = servers.service(settings().idle_s)
    state = servers.running(program)
    if state is None:
        server = servers.join_or_start(program, _quiet, leashed=False)
        server.wait()
        state = server.state
    return f"{state.url}/v1"


def _quiet(message: str) -> None:
    """Which port the service got matters to nobody here."""


def openai_client(
    provider: str | None = None, *, timeout: float = 600, max_retries: int = 0
) -> openai.OpenAI:
    """A client for a provider.

    Args:
        provider: `local`, `openai`, or None for the setting LADDER_PROVIDER.
        timeout: seconds that one request may take; 600 is the SDK's own default.
        max_retries: the SDK's own retries. 0, because level 1 does them itself and shows them.

    Raises:
        LadderError: OpenAI is asked for and no key is set, or the local service cannot be started.
        BadUsage: there is no such provider.
    """
    import openai

    key, base_url = _access(provider)
    direct = openai.DefaultHttpxClient(trust_env=False) if _known(provider) == "local" else None
    limit = openai.Timeout(timeout, connect=5)
    return openai.OpenAI(
        api_key=key, base_url=base_url, timeout=limit, max_retries=max_retries, http_client=direct
    )


def chat_model(provider: str | None = None, model: str = "") -> ChatOpenAI:
    """LangChain's chat model. Streamed answers tell their tokens, which LangChain leaves out by itself.

    Args:
        provider: as in `openai_client`.
        model: empty for the setting LADDER_CHAT_MODEL, or the provider's default.

    Raises:
        LadderError, BadUsage: as `openai_client`.
    """
    from langchain_openai import ChatOpenAI

    name = model or default_chat_model(_known(provider))
    return ChatOpenAI(model=name, stream_usage=True, use_responses_api=False, **_langchain(provider))


def embeddings(provider: str | None = None, model: str = "") -> OpenAIEmbeddings:
    """LangChain's embeddings. Texts are sent as text: by itself LangChain would fetch OpenAI's tokenizer from
    the network and send token ids, which no other server knows.

    Args:
        provider: as in `openai_client`.
        model: empty for the setting LADDER_EMBEDDING_MODEL, or the provider's default.

    Raises:
        LadderError, BadUsage: as `openai_client`.
    """
    from langchain_openai import OpenAIEmbeddings

    name = model or default_embedding_model(_known(provider))
    return OpenAIEmbeddings(model=name, check_embedding_ctx_length=False, **_langchain(provider))


def _langchain(provider: str | None) -> dict[str, Any]:
    """What both of LangChain's clients are told."""
    import openai

    key, base_url = _access(provider)
    told: dict[str, Any] = {"api_key": key, "base_url": base_url, "timeout": 600}
    if _known(provider) == "local":
        told["http_client"] = openai.DefaultHttpxClient(trust_env=False)
        told["http_async_client"] = openai.DefaultAsyncHttpxClient(trust_env=False)
    return told


def _access(provider: str | None) -> tuple[str, str]:
    """The key and the base URL of a provider. For `local` the service is started if none runs."""
    own = settings()
    if _known(provider) == "local":
        return own.service_key.get_secret_value() if own.service_key else "local", service_url()
    if own.openai_api_key is None:
        raise LadderError(
            "The provider is openai, and no key is set.",
            f"Put OPENAI_API_KEY=… into {CLONE / '.env'}, or use --provider local (LADDER_PROVIDER=local).",
        )
    return own.openai_api_key.get_secret_value(), own.openai_base_url or OPENAI_URL


def endpoint(provider: str | None = None) -> str:
    """Where requests of a provider go, in words: `this machine`, or the host's name."""
    if _known(provider) == "local":
        return "this machine"
    parts = urlsplit(settings().openai_base_url or OPENAI_URL)
    host = parts.hostname or "an unknown host"
    return f"this machine ({parts.netloc.rpartition('@')[2]})" if _is_loopback(host) else host


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _known(provider: str | None) -> str:
    provider = provider or settings().provider
    if provider not in ("local", "openai"):
        raise BadUsage(f"There is no provider {provider!r}.", "Use local or openai.")
    return provider
