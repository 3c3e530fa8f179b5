"""What the SDK really sends, byte by byte, and that the service takes exactly that."""

from __future__ import annotations

import io
import threading
import urllib.request
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, HTTPServer

import openai
import pytest
from service_fixtures import Service, sample

CLIP = sample("bridge.webm")


@pytest.fixture
def recorder():
    """A server that keeps the requests that it gets and answers an empty transcript."""
    kept: list[tuple[str, bytes]] = []

    class Recorder(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            kept.append((self.headers["content-type"], body))
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(b'{"text": ""}')

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Recorder)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    client = openai.OpenAI(base_url=f"http://127.0.0.1:{server.server_port}/v1", api_key="x", max_retries=0)
    yield client, kept
    server.shutdown()
    thread.join()
    server.server_close()


def parts(content_type: str, body: bytes) -> list[tuple[str, str | None, bytes]]:
    """(name, file name, content) of each part of a multipart body, by the standard library's parser."""
    message = BytesParser(policy=HTTP).parsebytes(
        b"content-type: " + content_type.encode() + b"\r\n\r\n" + body
    )
    return [
        (
            part.get_param("name", header="content-disposition"),
            part.get_filename(),
            part.get_payload(decode=True),
        )
        for part in message.iter_parts()
    ]


def test_the_multipart_body_of_the_sdk(recorder, service: Service):
    client, kept = recorder
    client.audio.transcriptions.create(
        file=io.BytesIO(CLIP.read_bytes()),
        model="whisper-1",
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
        temperature=0,
        chunking_strategy={"type": "server_vad", "threshold": 0.5, "silence_duration_ms": 400},
    )
    content_type, body = kept[0]
    sent = parts(content_type, body)

    assert sent[-1] == ("file", "upload", CLIP.read_bytes()), (
        "the file comes last, and a nameless one is named so"
    )
    assert sorted((name, value) for name, _, value in sent[:-1]) == [
        ("chunking_strategy[silence_duration_ms]", b"400"),
        ("chunking_strategy[threshold]", b"0.5"),
        ("chunking_strategy[type]", b"server_vad"),
        ("model", b"whisper-1"),
        ("response_format", b"verbose_json"),
        ("temperature", b"0"),
        ("timestamp_granularities[]", b"segment"),
        ("timestamp_granularities[]", b"word"),
    ]

    request = urllib.request.Request(
        f"{service.url}/v1/audio/transcriptions", body, {"content-type": content_type}
    )
    with urllib.request.urlopen(request) as answer:
        text = answer.read().decode()
    assert "bridge" in text
    assert '"words":[' in text
    assert '"segments":[' in text


def test_the_events_on_the_wire(service: Service):
    """SSE as the standard has it: `data: ` lines, a blank line after each, `[DONE]` last."""
    import json

    client = openai.OpenAI(base_url=service.base_url, api_key="x")
    with client.audio.transcriptions.with_streaming_response.create(
        file=CLIP, model="whisper-1", stream=True
    ) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        events = answer.read().decode().split("\n\n")
    assert events[-2:] == ["data: [DONE]", ""]
    assert [json.loads(event.removeprefix("data: "))["type"] for event in events[:-2]][
        -1
    ] == "transcript.text.done"
