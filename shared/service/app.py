"""The local AI service: OpenAI's audio, chat and embedding endpoints on this machine.

ladder serve
curl -F file=@talk.mp3 -F model=whisper-1 http://127.0.0.1:8321/v1/audio/transcriptions
"""

from __future__ import annotations

import os
from typing import Annotated, Any

from fastapi import FastAPI, Form, Request
from fastapi.responses import PlainTextResponse, Response

from shared import __version__
from shared.models import Model
from shared.service import errors
from shared.service.answers import AUDIO_ANSWERS
from shared.service.bodies import ChatBody, EmbeddingBody
from shared.service.converse import CHAT_ANSWERS
from shared.service.desk import Desk
from shared.service.embed import EMBEDDING_ANSWERS
from shared.service.engines import aliases, engine_name, ready
from shared.service.forms import AudioForm, TranscriptionForm
from shared.service.guard import Activity, Guard
from shared.settings import Settings
from shared.settings import settings as read_settings

ABOUT = """\
Ladder {version}: the local AI service. It speaks OpenAI's protocol, so there is no page here to look at.

POST {base}v1/audio/transcriptions   speech to text
POST {base}v1/audio/translations     speech to English text
POST {base}v1/chat/completions       a question and sources to quotes that answer it
POST {base}v1/embeddings             texts to vectors
GET  {base}v1/models                 models that are ready: {models}
GET  {base}health                    who runs here

Try it:
  curl -F file=@talk.mp3 -F model=whisper-1 {base}v1/audio/transcriptions
  curl --json '{{"model": "all-minilm-l6-v2", "input": "A tide gate."}}' {base}v1/embeddings
"""
MULTIPART = Form(media_type="multipart/form-data")


class Service(FastAPI):
    """FastAPI, but for its 422: here a wrong field is a 400, and the document says so."""

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document."""
        document = super().openapi()
        for path in document["paths"].values():
            for operation in path.values():
                operation["responses"].pop("422", None)
        for unused in ("HTTPValidationError", "ValidationError"):
            document["components"]["schemas"].pop(unused, None)
        return document


def create_app(settings: Settings | None = None) -> FastAPI:
    """The service as an ASGI app. In its state: `jobs`, the work in flight, and `activity`."""
    config = settings or read_settings()
    desk = Desk(config)
    app = Service(title="Ladder: local AI service", version=__version__, docs_url=None, redoc_url=None)
    app.state.jobs = desk.jobs
    app.state.activity = Activity()
    app.add_middleware(Guard, config=config, activity=app.state.activity)
    errors.install(app)

    @app.get("/", response_class=PlainTextResponse, responses=errors.documented())
    @app.get("/v1", response_class=PlainTextResponse, responses=errors.documented())
    async def about(request: Request) -> str:
        """For a person who opens the address in a browser: what this is, and how to call it."""
        names = ", ".join(model.id for model in ready(config))
        return ABOUT.format(version=__version__, base=request.base_url, models=names)

    @app.get("/health")
    async def health() -> dict[str, Any]:
        """Who runs here, which models are ready, and how many requests are worked on or wait."""
        return {
            "status": "ok",
            "service": "ladder",
            "version": __version__,
            "pid": os.getpid(),
            "home": str(config.home),
            "models": [model.id for model in ready(config)],
            "jobs": desk.jobs.count,
        }

    @app.get("/v1/models", responses=errors.documented())
    async def models() -> dict[str, Any]:
        """The models that can answer now."""
        return {"object": "list", "data": [_card(model) for model in ready(config)]}

    @app.get("/v1/models/{name:path}", responses=errors.documented(404))
    async def model(name: str) -> dict[str, Any]:
        """One model."""
        return _card(desk.model(name))

    refusals = errors.documented(404, 413, 429, 503)
    answers = AUDIO_ANSWERS | refusals

    @app.post("/v1/audio/transcriptions", response_class=Response, responses=answers)
    async def transcriptions(request: Request, form: Annotated[TranscriptionForm, MULTIPART]) -> Response:
        """Speech to text in the language spoken."""
        return await desk.transcribe(request, form)

    @app.post("/v1/audio/translations", response_class=Response, responses=answers)
    async def translations(request: Request, form: Annotated[AudioForm, MULTIPART]) -> Response:
        """Speech to English text."""
        return await desk.translate(request, form)

    @app.post("/v1/chat/completions", response_class=Response, responses=CHAT_ANSWERS | refusals)
    async def chat_completions(request: Request, body: ChatBody) -> Response:
        """The next turn of a conversation."""
        return await desk.complete(request, body)

    @app.post("/v1/embeddings", response_class=Response, responses=EMBEDDING_ANSWERS | refusals)
    async def embeddings(request: Request, body: EmbeddingBody) -> Response:
        """Texts to vectors."""
        return await desk.embed(request, body)

    return app


def _card(model: Model) -> dict[str, Any]:
    """A model in OpenAI's shape. `created` is not known, and 0."""
    return {
        "id": model.id,
        "object": "model",
        "created": 0,
        "owned_by": model.source if model.where != "folder" else "you",
        "engine": engine_name(model),
        "aliases": aliases(model),
    }
