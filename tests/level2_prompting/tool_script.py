"""A server of chat completions that says what a script tells it, tool calls included."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def says(text: str) -> dict[str, Any]:
    """An answer in words."""
    return {"role": "assistant", "content": text}


def calls(*wanted: tuple[str, Any]) -> dict[str, Any]:
    """An answer that asks for tools: names and arguments; arguments that are text are sent as they are."""
    asked = [
        {
            "id": f"call_{number}", "type": "function",
            "function": {"name": name, "arguments": given if isinstance(given, str) else json.dumps(given)},
        }
        for number, (name, given) in enumerate(wanted)
    ]  # fmt: skip
    return {"role": "assistant", "content": None, "tool_calls": asked}


class Script:
    """What the server says, one answer a request, the last one for ever; `seen` is what it was sent."""

    def __init__(self, *answers: dict[str, Any], status: int = 200) -> None:
        self.seen: list[dict[str, Any]] = []
        self.status, self._answers = status, list(answers)

    def next(self, sent: dict[str, Any]) -> dict[str, Any]:
        self.seen.append(sent)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


@contextmanager
def serving(script: Script) -> Iterator[str]:
    """Run the script on loopback; gives its base URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = json.loads(self.rfile.read(int(self.headers["content-length"])))
            message = script.next(sent)
            finish = "tool_calls" if message.get("tool_calls") else "stop"
            if script.status != 200:
                body: dict[str, Any] = {"error": {"message": message["content"], "type": "x", "code": None}}
            else:
                body = {
                    "id": "c", "object": "chat.completion", "created": 1, "model": "scripted",
                    "choices": [{"index": 0, "message": message, "finish_reason": finish}],
                    "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
                }  # fmt: skip
            data = json.dumps(body).encode()
            kind = "application/json"
            if sent.get("stream"):
                part = {"index": 0, "delta": message, "finish_reason": finish}
                event = {**body, "object": "chat.completion.chunk", "choices": [part]}
                data, kind = f"data: {json.dumps(event)}\n\ndata: [DONE]\n\n".encode(), "text/event-stream"
            self.send_response(script.status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *words: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
