"""Survive a service that is busy or broken, and give up at once where trying again cannot help.

    what came back                   what to do
    429, or 500 and above            wait, then try again: it may work the second time
    no answer (APIConnectionError)   the same
    400, 401, 404, 413               give up: the same call would fail each time

Wait as long as the header `retry-after` asks, in seconds. Without it wait 1 s, then 2, 4 and 8. Five attempts
are enough: if the last one fails too, its error is the caller's.

    answers 500, 429 with retry-after: 7, 200     sleeps 1 s, then 7 s, and returns the text
    answers 400                                   raises openai.BadRequestError after one attempt

Write the loop by hand, without tenacity. Check with: ladder check retry
"""

import time
from collections.abc import Callable

import openai

ATTEMPTS = 5


def wait_s(error: openai.APIError, attempt: int) -> float | None:
    """Seconds to wait after the attempt (1 is the first) that failed so; None if it is no use to wait."""
    backoff = 2.0**attempt
    if isinstance(error, openai.APIConnectionError):
        return backoff
    if not isinstance(error, openai.APIStatusError) or (error.status_code < 500 and error.status_code != 429):
        return None
    return float(error.response.headers.get("retry-after", backoff))  # the server knows when it has room


def transcribe(client: openai.OpenAI, clip: bytes, sleep: Callable[[float], object] = time.sleep) -> str:
    """The text of a clip. `sleep` waits; the check passes one that only takes notes.

    Raises:
        openai.APIError: of the last attempt, if none succeeded.
    """
    attempt = 1
    while True:
        try:
            answer = client.audio.transcriptions.create(file=("clip.wav", clip), model="pocketsphinx")
            return answer.text
        except openai.APIError as error:
            wait = wait_s(error, attempt)
            if wait is None or attempt == ATTEMPTS:
                raise
        sleep(wait)  # outside of `except`: an error in here is no failed attempt
        attempt += 1


if __name__ == "__main__":
    nobody = openai.OpenAI(base_url="http://127.0.0.1:9/v1", api_key="none", max_retries=0)
    try:
        transcribe(nobody, b"", sleep=lambda seconds: print(f"waiting {seconds} s"))
    except openai.APIError as error:
        print(f"given up: {error}")
