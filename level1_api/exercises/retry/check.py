"""Cases of `retry`: the openai SDK talks to a real server on loopback that misbehaves as it is told.

The oracle of the random cases is tenacity, with the same waits, against the same server.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from types import ModuleType
from typing import Any

import numpy as np
import openai
import tenacity

from shared.study import Case

TEXT = "good morning"
HANG_UP = 0  # instead of a status: the connection ends without an answer
NO_END = "no end"
ENOUGH = 10  # a loop that has slept so often has none

Answer = int | tuple[int, str]  # a status, or one with what `retry-after` says
Transcribe = Callable[[openai.OpenAI, bytes, Callable[[float], None]], str]


def cases(work: ModuleType, rng: np.random.Generator) -> Iterator[Case]:
    yield _wait("no room, the first time", 503, 1, 1.0, {"doubles-first": 2.0})
    yield _wait("broken, the third time in a row", 500, 3, 4.0, {"above-500": None, "same-wait": 1.0})
    yield _wait("no answer at all", HANG_UP, 1, 1.0, {"no-answer": None})
    yield _wait("busy, and it says for how long", (429, "7"), 1, 7.0, {"own-clock": 1.0, "text-header": "7"})
    yield _wait("the request is refused", 400, 1, None, {"tries-all": 1.0})

    yield _case("the service answers at once", [200], _outcome(TEXT))
    yield _case("it fails once", [500, 200], _outcome(TEXT, 1), {"from-zero": _outcome(TEXT, 0.5)})
    yield _case(
        "it is busy, and says for how long",
        [(429, "7"), 200],
        _outcome(TEXT, 7),
        {"own-clock": _outcome(TEXT, 1)},
    )
    yield _case(
        "it hangs up without an answer",
        [HANG_UP, 200],
        _outcome(TEXT, 1),
        {"no-answer": _outcome("APIConnectionError")},
    )
    yield _case(
        "it refuses the clip",
        [400],
        _outcome("BadRequestError"),
        {"tries-all": lambda got: got["attempts"] > 1},
    )
    yield _case(
        "it is broken and stays so",
        [503],
        _outcome("InternalServerError", 1, 2, 4, 8),
        {
            "no-end": lambda got: got["came"] == NO_END,
            "same-wait": _outcome("InternalServerError", 1, 1, 1, 1),
            "sleeps-last": _outcome("InternalServerError", 1, 2, 4, 8, 16) | {"attempts": 5},
            "stops-early": lambda got: got["attempts"] < 5,
            "swallows": lambda got: got["attempts"] == 5 and not str(got["came"]).endswith("Error"),
        },
    )
    for _ in range(2):
        script = _drawn(rng)
        yield _case("a bad day, drawn at random", script, _tried(_by_tenacity, script))


def _wait(title: str, answer: Answer, attempt: int, expected: float | None, mistakes: dict[str, Any]) -> Case:
    """What wait_s makes of the error that the SDK raises for such an answer."""
    return Case(
        title,
        call="wait_s",
        run=lambda work: work.wait_s(_error(answer), attempt),
        given=f"wait_s(error, {attempt}): the error of the SDK, where the service {_in_words(answer)}",
        expected=expected,
        mistakes=mistakes,
    )


def _error(answer: Answer) -> openai.APIError:
    with _serving([answer]) as (client, _):
        try:
            client.audio.transcriptions.create(file=("clip.wav", b"a clip"), model="any")
        except openai.APIError as error:
            return error
    raise ValueError(f"{answer} is no failure")


def _case(
    title: str, script: list[Answer], expected: dict[str, Any], mistakes: dict[str, Any] | None = None
) -> Case:
    """What becomes of a call to a service that answers so, the last answer for ever."""
    return Case(
        title,
        call="transcribe",
        run=lambda work: _tried(work.transcribe, script),
        given=f"a service that {', then '.join(map(_in_words, script))}",
        expected=expected,
        mistakes=mistakes or {},
    )


def _in_words(answer: Answer) -> str:
    if answer == HANG_UP:
        return "hangs up"
    return f"answers {answer}" if isinstance(answer, int) else f"answers {answer[0]}, retry-after {answer[1]}"


def _outcome(came: Any, *slept: float) -> dict[str, Any]:
    """The text that came, or the error's name; how often the service was asked; the seconds slept."""
    return {"came": came, "attempts": len(slept) + 1, "slept": [float(s) for s in slept]}


def _drawn(rng: np.random.Generator) -> list[Answer]:
    """Two to five failures that may pass, and what comes after them."""
    passing: list[Answer] = [500, 502, 429, HANG_UP, (429, "3"), (503, "30")]
    last: list[Answer] = [200, 200, 401, 404]
    failures = [passing[i] for i in rng.integers(len(passing), size=rng.integers(2, 6))]
    return [*failures, last[rng.integers(len(last))]]


def _tried(transcribe: Transcribe, script: list[Answer]) -> dict[str, Any]:
    """Let a function transcribe a clip by a service that follows the script."""
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        if not isinstance(seconds, int | float) or seconds < 0:  # as time.sleep does
            raise TypeError(f"sleep() takes a number of seconds, 0 or more, and not {seconds!r}")
        slept.append(seconds)
        if len(slept) == ENOUGH:
            raise _NoEndError

    came: Any
    with _serving(script) as (client, asked):
        try:
            came = transcribe(client, b"a clip", sleep)
        except openai.APIError as error:
            came = type(error).__name__
        except _NoEndError:
            came = NO_END
        return {"came": came, "attempts": len(asked), "slept": slept}


class _NoEndError(BaseException):
    """Ends a loop without end. Not an Exception, or the loop might take it for a failed attempt."""


def _by_tenacity(client: openai.OpenAI, clip: bytes, sleep: Callable[[float], None]) -> str:
    grows = tenacity.wait_exponential(multiplier=1)

    def wait(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        told = error.response.headers.get("retry-after") if isinstance(error, openai.APIStatusError) else None
        return grows(state) if told is None else float(told)

    may_pass = (openai.RateLimitError, openai.InternalServerError, openai.APIConnectionError)
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(may_pass),
        wait=wait,
        stop=tenacity.stop_after_attempt(5),
        sleep=sleep,
        reraise=True,
    )
    return retrying(client.audio.transcriptions.create, file=("clip.wav", clip), model="any").text


@contextmanager
def _serving(script: list[Answer]) -> Iterator[tuple[openai.OpenAI, list[Answer]]]:
    """A client of the real SDK for a server that follows the script, and the answers given so far."""
    given: list[Answer] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            given.append(script[min(len(given), len(script) - 1)])
            status, wait = given[-1] if isinstance(given[-1], tuple) else (given[-1], None)
            if status == HANG_UP:
                return
            body = {"text": TEXT} if status == 200 else {"error": {"message": "as told", "code": None}}
            self.send_response(status)
            if wait is not None:
                self.send_header("retry-after", wait)
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *args: Any) -> None:
            """Nothing on the learner's screen."""

    direct = openai.DefaultHttpxClient(trust_env=False)  # whatever proxy is set, loopback needs none
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/v1"
        try:
            with openai.OpenAI(base_url=url, api_key="none", max_retries=0, http_client=direct) as client:
                yield client, given
        finally:
            server.shutdown()
