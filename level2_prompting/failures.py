"""A call to a model that failed, as one sentence with a way out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from shared.clients import endpoint
from shared.errors import LadderError


@contextmanager
def told(provider: str, model: str) -> Iterator[None]:
    """Turns the SDK's errors inside the block into a LadderError that names who refused what."""
    import openai

    try:
        yield
    except openai.OpenAIError as error:
        raise _sentence(error, endpoint(provider), model) from error
    except json.JSONDecodeError as error:  # the SDK lets an event that is no JSON through
        raise LadderError(
            f"{endpoint(provider)} answered for {model} with what is no JSON.",
            "Is this the address of an OpenAI-compatible server? See: ladder doctor",
        ) from error


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
        case openai.APITimeoutError():
            return LadderError(f"{host} did not answer in time.", "Try again, or see: ladder doctor")
        case openai.APIConnectionError() if host == endpoint("local"):  # it was there a moment ago
            return LadderError(
                f"The AI service on {host} has just ended.", "Try again: that starts a new one."
            )
        case openai.APIConnectionError():
            return LadderError(f"{host} cannot be reached.", "Check the address; see: ladder doctor")
        case _:
            return LadderError(f"{host} failed with {model}: {said}", "Mend what it names, then try again.")
