"""OpenAI's and LangChain's own clients against the chat endpoint and its extractive engine."""

from __future__ import annotations

import asyncio
import http.client
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from service_fixtures import Service

from shared.grounding import ABSTAIN, Source, sources_block
from shared.service.converse import MAX_CHARACTERS, until_stop
from shared.service.engines.base import Delta

SOURCES = [
    Source(
        "S1",
        "# Tide gates\n\nA tide gate keeps the sea out. The gate was built in 1911 by the town of Harlow.",
    ),
    Source("S2", "## Cats\n\n- Cats sleep for sixteen hours a day.\n- A cat purrs 25 times a second."),
]
SLEEP, SLEEP_ANSWER = "How long do cats sleep?", '"Cats sleep for sixteen hours a day." [S2]'


def asked(question: str, sources: list[Source] = SOURCES) -> list[dict]:
    """A prompt as level 2 writes it."""
    text = f"{sources_block(sources, 'a1b2c3')}\n\nQuestion: {question}"
    return [{"role": "system", "content": "Quote the sources."}, {"role": "user", "content": text}]


@pytest.fixture(scope="module")
def client(service: Service) -> openai.OpenAI:
    return openai.OpenAI(base_url=service.base_url, api_key="any", max_retries=0)


@pytest.fixture(params=["sync", "async"])
def create(request: pytest.FixtureRequest, service: Service):
    """`completions.create` of the blocking or of the async client; a stream comes as a list of chunks."""
    fields = {"base_url": service.base_url, "api_key": "any", "max_retries": 0}
    if request.param == "sync":

        def call(**asked):
            answer = openai.OpenAI(**fields).chat.completions.create(**({"model": "reader"} | asked))
            return list(answer) if asked.get("stream") else answer

    else:

        def call(**asked):
            async def run():
                async with openai.AsyncOpenAI(**fields) as client:
                    answer = await client.chat.completions.create(**({"model": "reader"} | asked))
                    return [chunk async for chunk in answer] if asked.get("stream") else answer

            return asyncio.run(run())

    return call


def said(chunks: list) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def test_an_answer_is_a_quote_with_its_source(create):
    answer = create(messages=asked(SLEEP))
    assert answer.object == "chat.completion"
    assert answer.choices[0].message.content == SLEEP_ANSWER
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model == answer.engine == "reader"
    usage = answer.usage
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert usage.completion_tokens == 14  # 7 words, a full stop, 2 quotation marks, and [ s ##2 ]


def test_what_the_sources_do_not_hold_is_not_answered(create):
    answer = create(messages=asked("Which river flows through Vienna?"))
    assert answer.choices[0].message.content == ABSTAIN


def test_without_sources_it_says_what_it_is(create):
    text = create(messages=[{"role": "user", "content": "Hello!"}]).choices[0].message.content
    assert "extractive" in text and "OPENAI_BASE_URL" in text
    assert text != ABSTAIN and "[" not in text  # it quotes nothing


@pytest.mark.parametrize("include_usage", [True, False])
def test_a_stream_adds_up_to_the_whole_answer(create, include_usage: bool):
    whole = create(messages=asked(SLEEP))
    chunks = create(messages=asked(SLEEP), stream=True, stream_options={"include_usage": include_usage})
    assert chunks[0].choices[0].delta.role == "assistant"
    assert said(chunks) == whole.choices[0].message.content
    ended = [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason]
    assert ended == ["stop"]
    assert len({chunk.id for chunk in chunks}) == 1
    assert {chunk.engine for chunk in chunks} == {"reader"}
    if include_usage:
        assert chunks[-1].choices == []
        assert chunks[-1].usage == whole.usage
    assert all(chunk.usage is None for chunk in chunks[: -1 if include_usage else None])


def test_the_events_on_the_wire_end_with_done(client: openai.OpenAI):
    with client.chat.completions.with_streaming_response.create(
        model="reader", messages=asked(SLEEP), stream=True
    ) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["x-ladder-engine"] == "reader"
        events = answer.read().decode().split("\n\n")
    assert events[-2:] == ["data: [DONE]", ""]
    assert all(json.loads(e.removeprefix("data: "))["object"] == "chat.completion.chunk" for e in events[:-2])


def test_the_sdks_own_stream_helper_reads_it(client: openai.OpenAI):
    with client.chat.completions.stream(model="reader", messages=asked(SLEEP)) as stream:
        assert stream.get_final_completion().choices[0].message.content == SLEEP_ANSWER


@pytest.mark.parametrize("name", ["gpt-4o-mini", "gpt-5.4-mini"])
def test_an_unmodified_client_is_answered_and_told_by_whom(client: openai.OpenAI, name: str):
    raw = client.chat.completions.with_raw_response.create(model=name, messages=asked(SLEEP))
    assert raw.headers["x-ladder-engine"] == "reader"
    assert {"queue", "load", "tokens", "model"} == set(json.loads(raw.headers["x-ladder-timings"]))
    assert raw.parse().model == "reader"


