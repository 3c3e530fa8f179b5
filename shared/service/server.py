"""Runs the service on loopback.

python -m shared.service --port 8321 --idle 900
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from typing import TYPE_CHECKING

import uvicorn

from shared.errors import BadUsage, LadderError
from shared.service.guard import LOOPBACK

if TYPE_CHECKING:
    from fastapi import FastAPI


class Server(uvicorn.Server):
    """uvicorn, which also drops the work in flight when told to end, and ends by itself when idle."""

    def __init__(self, app: FastAPI, idle_s: float | None) -> None:
        super().__init__(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2))
        self._app = app
        self._idle_s = idle_s

    async def on_tick(self, counter: int) -> bool:
        """Called ten times a second."""
        if self._idle_s is not None and self._app.state.activity.idle_s > self._idle_s:
            self.should_exit = True
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.state.jobs.stop()
        await super().shutdown(sockets)


def serve(host: str = "127.0.0.1", port: int = 8321, idle_s: float | None = None) -> None:
    """Serve until SIGTERM, Ctrl-C, or `idle_s` seconds without a request.

    Raises:
        BadUsage: the host is not loopback, or the port is no port.
        LadderError: the port is taken.
    """
    from shared.service.app import create_app

    if host not in LOOPBACK:
        raise BadUsage(
            f"The service does not listen on {host}: it is for this machine alone.", "Use 127.0.0.1."
        )
    if not 1 <= port <= 65535:
        raise BadUsage(f"{port} is not a port that clients could find.", "Use --port with 1 to 65535.")
    listener = _listen(host, port)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))  # uvicorn raises them again once it has ended well
    Server(create_app(), idle_s).run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise LadderError(
            f"Port {port} on {host} cannot be used: {os.strerror(error.errno or 0)}.",
            "Choose another with --port.",
        ) from error
