"""The call itself: one file to the service, one answer back, and its errors as sentences.

    client.audio.transcriptions.create(file=file, model="pocketsphinx", response_format="verbose_json")

is all there is to using a speech API. The rest of this file is what comes with it: the headers, the
streamed text, and what to do when it fails.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import PurePath
from threading import Event
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from level1_api.audio import Audio
from level1_api.plan import UPLOADABLE, Options, Plan, plan
from level1_api.retry import LONGEST_WAIT_S, patiently, told_wait_s
from shared.errors import LadderError
from shared.settings import settings
from shared.speech import Transcript

if TYPE_CHECKING:
    from openai import OpenAI


@dataclass
class Answer:
    """What came back for one upload.

    Attributes:
        raw: the API's JSON as it came; of a streamed answer, its last event.
        engine: who made it, where the service says so.
        timings_ms: where the service spent its time, where it says so.
    """

    raw: dict[str, Any]
    transcript: Transcript
    engine: str
    timings_ms: dict[str, float] = field(default_factory=dict)


def ask(
    client: OpenAI,
    file: tuple[str, bytes],
    seconds: float,
    plan: Plan,
    on_delta: Callable[[str], None] | None = None,
    say: Callable[[str], None] = lambda sentence: None,
    stop: Event | None = None,
) -> Answer:
    """Transcribe one upload, with patience.

    Args:
        file: a name with the right ending, and the bytes.
        seconds: its length, for answers that do not say it.
        on_delta: gets the text while it is made, if the plan streams.
        say: told each retry.
        stop: set it to give up waiting.

    Raises:
        LadderError: what the service said, and what to do about it.
    """
    from openai import OpenAIError

    client = client.with_options(max_retries=0)  # ours say what they do
    heard = on_delta or (lambda delta: None)

    def once() -> tuple[dict[str, Any], Any]:
        response = client.audio.transcriptions.with_raw_response.create(file=file, **plan.request)
        return (_streamed(response.parse(), heard) if plan.stream else _whole(response)), response.headers

    try:
        raw, headers = patiently(once, say, stop)
        engine = headers.get("x-ladder-engine") or raw.get("engine") or plan.model
        return Answer(raw, _transcript(raw, seconds, engine), engine, _timings(headers))
    except (OpenAIError, ValueError) as error:  # ValueError: not JSON, or not a transcript
        raise explain(error, str(client.base_url), plan.model, file[0]) from error


def _whole(response: Any) -> dict[str, Any]:
    raw = json.loads(response.text)
    if not isinstance(raw, dict):
        raise ValueError(f"an object was expected, not {type(raw).__name__}")
    return raw


def _streamed(stream: Any, heard: Callable[[str], None]) -> dict[str, Any]:
    """Hand on each piece of text as it comes; the last event holds the whole."""
    said = ""
    with stream:
        try:
            for event in stream:
                if event.type == "transcript.text.delta":
                    said += event.delta
                    heard(event.delta)
                elif event.type == "transcript.text.done":
                    return {**event.to_dict(), "text": event.text or said}
        except Exception as error:
            if not said or isinstance(error, LadderError):
                raise
            raise _broken_off(said) from error  # trying again would say the same words twice
    raise _broken_off(said)


def _broken_off(said: str) -> LadderError:
    after = f" after “…{said[-40:]}”" if said else ""
    return LadderError(
        f"The stream ended{after} before the text was complete.", "Try again, or without --stream."
    )


def _transcript(raw: dict[str, Any], seconds: float, engine: str) -> Transcript:
    """The answer in our shape. A length that the API does not tell is the one we measured."""
    known = {k: v for k, v in raw.items() if v is not None}
    if known.get("usage", {}).get("type") != "duration":  # some models bill tokens; `raw` keeps that
        known.pop("usage", None)
    return Transcript.model_validate({"duration": seconds, **known, "engine": engine})


def _timings(headers: Any) -> dict[str, float]:
    try:
        told = json.loads(headers.get("x-ladder-timings") or "{}")
        return {str(k): float(v) for k, v in told.items()}
    except (AttributeError, TypeError, ValueError):
        return {}


def upload_name(audio: Audio) -> str:
    """The file's name with an ending that tells its format: some services go by that alone."""
    name = PurePath(audio.name)
    if name.suffix[1:].lower() in UPLOADABLE:
        return name.name
    kinds = [kind for kind in audio.container.split(",") if kind in UPLOADABLE - {"matroska"}]
    return f"{name.stem}.{kinds[-1] if kinds else audio.container.split(',')[0]}"


