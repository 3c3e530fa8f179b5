"""Many at once, clients that leave, and how the process starts and ends."""

from __future__ import annotations

import asyncio
import http.client
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import numpy as np
import openai
import pytest
from service_fixtures import Service, multipart, sample, wav

from shared.service.audio import RATE, decode

SHORT = sample("bridge.webm")
LONG = sample("ladder.ogg")  # three minutes
GO_ON = threading.Event()


def client_of(service: Service, **options) -> openai.OpenAI:
    return openai.OpenAI(base_url=service.base_url, api_key="x", max_retries=0, **options)


def text_of(service: Service) -> str:
    return client_of(service).audio.transcriptions.create(file=SHORT, model="whisper-1").text


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 180
    while not true():
        assert time.monotonic() < deadline, "it did not happen within three minutes"
        time.sleep(0.05)


def test_fifty_at_once_are_all_answered_or_refused(service: Service):
    with SHORT.open("rb") as file:
        clip = wav(decode(file, 60, GO_ON)[: int(1.6 * RATE)] / 32768)
    expected = client_of(service).audio.transcriptions.create(file=clip, model="whisper-1").text
    assert "bridge" in expected
    before = service.memory_mb
    answered: list[str] = []
    refused: list[openai.RateLimitError] = []

    async def one(client: openai.AsyncOpenAI) -> None:
        try:
            answer = await client.audio.transcriptions.create(file=clip, model="whisper-1")
            answered.append(answer.text)
        except openai.RateLimitError as error:
            refused.append(error)

    async def all_at_once() -> None:
        async with openai.AsyncOpenAI(base_url=service.base_url, api_key="x", max_retries=0) as client:
            await asyncio.gather(*(one(client) for _ in range(50)))

    asyncio.run(all_at_once())
    assert len(answered) + len(refused) == 50
    assert len(answered) >= 17, "one served and sixteen waiting is the least"
    assert set(answered) == {expected}, "and no request colours another"
    assert all(int(error.response.headers["retry-after"]) > 0 for error in refused)
    assert all(error.code == "queue_full" for error in refused)
    assert service.memory_mb - before < 150


def test_a_request_does_not_depend_on_the_one_before(service: Service):
    """The decoder adapts to the sound of a channel; that must end with the request."""
    client = client_of(service)

    def words(name: str) -> list[tuple]:
        answer = client.audio.transcriptions.create(
            file=sample(name),
            model="whisper-1",
            response_format="verbose_json",
            timestamp_granularities=["word"],
        )
        return [(word.word, word.start, word.end, word.probability) for word in answer.words]

    first = words("greeting.mp3")
    words("bridge.webm")
    assert words("greeting.mp3") == first


def send_and_wait(service: Service, body: bytes, content_type: str) -> http.client.HTTPConnection:
    """A request whose answer nobody reads yet."""
    connection = http.client.HTTPConnection(service.url.removeprefix("http://"), timeout=60)
    connection.request("POST", "/v1/audio/transcriptions", body, {"content-type": content_type})
    return connection


def test_work_is_dropped_when_the_client_leaves(start_service):
    """Half an hour of speech is minutes of work. One runs, one waits; both are left, the model is free."""
    service = start_service(LADDER_QUEUE="1", LADDER_UPLOAD_MB="100")
    with LONG.open("rb") as file:
        speech = np.tile(decode(file, 600, GO_ON), 10) / 32768
    body, content_type = multipart(wav(speech), model="whisper-1")
    clients = [send_and_wait(service, body, content_type) for _ in range(2)]
    wait_until(lambda: jobs(service) == 2)
    assert is_full(service)
    for client in clients:
        client.close()
    wait_until(lambda: jobs(service) == 0)
    assert "bridge" in text_of(service)


def jobs(service: Service) -> int:
    """Requests worked on or waiting. Asking does not join the line, as a request would."""
    return json.loads(http_get(service, "/health")[1])["jobs"]


def is_full(service: Service) -> bool:
    try:
        return "bridge" not in text_of(service)
    except openai.RateLimitError:
        return True


def test_a_stream_that_is_left_frees_the_model(start_service):
    service = start_service(LADDER_QUEUE="0")
    stream = client_of(service).audio.transcriptions.create(file=LONG, model="whisper-1", stream=True)
    next(iter(stream))
    assert is_full(service)
    stream.close()
    wait_until(lambda: jobs(service) == 0)
    assert "bridge" in text_of(service)


