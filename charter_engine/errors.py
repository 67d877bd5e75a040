"""What goes wrong in a way that an operator can act on: what happened, what to do, and of which
kind it is."""

from typing import Literal

from charter_engine.exit_codes import FAILED, TRITON, USAGE

FailureKind = Literal["usage", "stale", "read-only", "refused", "unreachable", "failed"]
EXIT_CODE: dict[FailureKind, int] = {
    "usage": USAGE,
    "stale": FAILED,
    "read-only": FAILED,
    "refused": TRITON,
    "unreachable": TRITON,
    "failed": FAILED,
}
"""What a command ends with for each kind of failure."""


class CharterError(Exception):
    """Base of every failure that Charter explains.

    `message` says what happened in one line, naming the place; `remedy` says what to do. `kind`
    tells callers apart what can be repeated, corrected or only reported.
    """

    kind: FailureKind = "failed"

    def __init__(self, message: str, *, remedy: str = "", kind: FailureKind | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        if kind is not None:
            self.kind = kind

    @property
    def exit_code(self) -> int:
        """What a command that fails so ends with."""
        return EXIT_CODE[self.kind]

    def __str__(self) -> str:
        return f"{self.message} ({self.remedy})" if self.remedy else self.message


class UsageError(CharterError):
    """What the caller gave cannot be used: a missing file, a wrong value, another agent's plan."""

    kind = "usage"
