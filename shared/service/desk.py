"""Takes a request to the line of its model, and brings the answer back."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from functools import partial
from typing import Any, cast

import numpy as np
from fastapi import Request
from fastapi.responses import JSONResponse, Response

from shared.models import LOCAL_ALIASES, Model, find
from shared.service import answers, events
from shared.service.bodies import ChatBody, EmbeddingBody
from shared.service.converse import Completion, converse
from shared.service.embed import embed, embedding_body
from shared.service.engines import SERVED, Shelf, engine_name
from shared.service.engines.base import Delta
from shared.service.errors import ApiError
from shared.service.forms import AudioForm, TranscriptionForm
from shared.service.guard import too_large
from shared.service.jobs import Jobs
from shared.service.listen import Opening, listen
from shared.service.timings import Timings
from shared.settings import Settings
from shared.speech import Segment, Transcript


class Desk:
    """One for a service."""

    def __init__(self, config: Settings) -> None:
        self.jobs = Jobs(config.queue)
        self._config = config
        self._shelf = Shelf(config)

    def model(self, name: str, kind: str | None = None) -> Model:
        """The model that answers to a name.

        Args:
            name: as the client gave it.
            kind: `speech`, `chat` or `embedding`; None for any.

        Raises:
            ApiError: 404, with what to do.
        """
        model = find(LOCAL_ALIASES.get(name, name), self._config)
        if model is None or model.kind not in SERVED or model.where == "api":
            message = f"The model '{name}' does not exist here. GET /v1/models lists those that do."
        elif not model.present:
            setting = "LADDER_CHAT_FOLDERS" if model.kind == "chat" else "LADDER_WHISPER_FOLDERS"
            fix = f"ladder models pull {name}" if model.where == "pull" else f"check {setting}"
            message = f"The model '{name}' is not on this machine: {fix}"
        elif kind not in (None, model.kind):
            message = f"The model '{name}' is for {model.kind}, and this endpoint is for {kind}."
        else:
            return model
        raise ApiError(404, message, param="model", code="model_not_found")

    async def transcribe(self, request: Request, form: TranscriptionForm) -> Response:
        """Answer a transcription request, whole or as a stream."""
        form.check()
        return await (self._stream(request, form) if form.stream else self._whole(request, form))

    async def translate(self, request: Request, form: AudioForm) -> Response:
        """Answer a translation request."""
        return await self._whole(request, form)

    async def _whole(self, request: Request, form: AudioForm) -> Response:
        model, timings = self.model(form.model, "speech"), Timings()
        opening, *segments = [item async for item in self._results(request, form, model, timings)]
        transcript = Transcript(
            task="translate" if form.ask().translate else "transcribe",
            language=answers.language_name("en" if form.ask().translate else opening.language),
            duration=round(opening.duration, 3),
            text=answers.full_text(segments),
            segments=[s.model_copy(update={"text": s.text.strip()}) for s in segments],
            usage=answers.usage(opening.duration),
            engine=model.id,
        )
        response = answers.body(transcript, form.response_format, form.granularities)
        return _signed(response, model, timings)

    async def _stream(self, request: Request, form: AudioForm) -> Response:
        model = self.model(form.model, "speech")
        results = self._results(request, form, model, Timings())
        opening = cast(Opening, await anext(results))  # what fails before this is a proper 4xx
        heard = answers.events(cast(AsyncIterator[Segment], results), opening.duration, model.id)
        return events.stream(heard, model.id)

    def _results(
        self, request: Request, form: AudioForm, model: Model, timings: Timings
    ) -> AsyncIterator[Any]:
        """An Opening, then Segments: the work itself runs in a thread, when the model is free."""
        if (form.file.size or 0) > self._config.upload_mb * (1 << 20):
            raise too_large(int(self._config.upload_mb * (1 << 20)))
        load = partial(self._shelf.speech, model)
        work = partial(
            listen, form.file.file, load, form.ask(), form.tuning(), self._config.max_audio_s, timings
        )
        return self.jobs.start(model.id, work, request).results()

    async def embed(self, request: Request, body: EmbeddingBody) -> Response:
        """Answer an embedding request."""
        model, timings = self.model(body.model, "embedding"), Timings()
        load = partial(self._shelf.embedding, model)
        work = partial(embed, body.texts, body.dimensions, load, timings)
        tokens, *arrays = [item async for item in self.jobs.start(model.id, work, request).results()]
        answer = embedding_body(np.concatenate(arrays), tokens, model.id, body.encoding_format)
        return _signed(JSONResponse(answer), model, timings)

    async def complete(self, request: Request, body: ChatBody) -> Response:
        """Answer a chat request, whole or as a stream."""
        model, timings = self.model(body.model, "chat"), Timings()
        body.check(model.id, writes=engine_name(model) != "reader")
        load = partial(self._shelf.chat, model)
        work = partial(converse, body.conversation, body.ask, body.stops, load, timings)
        results = self.jobs.start(model.id, work, request).results()
        completion = Completion(model.id, await anext(results))  # what fails before this is a proper 4xx
        deltas = cast(AsyncIterator[Delta], results)
        if body.stream:
            wants_usage = bool(body.stream_options and body.stream_options.include_usage)
            return events.stream(completion.chunks(deltas, wants_usage), model.id)
        return _signed(JSONResponse(completion.whole([d async for d in deltas])), model, timings)


def _signed(response: Response, model: Model, timings: Timings) -> Response:
    """The answer with who made it, and where the time went."""
    response.headers["x-ladder-engine"] = model.id
    response.headers["x-ladder-timings"] = json.dumps(timings)
    return response