def test_health_answers_while_the_model_works(service: Service):
    with client_of(service).audio.transcriptions.create(file=LONG, model="whisper-1", stream=True) as stream:
        next(iter(stream))
        answers = [http_get(service, "/health")[0] for _ in range(5)]
    assert answers == [200] * 5


def http_get(service: Service, path: str, **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(service.url.removeprefix("http://"), timeout=60)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def test_it_ends_in_good_order_in_the_middle_of_work(start_service):
    """A client in the middle of a stream is told, by an event, since the status line is long sent."""
    service = start_service()
    events = iter(client_of(service).audio.transcriptions.create(file=LONG, model="whisper-1", stream=True))
    next(events)
    service.process.terminate()
    with pytest.raises(openai.APIError, match="stopping"):
        list(events)
    assert service.process.wait(timeout=60) == 0
    assert "Traceback" not in service.log.read_text()


def test_it_ends_when_nobody_comes(start_service):
    service = start_service("--idle", "2")
    assert service.process.wait(timeout=60) == 0


def test_it_does_not_end_while_it_works(start_service):
    """The work takes far longer than the time without a request that is allowed."""
    service = start_service("--idle", "1.5")
    answer = client_of(service).audio.transcriptions.create(file=sample("harbour.ogg"), model="whisper-1")
    assert "morning" in answer.text
    assert service.process.wait(timeout=60) == 0


@pytest.mark.parametrize(
    ("arguments", "words", "code"),
    [
        (["--port", "0"], "port", 2),
        (["--port", "99999"], "port", 2),
        (["--port", "8000", "--host", "0.0.0.0"], "this machine alone", 2),
        (["--port", "TAKEN"], "cannot be used", 1),
    ],
    ids=["no port", "too high", "not loopback", "taken"],
)
def test_a_start_that_cannot_be_is_two_lines(service: Service, arguments: list[str], words: str, code: int):
    taken = service.url.rpartition(":")[2]
    started = subprocess.run(
        [sys.executable, "-m", "shared.service", *(a.replace("TAKEN", taken) for a in arguments)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert started.returncode == code
    assert words in started.stderr
    assert len(started.stderr.strip().splitlines()) == 2


def test_a_key_is_asked_for_when_one_is_set_and_never_logged(start_service):
    service = start_service(LADDER_SERVICE_KEY="secret-of-this-test")
    with pytest.raises(openai.AuthenticationError) as refused:
        text_of(service)
    assert refused.value.code == "invalid_api_key"
    right = openai.OpenAI(base_url=service.base_url, api_key="secret-of-this-test", max_retries=0)
    assert right.models.list().data
    assert http_get(service, "/health")[0] == 200, "a health check needs no key"
    assert "secret" not in service.log.read_text()


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "["},
        {"Origin": "https://evil.example"},
    ],
    ids=str,
)
def test_web_pages_from_elsewhere_are_refused(service: Service, headers: dict[str, str]):
    """DNS rebinding, and forms that post to this machine."""
    status, body = http_get(service, "/v1/models", **headers)
    assert status == 403
    assert '"error"' in body


def test_unknown_routes_and_methods_speak_the_same_shape(service: Service):
    for path, method, status in (("/v1/nothing", "GET", 404), ("/v1/audio/transcriptions", "GET", 405)):
        connection = http.client.HTTPConnection(service.url.removeprefix("http://"), timeout=60)
        connection.request(method, path)
        answer = connection.getresponse()
        assert answer.status == status
        assert '"error"' in answer.read().decode()


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_an_hour_stays_within_a_gigabyte(start_service):
    """Three minutes of speech, fifty-four of silence, three minutes of speech."""
    service = start_service(LADDER_UPLOAD_MB="200")
    with LONG.open("rb") as file:
        speech = decode(file, 600, GO_ON) / 32768
    hour = np.concatenate([speech, np.zeros(54 * 60 * RATE), speech])
    client = client_of(service, timeout=1000)
    once = client.audio.transcriptions.create(file=LONG, model="whisper-1").text.split()
    twice = client.audio.transcriptions.create(file=wav(hour), model="whisper-1").text.split()
    assert len(twice) == pytest.approx(2 * len(once), rel=0.05)
    assert service.memory_mb < 1000
