"""A request that cannot be served, found while serving it."""

from __future__ import annotations

from shared.errors import LadderError


class Refusal(LadderError):
    """Answered with 400: a sentence, what to do, and the form field at fault."""

    def __init__(self, message: str, fix: str = "", *, param: str) -> None:
        super().__init__(message, fix)
        self.param = param