# What went wrong -------------------------------------------------------------------------------------


def explain(error: Exception, url: str, model: str, name: str) -> LadderError:
    """An error of the API as a sentence that names the input, and what to do. The key is never shown."""
    import openai

    host = urlsplit(url).netloc
    said = _said(error)
    match error:
        case openai.AuthenticationError():
            key = "OPENAI_API_KEY" if "openai" in host else "the key of this service (OPENAI_API_KEY)"
            return LadderError(f"{host} refused the key.", f"Check {key} in the environment or in .env.")
        case openai.PermissionDeniedError():
            return LadderError(f"{host} does not let this key use {model}: {said}", "Choose another model.")
        case openai.NotFoundError():
            return LadderError(
                f"{host} has no speech model {model}: {said}", "See what there is: ladder models"
            )
        case openai.APIStatusError(status_code=413):
            return LadderError(f"{name} is too large for {host}.", "Send smaller pieces: --chunk 300")
        case openai.RateLimitError(code="insufficient_quota"):
            return LadderError(
                f"The account at {host} has no credit left.", "Add credit, or use the provider local."
            )
        case openai.RateLimitError():
            wait = told_wait_s(error) or 0
            if wait > LONGEST_WAIT_S:
                return LadderError(
                    f"{host} asks to wait {wait:.0f} s before the next call.", "Try again after that."
                )
            return LadderError(
                f"{host} is still busy after several attempts.", "Try again later, or do fewer at once."
            )
        case openai.APITimeoutError():
            return LadderError(
                f"{host} did not answer about {name} in time.", "Send smaller pieces: --chunk 300"
            )
        case openai.APIConnectionError():
            return LadderError(
                f"{host} cannot be reached.", "Check the address and the network; see `ladder doctor`."
            )
        case openai.InternalServerError():
            return LadderError(
                f"{host} failed on {name} each time: {said}", "Try again later, or another model."
            )
        case openai.APIStatusError():
            return LadderError(f"{host} refused {name}: {said}", "Mend what it names, then try again.")
        case openai.APIError() if error.message:
            return LadderError(f"{host} failed on {name}: {said}", "Try again later, or another model.")
        case _:
            return LadderError(
                f"{host} did not answer with a transcript.",
                "Check that the address is a speech API's, ending in /v1.",
            )


def _said(error: Exception) -> str:
    """The service's own sentence, without the code around it."""
    body = getattr(error, "body", None)
    text = body.get("message") if isinstance(body, dict) else None
    return str(text or getattr(error, "message", error)).strip().rstrip(".") + "."


# The same call, elsewhere ----------------------------------------------------------------------------


def snippet(options: Options, filename: str, base_url: str | None = None) -> str:
    """The Python code of this very call, which runs anywhere with `pip install openai`.

    Args:
        base_url: where the service is; by default the local service's usual port, or OpenAI.
    """
    made = plan(options)
    local = made.provider == "local"
    url = base_url or (
        f"http://127.0.0.1:{settings().service_port}/v1" if local else settings().openai_base_url
    )
    given = [f"base_url={_literal(url)}"] if url else []
    given += ['api_key="local"'] if local else []
    lines = [
        "from openai import OpenAI",
        "",
        f"client = OpenAI({', '.join(given)})" + ("" if local else "  # the key is in OPENAI_API_KEY"),
        f'with open({_literal(filename)}, "rb") as file:',
        "    answer = client.audio.transcriptions.create(",
        "        file=file,",
        *(f"        {key}={_literal(value)}," for key, value in made.request.items()),
        "    )",
    ]
    if made.stream:
        lines += [
            "for event in answer:",
            '    if event.type == "transcript.text.delta":',
            '        print(event.delta, end="", flush=True)',
        ]
    else:
        lines += ["print(answer.text)"]
    return "\n".join(lines) + "\n"


def _literal(value: Any) -> str:
    """A value as Python code, with double quotes as this project writes them."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str | list) else repr(value)
