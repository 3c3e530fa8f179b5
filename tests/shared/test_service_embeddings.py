"""OpenAI's own client against the embeddings endpoint."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import openai
import pytest
from service_fixtures import Service

from shared.encoder import Encoder
from shared.service.embed import MAX_CHARACTERS, MAX_TOKENS, _steps

TEXTS = ["A tide gate holds back the sea.", "What holds back the sea?", "Cats sleep.", "word " * 300]
SAME = 1e-6  # the same weights in another process, batches of other shapes: rounding alone


@pytest.fixture(scope="module")
def client(service: Service) -> openai.OpenAI:
    return openai.OpenAI(base_url=service.base_url, api_key="any", max_retries=0)


def vectors(client: openai.OpenAI, texts: str | list[str], **fields) -> np.ndarray:
    answer = client.embeddings.create(model="all-minilm-l6-v2", input=texts, **fields)
    assert [item.index for item in answer.data] == list(range(len(answer.data)))
    return np.array([item.embedding for item in answer.data])


@pytest.mark.parametrize("encoding", ["float", "base64", None])
def test_every_encoding_brings_the_encoders_vectors(client: openai.OpenAI, encoding: str | None):
    """Without a format the SDK asks for base64 and unpacks it; asked in so many words it comes as it is."""
    answer = client.embeddings.create(
        model="all-minilm-l6-v2", input=TEXTS, encoding_format=encoding or openai.omit
    )
    found = [item.embedding for item in answer.data]
    if encoding == "base64":
        import base64

        found = [np.frombuffer(base64.b64decode(vector), "<f4") for vector in found]
    assert np.abs(np.array(found) - Encoder.load().encode(TEXTS)).max() < SAME


def test_base64_and_float_are_equal_to_the_last_bit(client: openai.OpenAI):
    packed, plain = vectors(client, TEXTS), vectors(client, TEXTS, encoding_format="float")
    assert (packed.astype(np.float32) == plain.astype(np.float32)).all()


def test_the_answer_says_who_made_it_and_counts_tokens(client: openai.OpenAI):
    raw = client.embeddings.with_raw_response.create(model="text-embedding-3-small", input=TEXTS[1:3])
    answer = raw.parse()
    assert raw.headers["x-ladder-engine"] == answer.model == answer.engine == "all-minilm-l6-v2"
    assert answer.usage.prompt_tokens == answer.usage.total_tokens == 6 + 3  # words and a mark each


def test_one_text_needs_no_list(client: openai.OpenAI):
    assert vectors(client, TEXTS[0]).shape == (1, 384)
    assert vectors(client, TEXTS[0], dimensions=384).shape == (1, 384)


def test_async(service: Service):
    async def run() -> int:
        async with openai.AsyncOpenAI(base_url=service.base_url, api_key="any", max_retries=0) as client:
            answer = await client.embeddings.create(model="all-minilm-l6-v2", input=TEXTS)
            return len(answer.data)

    assert asyncio.run(run()) == len(TEXTS)


def test_many_at_once_are_answered_as_one_by_one(client: openai.OpenAI):
    alone = vectors(client, TEXTS)
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda _: vectors(client, TEXTS), range(8)))
    assert max(np.abs(found - alone).max() for found in together) < SAME


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"input": ""}, 400, "empty"),
        ({"input": []}, 400, "empty"),
        ({"input": ["a", ""]}, 400, "text 1 is empty"),
        ({"input": [1, 2, 3]}, 400, "token ids"),
        ({"input": [[1, 2], [3]]}, 400, "token ids"),
        ({"input": [None]}, 400, "send a text"),
        ({"input": {"text": "a"}}, 400, "send a text"),
        ({"input": ["a"] * 2049}, 400, "2049"),
        ({"input": "x" * (MAX_CHARACTERS + 1)}, 400, str(MAX_CHARACTERS)),
        ({"input": ["a", "a " * (MAX_TOKENS + 1)]}, 400, f"text 1 has {MAX_TOKENS + 1} tokens"),
        ({"input": ["a " * 8000] * 38}, 400, "304000 tokens"),
        ({"dimensions": 256}, 400, "384"),
        ({"dimensions": 0}, 400, "dimensions"),
        ({"encoding_format": "hex"}, 400, "encoding_format"),
        ({"model": "reader"}, 404, "embedding"),
        ({"model": "no-such-model"}, 404, "does not exist"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_every_error_names_the_parameter(client: openai.OpenAI, fields: dict, status: int, words: str):
    with pytest.raises(openai.APIStatusError) as refused:
        client.embeddings.create(**({"model": "all-minilm-l6-v2", "input": "A."} | fields))
    error = refused.value
    assert (error.status_code, error.param) == (status, next(iter(fields)))
    assert words in error.message
    assert set(error.body) == {"message", "type", "param", "code"}


@pytest.mark.parametrize("counts", [[1], [5000], [5000, 1, 5000], [1] * 200, [4096, 4096], [0, 0]], ids=str)
def test_the_steps_cover_every_text_once(counts: list[int]):
    steps = list(_steps(counts))
    assert [number for start, end in steps for number in range(start, end)] == list(range(len(counts)))
    assert all(end > start and (end - start == 1 or sum(counts[start:end]) <= 4096) for start, end in steps)
