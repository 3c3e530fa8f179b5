"""A real HTTP server that speaks chat completions and answers by rules written in a test."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Messages = list[dict[str, Any]]


@dataclass
class Reply:
    """What to answer: a message's content with usage, or another status with an error in OpenAI's shape."""

    content: str = ""
    status: int = 200
    body: Any = None  # in place of a completion
    usage: bool = True


@dataclass
class ChatScript:
    """Where the server is and what it was asked."""

    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)


@contextmanager
def speaking(rule: Callable[[Messages], Reply]) -> Iterator[ChatScript]:
    """Answer each request by the rule, from its messages alone."""
    script, lock = ChatScript(), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            with lock:
                script.requests.append(asked)
                script.keys.add(self.headers["authorization"])
            if self.path != "/v1/chat/completions":
                self._send(
                    404, {"error": {"message": f"no {self.path}", "type": "x", "param": None, "code": None}}
                )
                return
            reply = rule(asked["messages"])
            self._send(reply.status, reply.body or completion(asked, reply))

        def _send(self, status: int, body: Any) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *words: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    script.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield script
    finally:
        server.shutdown()
        server.server_close()


def completion(asked: dict[str, Any], reply: Reply) -> dict[str, Any]:
    """A chat completion; each message costs a token a word."""
    if reply.status != 200:
        return {"error": {"message": reply.content, "type": "server_error", "param": None, "code": None}}
    words = sum(len(str(m["content"]).split()) for m in asked["messages"])
    said = len(reply.content.split())
    return {
        "id": "c", "object": "chat.completion", "created": 0, "model": asked["model"],
        "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": reply.content}}
        ],
        "usage": {"prompt_tokens": words, "completion_tokens": said, "total_tokens": words + said}
        if reply.usage
        else None,
    }  # fmt: skip
