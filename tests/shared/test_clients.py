"""The client of the local service, which starts it where none runs, and the client of OpenAI."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import openai
import pytest

from shared import servers
from shared.clients import chat_model, embeddings, endpoint, openai_client, service_url
from shared.encoder import Encoder
from shared.errors import BadUsage, LadderError
from shared.grounding import Source, sources_block
from shared.leash import alive
from shared.models import default_embedding_model
from shared.settings import settings

ASK = [sys.executable, "-c", "from shared.clients import service_url; print(service_url())"]
KEY = "sk-test-0123456789"


def any_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def place(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home and a port for services started on demand; what runs at the end is ended."""
    monkeypatch.setenv("LADDER_SERVICE_PORT", str(any_port()))
    settings.cache_clear()
    yield own_home
    servers.stop(servers.service())


def test_two_clients_at_once_share_one_service_that_outlives_them(place: Path) -> None:
    clients = [subprocess.Popen(ASK, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    urls = {client.communicate(timeout=120)[0].strip() for client in clients}
    assert [client.returncode for client in clients] == [0, 0]
    assert urls == {f"http://127.0.0.1:{settings().service_port}/v1"}
    assert not (place / "logs" / "service.log.1").exists()  # it was started once
    before = servers.running(servers.service())
    assert before is not None
    assert {service_url()} == urls  # a third client, in this process, joins it too
    assert servers.running(servers.service()) == before


def test_a_killed_service_is_replaced(place: Path) -> None:
    service_url()
    state = servers.recorded(servers.service().file)
    process = state.process if state else None
    assert process is not None
    process.kill()
    service_url()
    after = servers.running(servers.service())
    assert after is not None and after.pid != process.pid


def test_an_idle_service_ends_by_itself(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LADDER_IDLE_S", "5")  # long enough to be found ready on a busy machine
    settings.cache_clear()
    service_url()
    state = servers.recorded(servers.service().file)
    assert state is not None
    end = time.monotonic() + 30
    while (process := state.process) and alive(process):
        assert time.monotonic() < end, "it still runs"
        time.sleep(0.1)


def test_a_service_of_another_home_is_not_used(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service_url()
    theirs = servers.recorded(servers.service().file)
    first = servers.service()
    monkeypatch.setenv("LADDER_HOME", str(tmp_path / "second"))
    settings.cache_clear()
    shutil.copytree(place, tmp_path / "second")  # a copied home claims the first one's service
    ours = service_url()  # the same port is wanted, which the first one holds
    second = servers.running(servers.service())
    assert theirs is not None and second is not None
    assert second.pid != theirs.pid and ours == f"http://127.0.0.1:{second.port}/v1"
    servers.stop(servers.service())
    monkeypatch.setenv("LADDER_HOME", str(place))
    settings.cache_clear()
    assert servers.running(first) == theirs


def test_a_service_that_cannot_start_names_its_log(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = settings().logs / "service.log"
    with monkeypatch.context() as child:
        child.setenv("LADDER_QUEUE", "-1")  # this process has read its settings; the child refuses
        with pytest.raises(LadderError) as caught:
            service_url()
    assert str(log) in caught.value.fix
    assert "LADDER_QUEUE" in caught.value.fix


def test_the_local_client_talks_to_the_service_past_any_proxy(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{any_port()}")
    monkeypatch.setenv("LADDER_SERVICE_KEY", "let me in")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    settings.cache_clear()
    client = openai_client()
    assert "pocketsphinx" in {model.id for model in client.models.list()}
    assert client.api_key == "let me in"  # and never OpenAI's key


def test_langchain_streams_from_the_local_service_with_its_tokens(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Past any proxy. Without stream_usage LangChain tells no tokens of a stream."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{any_port()}")
    model = chat_model()
    source = sources_block([Source("S1", "A tide gate keeps the sea out.")])
    chunks = list(model.stream(f"{source}\nQuestion: What does a tide gate keep out?"))
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole = whole + chunk
    assert whole.text == '"A tide gate keeps the sea out." [S1]'
    assert whole.usage_metadata is not None and whole.usage_metadata["output_tokens"] == 14
    assert whole.response_metadata["model_name"] == "reader"
    assert asyncio.run(model.ainvoke("Hello!")).text.startswith("I am an extractive reader")


def test_langchain_embeds_with_the_local_service_from_text(place: Path) -> None:
    """With check_embedding_ctx_length LangChain would fetch a tokenizer from the network and send numbers."""
    encode = embeddings()
    texts = ["A tide gate.", "word " * 9000 + "sea"]  # the second is more than one request of LangChain holds
    with pytest.raises(openai.BadRequestError, match="9001 tokens"):
        encode.embed_documents(texts)
    found = np.array([*encode.embed_documents(texts[:1]), encode.embed_query("Cats.")])
    assert np.abs(found - Encoder.load().encode(["A tide gate.", "Cats."])).max() < 1e-6  # rounding


def test_models_come_from_the_argument_the_setting_the_provider(fresh_settings: pytest.MonkeyPatch) -> None:
    fresh_settings.setenv("OPENAI_API_KEY", KEY)
    fresh_settings.setenv("LADDER_CHAT_MODEL", "my-chat")
    assert chat_model("openai").model_name == "my-chat"
    assert chat_model("openai", "other").model_name == "other"
    assert embeddings("openai").model == default_embedding_model("openai")
    assert embeddings("openai").check_embedding_ctx_length is False
    assert chat_model("openai").stream_usage is True


@pytest.mark.parametrize("make", [chat_model, embeddings])
def test_langchain_with_openai_needs_the_key(own_home: Path, make: Callable[..., object]) -> None:
    with pytest.raises(LadderError) as caught:
        make("openai")
    assert "OPENAI_API_KEY" in caught.value.fix
    with pytest.raises(BadUsage, match="'azure'"):
        make("azure")


def test_a_key_alone_switches_nothing(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", "https://example.org/v1")
    settings.cache_clear()
    client = openai_client()
    assert client.base_url.host == "127.0.0.1"
    assert client.api_key == "local"
    assert endpoint() == "this machine"


def test_openai_without_a_key_says_what_to_do(own_home: Path) -> None:
    with pytest.raises(LadderError) as caught:
        openai_client("openai")
    assert "OPENAI_API_KEY" in caught.value.fix and "LADDER_PROVIDER=local" in caught.value.fix


def test_an_unknown_provider_is_bad_usage(own_home: Path) -> None:
    for call in (openai_client, endpoint):
        with pytest.raises(BadUsage, match="'azure'"):
            call("azure")


@pytest.mark.parametrize(
    ("base", "words"),
    [
        ("", "api.openai.com"),
        ("https://api.groq.com/openai/v1", "api.groq.com"),
        ("http://user:secret@10.0.0.7:8000/v1", "10.0.0.7"),
        ("http://127.0.0.1:11434/v1", "this machine (127.0.0.1:11434)"),
        ("http://user:secret@localhost:1234/v1", "this machine (localhost:1234)"),
    ],
)
def test_where_requests_go_in_words(fresh_settings: pytest.MonkeyPatch, base: str, words: str) -> None:
    fresh_settings.setenv("OPENAI_BASE_URL", base)
    assert endpoint("openai") == words


class Failing(BaseHTTPRequestHandler):
    """Answers 500 and remembers who asked how."""

    seen: list[str | None]

    def do_GET(self) -> None:
        self.seen.append(self.headers.get("authorization"))
        self.send_response(500)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


def test_the_base_url_is_honoured_and_retries_are_the_callers_choice(
    fresh_settings: pytest.MonkeyPatch,
) -> None:
    Failing.seen = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Failing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        fresh_settings.setenv("OPENAI_API_KEY", KEY)
        fresh_settings.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{server.server_port}/v1")
        with pytest.raises(openai.InternalServerError):
            openai_client("openai").models.list()
        assert Failing.seen == [f"Bearer {KEY}"]
        with pytest.raises(openai.InternalServerError):
            openai_client("openai", max_retries=1).models.list()
        assert len(Failing.seen) == 3
        server.shutdown()


def test_a_light_module_stays_light() -> None:
    heavy = (
        "import sys, shared.clients; "
        "print({'openai', 'langchain_openai', 'transformers', 'mlflow', 'torch'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, env=os.environ)
    assert done.stdout.strip() == "set()"