@pytest.mark.parametrize("spelling", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_max_tokens_cuts_in_both_spellings(create, spelling: str, stream: bool):
    answer = create(messages=asked(SLEEP), stream=stream, **{spelling: 4})
    if stream:
        assert said(answer) == '"Cats sleep for'
        assert answer[-1].choices[0].finish_reason == "length"
    else:
        assert answer.choices[0].message.content == '"Cats sleep for'
        assert answer.choices[0].finish_reason == "length"
        assert answer.usage.completion_tokens == 4
        assert create(messages=asked(SLEEP), **{spelling: 14}).choices[0].finish_reason == "stop"


@pytest.mark.parametrize("stop", ["sixteen", ["nowhere", " sixteen hours", "hours"]], ids=["one", "several"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_stop_string_ends_the_answer_before_it(create, stop: str | list[str], stream: bool):
    answer = create(messages=asked(SLEEP), stop=stop, stream=stream)
    text = said(answer) if stream else answer.choices[0].message.content
    assert text.rstrip() == '"Cats sleep for'
    assert (answer[-1] if stream else answer).choices[0].finish_reason == "stop"


@given(
    st.lists(st.text("ab.", max_size=4), max_size=6),
    st.lists(st.text("ab.", min_size=1, max_size=3), max_size=3),
)
def test_stop_strings_are_found_across_deltas(pieces: list[str], stops: list[str]):
    """The oracle: join everything, and cut at the first place of any stop string."""
    deltas = [Delta(piece, 1) for piece in pieces] + [Delta("", 0, "length")]
    out = list(until_stop(deltas, stops))
    whole = "".join(pieces)
    cut = min((whole.find(stop) for stop in stops if stop in whole), default=None)
    assert "".join(delta.text for delta in out) == whole[:cut]
    assert [delta.finish for delta in out if delta.finish] == ["length" if cut is None else "stop"]


def test_content_may_come_in_parts_and_sources_in_any_role(client: openai.OpenAI):
    messages = [
        {"role": "developer", "content": sources_block(SOURCES)},
        {
            "role": "user",
            "content": [{"type": "text", "text": part} for part in ("How long do cats", "sleep?")],
        },
    ]
    answer = client.chat.completions.create(model="reader", messages=messages)
    assert answer.choices[0].message.content == SLEEP_ANSWER


def test_only_the_latest_sources_count_and_never_the_assistants(client: openai.OpenAI):
    turns = [
        *asked(SLEEP),
        {"role": "assistant", "content": sources_block([Source("S2", "Cats sleep for one hour a day.")])},
        asked("How long do dogs sleep?", [Source("S2", "Dogs sleep for ten hours a day.")])[1],
    ]
    answer = client.chat.completions.create(model="reader", messages=turns)
    assert answer.choices[0].message.content == '"Dogs sleep for ten hours a day." [S2]'


def test_a_path_that_is_not_here_is_told_what_is(client: openai.OpenAI):
    with pytest.raises(openai.NotFoundError) as missing:
        client.responses.create(model="reader", input="How long do cats sleep?")
    assert missing.value.code == "not_found"
    assert "There is no POST /v1/responses here." in missing.value.message
    assert "POST /v1/chat/completions" in missing.value.message


def test_settings_it_has_no_use_for_are_taken(client: openai.OpenAI):
    answer = client.chat.completions.create(
        model="reader", messages=asked(SLEEP), temperature=1.3, top_p=0.5, seed=0, user="me", n=1, tools=[],
        presence_penalty=1, frequency_penalty=-1, response_format={"type": "text"},
        extra_body={"top_k": 40, "mirostat": {"tau": 5}},
    )  # fmt: skip
    assert answer.choices[0].message.content == SLEEP_ANSWER


TOOL = {"type": "function", "function": {"name": "add"}}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
PICTURE = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]


@pytest.mark.parametrize(
    ("fields", "status", "param"),
    [
        ({"model": "no-such-model"}, 404, "model"),
        ({"model": "pocketsphinx"}, 404, "model"),
        ({"model": "text-embedding-3-small"}, 404, "model"),
        ({"n": 2}, 400, "n"),
        ({"n": 0}, 400, "n"),
        ({"tools": [TOOL]}, 400, "tools"),
        ({"response_format": SCHEMA}, 400, "response_format"),
        ({"response_format": {"type": "json_object"}}, 400, "response_format"),
        ({"messages": [{"role": "user", "content": PICTURE}]}, 400, "messages"),
        ({"messages": []}, 400, "messages"),
        ({"messages": [{"role": "wizard", "content": "Hm."}]}, 400, "messages"),
        ({"messages": [{"role": "user", "content": 7}]}, 400, "messages"),
        ({"messages": [{"role": "user", "content": "x" * (MAX_CHARACTERS + 1)}]}, 400, "messages"),
        ({"stop": ["a", "b", "c", "d", "e"]}, 400, "stop"),
        ({"stop": ""}, 400, "stop"),
        ({"temperature": 2.5}, 400, "temperature"),
        ({"temperature": "hot"}, 400, "temperature"),
        ({"top_p": 2}, 400, "top_p"),
        ({"max_tokens": 0}, 400, "max_tokens"),
        ({"max_completion_tokens": 1.5}, 400, "max_completion_tokens"),
        ({"stream_options": {"include_usage": True}}, 400, "stream_options"),
        ({"stream": "yes"}, 400, "stream"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_every_error_names_the_parameter(client: openai.OpenAI, fields: dict, status: int, param: str):
    with pytest.raises(openai.APIStatusError) as refused:
        client.chat.completions.create(**({"model": "reader", "messages": asked(SLEEP)} | fields))
    error = refused.value
    assert error.status_code == status
    assert error.param == param
    assert set(error.body) == {"message", "type", "param", "code"}
    assert error.message.rstrip().endswith(".")


def test_a_stream_that_cannot_start_is_a_plain_400(create):
    with pytest.raises(openai.BadRequestError) as refused:
        create(messages=[{"role": "user", "content": "x" * (MAX_CHARACTERS + 1)}], stream=True)
    assert refused.value.param == "messages" and str(MAX_CHARACTERS) in refused.value.message


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'"text"', b"[" * 100_000, b'{"model": "\\ud800", "messages": []}', b"\xff\xfe{}"],
    ids=["empty", "half", "list", "text", "deep", "half a character", "not utf-8"],
)
@pytest.mark.parametrize("path", ["chat/completions", "embeddings"])
def test_a_broken_body_is_a_400(service: Service, path: str, body: bytes):
    status, answer = post(service, path, body)
    assert status == 400
    assert answer["error"]["message"]


def test_a_body_over_the_limit_is_413(service: Service):
    status, answer = post(service, "embeddings", b'"' + b"x" * (27 * 2**20) + b'"')
    assert status == 413
    assert answer["error"]["param"] is None


def post(service: Service, path: str, body: bytes) -> tuple[int, dict]:
    connection = http.client.HTTPConnection(service.url.removeprefix("http://"), timeout=60)
    connection.request("POST", f"/v1/{path}", body, {"content-type": "application/json"})
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def test_many_at_once_are_answered_as_one_by_one(client: openai.OpenAI):
    questions = [
        SLEEP,
        "Who built the gate?",
        "How often does a cat purr?",
        "What does a tide gate keep out?",
    ]

    def answer(question: str) -> str:
        return (
            client.chat.completions.create(model="reader", messages=asked(question))
            .choices[0]
            .message.content
        )

    alone = [answer(question) for question in questions]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(answer, questions * 3))
    assert together == alone * 3
    assert len(set(alone)) == 4


def test_a_full_line_and_a_client_that_leaves(start_service):
    """One request is worked on for a long time; the next is refused; when the first leaves, all is free."""
    service = start_service(LADDER_QUEUE="0", OMP_NUM_THREADS="1")
    client = openai.OpenAI(base_url=service.base_url, api_key="x", max_retries=0)
    client.chat.completions.create(model="reader", messages=asked(SLEEP))  # loads the encoder
    many = " ".join(f"Cat {number} sleeps." for number in range(4500))
    body = json.dumps({"model": "reader", "messages": asked(SLEEP, [Source("S1", many)])}).encode()
    left = http.client.HTTPConnection(service.url.removeprefix("http://"), timeout=60)
    left.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
    wait_until(lambda: jobs(service) == 1)
    with pytest.raises(openai.RateLimitError) as refused:
        client.chat.completions.create(model="reader", messages=asked(SLEEP))
    assert refused.value.code == "queue_full"
    assert client.embeddings.create(model="all-minilm-l6-v2", input="Free.").data, "another model's line"
    left.close()
    wait_until(lambda: jobs(service) == 0)
    answer = client.chat.completions.create(model="reader", messages=asked(SLEEP))
    assert answer.choices[0].message.content == SLEEP_ANSWER
    assert "Traceback" not in service.log.read_text()


def jobs(service: Service) -> int:
    connection = http.client.HTTPConnection(service.url.removeprefix("http://"), timeout=60)
    connection.request("GET", "/health")
    return json.loads(connection.getresponse().read())["jobs"]


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not true():
        assert time.monotonic() < deadline, "it did not happen within two minutes"
        time.sleep(0.02)


def test_the_key_is_asked_for(start_service):
    service = start_service(LADDER_SERVICE_KEY="secret-of-this-test")
    wrong = openai.OpenAI(base_url=service.base_url, api_key="guess", max_retries=0)
    with pytest.raises(openai.AuthenticationError):
        wrong.chat.completions.create(model="reader", messages=asked(SLEEP))
    with pytest.raises(openai.AuthenticationError):
        wrong.embeddings.create(model="all-minilm-l6-v2", input="Tide.")


def test_the_cards_say_kind_engine_and_aliases(client: openai.OpenAI):
    cards = {card.id: card for card in client.models.list()}
    assert {name: card.engine for name, card in cards.items()} == {
        "pocketsphinx": "pocketsphinx",
        "all-minilm-l6-v2": "encoder",
        "reader": "reader",
    }
    assert "gpt-4o-mini" in cards["reader"].aliases
    assert client.models.retrieve("text-embedding-3-small").id == "all-minilm-l6-v2"
