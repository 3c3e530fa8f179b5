"""Takes an audio request to the line of its model, and brings the answer back."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from functools import partial
from typing import Any, cast

from fastapi import Request
from fastapi.responses import Response, StreamingResponse

from shared.models import LOCAL_ALIASES, Model, find
from shared.service import answers
from shared.service.engines import Shelf
from shared.service.errors import ApiError
from shared.service.forms import AudioForm, TranscriptionForm
from shared.service.guard import too_large
from shared.service.jobs import Jobs
from shared.service.listen import Opening, Timings, listen
from shared.settings import Settings
from shared.speech import Segment, Transcript


class Desk:
    """One for a service."""

    def __init__(self, config: Settings) -> None:
        self.jobs = Jobs(config.queue)
        self._config = config
        self._shelf = Shelf(config)

    def model(self, name: str) -> Model:
        """The model that answers to a name. Raises ApiError 404 with what to do."""
        model = find(LOCAL_ALIASES.get(name, name), self._config)
        if model is None or model.kind != "speech" or model.where == "api":
            message = f"The model '{name}' does not exist here. GET /v1/models lists those that do."
        elif not model.present:
            fix = f"ladder models pull {name}" if model.where == "pull" else "check LADDER_WHISPER_FOLDERS"
            message = f"The model '{name}' is not on this machine: {fix}"
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
        model, timings = self.model(form.model), Timings()
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
        response.headers["x-ladder-engine"] = model.id
        response.headers["x-ladder-timings"] = json.dumps(timings)
        return response

    async def _stream(self, request: Request, form: AudioForm) -> Response:
        model = self.model(form.model)
        results = self._results(request, form, model, Timings())
        opening = cast(Opening, await anext(results))  # what fails before this is a proper 4xx
        stream = answers.events(cast(AsyncIterator[Segment], results), opening.duration, model.id)
        return StreamingResponse(
            stream, media_type="text/event-stream", headers={"x-ladder-engine": model.id}
        )

    def _results(
        self, request: Request, form: AudioForm, model: Model, timings: Timings
    ) -> AsyncIterator[Any]:
        """An Opening, then Segments: the work itself runs in a thread, when the model is free."""
        if (form.file.size or 0) > self._config.upload_mb * (1 << 20):
            raise too_large(int(self._config.upload_mb * (1 << 20)))
        load = partial(self._shelf.engine, model)
        work = partial(
            listen, form.file.file, load, form.ask(), form.tuning(), self._config.max_audio_s, timings
        )
        return self.jobs.start(model.id, work, request).results()
