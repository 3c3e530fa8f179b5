"""The one error that a user sees: what is wrong, and what to do about it."""

from __future__ import annotations


class LadderError(Exception):
    """A failure with a way out, shown as two lines and never as a traceback.

    Args:
        message: one sentence that names the input and what is wrong with it.
        fix: one sentence or command that mends it.
    """

    exit_code = 1

    def __init__(self, message: str, fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.message}\n  → {self.fix}" if self.fix else self.message


class BadUsage(LadderError):
    """The command or call was put wrongly: exit code 2."""

    exit_code = 2
