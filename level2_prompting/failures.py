"""A call to a model that failed, as one sentence with a way out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from shared.clients import endpoint
from shared.errors import LadderError


@contextmanager
def told(provider: str, model: str) -> Iterator[None]:
    """Turns the SDK's errors inside the block into a LadderError that names who refused what."""
    import httpx
    import openai

    try:
        yield
    except (openai.APIConnectionError, httpx.TransportError) as error:  # httpx: in the midst of a stream
        raise _gone(error, provider) from error
    except openai.OpenAIError as error:
        raise _sentence(error, endpoint(provider), model) from error


def _gone(error: Exception, provider: str) -> LadderError:
    """Nobody is there, or nobody says anything."""
    import httpx
    import openai

    host = endpoint(provider)
    if isinstance(error, openai.APITimeoutError | httpx.TimeoutException):
        return LadderError(f"{host} did not answer in time.", "Try again, or see: ladder doctor")
    if provider == "local":  # it was there when its address was asked for
        return LadderError(
            "The AI service on this machine has just ended.", "Try again: that starts a new one."
        )
    return LadderError(f"{host} cannot be reached.", "Check the address; see: ladder doctor")


def _sentence(error: Exception, host: str, model: str) -> LadderError:
    import openai

    body = getattr(error, "body", None)
    message = body.get("message") if isinstance(body, dict) else None
    said = str(message or getattr(error, "message", error)).strip().rstrip(".") + "."
    match error:
        case openai.AuthenticationError():
            return LadderError(f"{host} refused the key.", "Check OPENAI_API_KEY in the environment or .env.")
        case openai.NotFoundError():
            return LadderError(f"{host} has no model {model}: {said}", "See what there is: ladder models")
        case openai.RateLimitError(code="insufficient_quota"):
            return LadderError(f"The account at {host} has no credit left.", "Use --provider local.")
        case openai.RateLimitError():
            return LadderError(f"{host} is busy: {said}", "Try again in a moment.")
        case _:
            return LadderError(f"{host} failed with {model}: {said}", "Mend what it names, then try again.")
