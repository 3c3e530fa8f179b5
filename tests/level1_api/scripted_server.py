"""A real HTTP server that answers as it is told: what no honest service would say on demand."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from openai import OpenAI


@dataclass
class Request:
    """One request as it came over the wire."""

    path: str
    fields: dict[str, list[str]]
    filename: str
    file: bytes
    headers: dict[str, str]


@dataclass
class Reply:
    """What to answer: JSON, events of a stream, or plain bytes. `hang_up` closes without an answer."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    events: list[Any] | None = None
    hang_up: bool = False


def error(status: int, message: str = "no", code: str | None = None, **headers: str) -> Reply:
    """An error in OpenAI's shape."""
    body = {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}
    return Reply(status, body, {k.replace("_", "-"): v for k, v in headers.items()})


class Script:
    """Replies in order, the last one for ever; or a function of the request."""

    def __init__(self, *replies: Reply, answer: Callable[[Request], Reply] | None = None) -> None:
        self.requests: list[Request] = []
        self._replies, self._answer, self._lock = list(replies), answer, threading.Lock()

    def next(self, request: Request) -> Reply:
        with self._lock:
            self.requests.append(request)
            if self._answer is None:
                return self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
        return self._answer(request)


@contextmanager
def serving(script: Script) -> Iterator[OpenAI]:
    """Run the script on loopback; gives a client of the real SDK that talks to it."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            reply = script.next(parse(self.path, dict(self.headers), body))
            if reply.hang_up:
                self.close_connection = True
                return
            if reply.events is not None:
                lines = [e if isinstance(e, str) else json.dumps(e) for e in reply.events]
                data, kind = "".join(f"data: {line}\n\n" for line in lines).encode(), "text/event-stream"
            elif isinstance(reply.body, bytes):
                data, kind = reply.body, "text/html"
            else:
                data, kind = json.dumps(reply.body).encode(), "application/json"
            self.send_response(reply.status)
            for name, value in {
                "content-type": kind,
                "content-length": str(len(data)),
                **reply.headers,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *words: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield OpenAI(
            base_url=f"http://127.0.0.1:{server.server_port}/v1", api_key="sk-very-secret", max_retries=0
        )
    finally:
        server.shutdown()
        server.server_close()


def parse(path: str, headers: dict[str, str], body: bytes) -> Request:
    kind = next(v for k, v in headers.items() if k.lower() == "content-type")
    message = message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
    fields: dict[str, list[str]] = {}
    filename, file = "", b""
    for part in message.get_payload():
        name = part.get_param("name", header="content-disposition")
        if name == "file":
            filename, file = part.get_filename(), part.get_payload(decode=True)
        else:
            fields.setdefault(name, []).append(part.get_payload(decode=True).decode())
    return Request(path, fields, filename, file, headers)
