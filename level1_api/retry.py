"""Try again what may work the second time, and only that.

A busy or broken server (429, 5xx, no connection) is asked again after a while; a wrong key or a wrong file
(400, 401, 404, 413) would fail each time, so it fails at once. The waits grow, and jitter spreads clients
that failed together. Where the server says how long to wait, it is believed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from threading import Event
from typing import TypeVar

import tenacity

ATTEMPTS = 5
LONGEST_WAIT_S = 120.0  # a server that asks for more is told no, and the user is told why

T = TypeVar("T")
_grow = tenacity.wait_exponential(multiplier=0.5, max=30) + tenacity.wait_random(0, 0.5)


def patiently(
    call: Callable[[], T], say: Callable[[str], None] = lambda sentence: None, stop: Event | None = None
) -> T:
    """The result of `call`, tried up to five times.

    Args:
        call: raises the openai SDK's errors.
        say: told each retry in a sentence.
        stop: when it is set, no wait is finished and nothing is tried again.

    Raises:
        the last error of `call`, if no attempt succeeded.
    """
    stop = stop or Event()

    def announce(state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        wait = state.next_action.sleep if state.next_action else 0
        say(f"{reason(error)}: attempt {state.attempt_number + 1} of {ATTEMPTS} in {wait:.1f} s.")

    return tenacity.Retrying(
        retry=tenacity.retry_if_exception(worth_retrying),
        wait=wait_s,
        stop=tenacity.stop_after_attempt(ATTEMPTS) | tenacity.stop_when_event_set(stop),
        sleep=tenacity.sleep_using_event(stop),
        before_sleep=announce,
        reraise=True,
    )(call)


def worth_retrying(error: BaseException) -> bool:
    """Whether the same call may succeed later."""
    from openai import APIConnectionError, APIStatusError

    if isinstance(error, APIConnectionError):
        return True
    if not isinstance(error, APIStatusError):
        return False
    if error.status_code == 429:
        return error.code != "insufficient_quota" and (told_wait_s(error) or 0) <= LONGEST_WAIT_S
    return error.status_code >= 500


def wait_s(state: tenacity.RetryCallState) -> float:
    """Seconds until the next attempt: as the server says, else twice the last wait, with jitter."""
    error = state.outcome.exception() if state.outcome else None
    told = told_wait_s(error)
    return _grow(state) if told is None else min(told, LONGEST_WAIT_S)


def told_wait_s(error: BaseException | None) -> float | None:
    """What `Retry-After` asks for, in seconds (the header holds seconds or a date); None without it."""
    response = getattr(error, "response", None)
    told = response.headers.get("retry-after") if response is not None else None
    if told is None:
        return None
    try:
        return max(0.0, float(told))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(told).timestamp() - time.time())
    except ValueError:
        return None


def reason(error: BaseException | None) -> str:
    """Why an attempt failed, in a few words."""
    status = getattr(error, "status_code", None)
    if status is None:
        return "The service cannot be reached"
    return "The service is busy (429)" if status == 429 else f"The service has failed ({status})"
