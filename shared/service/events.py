"""Server-sent events: how a streamed answer goes over the wire, and how it breaks off."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator

from fastapi.responses import StreamingResponse

from shared.service.errors import describe
from shared.service.jobs import ClientGone

log = logging.getLogger(__name__)


def event(data: dict | str) -> str:
    """One server-sent event."""
    return f"data: {data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)}\n\n"


def stream(events: AsyncIterator[str], engine: str) -> StreamingResponse:
    """An answer made of events, then `[DONE]`."""
    return StreamingResponse(
        _whole(events), media_type="text/event-stream", headers={"x-ladder-engine": engine}
    )


async def _whole(events: AsyncIterator[str]) -> AsyncIterator[str]:
    """The events and the end mark. An error travels as an event, since the status line is long sent."""
    try:
        async for item in events:
            yield item
    except ClientGone:
        return
    except Exception as error:
        status, told, _ = describe(error)
        if status == 500:
            log.exception("A stream broke off.")
        yield event(told)
        return
    yield event("[DONE]")
