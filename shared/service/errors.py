"""Errors in the shape of OpenAI's, so that its client shows the sentence: {"error": {message, param, …}}."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from shared.errors import LadderError
from shared.service.jobs import ClientGone, LineFull, Stopping
from shared.service.refusal import Refusal


class ErrorDetail(BaseModel):
    """What went wrong, in a sentence; the parameter to blame; a code for programs."""

    message: str
    type: str
    param: str | None = None
    code: str | None = None


class ErrorBody(BaseModel):
    """The body of every answer that is not a success."""

    error: ErrorDetail


TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
CODES = {404: "not_found", 405: "method_not_allowed"}


class ApiError(HTTPException):
    """A refusal with its HTTP status, one sentence, and the parameter at fault."""

    def __init__(
        self, status: int, message: str, *, param: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(status, message)
        self.param = param
        self.code = code


def error_body(status: int, message: str, param: str | None = None, code: str | None = None) -> dict:
    """The JSON of an error, ready to send."""
    kind = TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    detail = ErrorDetail(message=message, type=kind, param=param, code=code or CODES.get(status))
    return ErrorBody(error=detail).model_dump()


def describe(error: Exception) -> tuple[int, dict, dict[str, str]]:
    """The status, body and headers that tell a client about any exception, and nothing of our insides."""
    if isinstance(error, HTTPException):
        body = error_body(
            error.status_code, error.detail, getattr(error, "param", None), getattr(error, "code", None)
        )
        return error.status_code, body, dict(error.headers or {})
    if isinstance(error, RequestValidationError):
        return 400, _field_error(error), {}
    if isinstance(error, Refusal):
        return 400, error_body(400, f"{error.message} {error.fix}".strip(), error.param), {}
    if isinstance(error, LineFull):
        message = "The model is busy and its line is full. Try again shortly."
        return 429, error_body(429, message, code="queue_full"), {"Retry-After": "2"}
    if isinstance(error, Stopping):
        return 503, error_body(503, "The service is stopping.", code="stopping"), {}
    if isinstance(error, LadderError):
        return 500, error_body(500, f"{error.message} {error.fix}".strip(), code="internal"), {}
    return 500, error_body(500, "The service failed on this request. Its log says why.", code="internal"), {}


def _field_error(error: RequestValidationError) -> dict:
    """The first field that is wrong, by the name that the client gave it."""
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return error_body(400, "The request is not valid JSON.")
    param = str(first["loc"][1]).partition("[")[0] if len(first["loc"]) > 1 else None
    message = first["msg"][0].lower() + first["msg"][1:]
    if param == "file":
        message = "an uploaded file is needed"
    return error_body(400, f"{param or 'The request'}: {message}.", param)


async def answer(request: Request, error: Exception) -> Response:
    """Turns an exception into its answer. A client that has left gets none."""
    if isinstance(error, ClientGone):
        return Response(status_code=499)
    if isinstance(error, HTTPException) and error.status_code == 404 and not isinstance(error, ApiError):
        error = _no_such_path(request)
    status, body, headers = describe(error)
    return JSONResponse(body, status, headers)


def _no_such_path(request: Request) -> ApiError:
    """What is not here, and what is."""
    routes = [route for route in request.app.routes if isinstance(route, APIRoute)]
    here = [
        f"{'/'.join(r.methods or ())} {r.path_format}" for r in routes if r.path_format.startswith("/v1/")
    ]
    asked = f"{request.method} {request.url.path[:100]}"
    return ApiError(404, f"There is no {asked} here. There is: {', '.join(here)}.")


def install(app: FastAPI) -> None:
    """Makes every failure of the app speak this shape."""
    ours = (LadderError, ClientGone, LineFull, Stopping)
    for kind in (*ours, HTTPException, RequestValidationError, Exception):
        app.add_exception_handler(kind, answer)


def documented(*statuses: int) -> dict[int | str, dict]:
    """The error answers of a route, for its OpenAPI document."""
    return {status: {"model": ErrorBody} for status in (400, 401, 403, *statuses, 500)}
