"""The door of the service: who may come in, how much they may carry, and when the last one was here."""

from __future__ import annotations

import secrets
import time
from urllib.parse import urlsplit

from fastapi.responses import JSONResponse
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.service.errors import ApiError, error_body
from shared.settings import Settings

LOOPBACK = {"localhost", "127.0.0.1", "::1"}
OTHER_FIELDS = 1 << 20  # bytes that a form may hold beside its file
PATIENCE = 4  # how many times the limit is read and thrown away, so that the client hears the refusal
OPEN = {"/health"}  # needs no key


class Activity:
    """Whether anybody uses the service."""

    def __init__(self) -> None:
        self.in_flight = 0
        self.last_seen = time.monotonic()

    @property
    def idle_s(self) -> float:
        """Seconds since the last request ended; 0 while one is served."""
        return 0.0 if self.in_flight else time.monotonic() - self.last_seen


class Guard:
    """ASGI middleware: Host and key checks, the upload limit, nosniff, and the book of who was here."""

    def __init__(self, app: ASGIApp, config: Settings, activity: Activity) -> None:
        self.app = app
        self.activity = activity
        self.key = config.service_key
        self.limit = int(config.upload_mb * (1 << 20)) + OTHER_FIELDS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        self.activity.in_flight += 1
        try:
            refusal = self._refusal(scope["path"], Headers(scope=scope))
            await (refusal or self.app)(scope, self._counted(receive, scope["path"]), _nosniff(send))
        finally:
            self.activity.in_flight -= 1
            self.activity.last_seen = time.monotonic()

    def _refusal(self, path: str, headers: Headers) -> JSONResponse | None:
        """For a web page from elsewhere (DNS rebinding, a form that posts here), and for a wrong key."""
        for name, value in (("Host", "//" + headers.get("host", "")), ("Origin", headers.get("origin"))):
            if value is not None and _hostname(value) not in LOOPBACK:
                body = error_body(403, f"{name}: this service answers to this machine alone.")
                return JSONResponse(body, 403)
        if self.key and path not in OPEN:
            given = headers.get("authorization", "").removeprefix("Bearer ").encode()
            if not secrets.compare_digest(given, self.key.get_secret_value().encode()):
                body = error_body(401, "The API key is missing or wrong.", code="invalid_api_key")
                return JSONResponse(body, 401, {"WWW-Authenticate": "Bearer"})
        return None

    def _counted(self, receive: Receive, path: str) -> Receive:
        """Counts the bytes as they come, whatever Content-Length says."""
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            while seen > self.limit and message.get("more_body") and seen < PATIENCE * self.limit:
                message = await receive()
                seen += len(message.get("body", b""))
            if seen > self.limit:
                raise too_large(self.limit - OTHER_FIELDS, "file" if "/audio/" in path else None)
            return message

        return counted


def too_large(limit: int, param: str | None = "file") -> ApiError:
    """The refusal of an upload over the limit."""
    return ApiError(413, f"The upload is over the limit of {limit} bytes.", param=param, code="too_large")


def _hostname(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _nosniff(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], (b"x-content-type-options", b"nosniff")]
        await send(message)

    return sent
