"""What can go wrong with a Triton, by what the operator has to do about it."""


class TritonError(Exception):
    """Base of everything Triton-related that an operator can act on.

    `message` says what happened in one line, `remedy` what to do; `exit_code` is what a command
    ends with.
    """

    exit_code = 3
    kind = "failed"

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} ({self.remedy})" if self.remedy else self.message


class Unreachable(TritonError):
    """Nobody answers, or not in time."""

    kind = "unreachable"


class TritonRefused(TritonError):
    """Triton answered and said no: a restricted API, a wrong control mode, an invalid request or
    configuration."""

    kind = "refused"


class ModelFailed(TritonError):
    """The model itself failed on this request; the message holds the model's own words."""

    exit_code = 1
    kind = "failed"


class InvalidInput(TritonError):
    """What the caller gave cannot be used: a plan for other calls, a file that is not a plan, an
    unknown node."""

    exit_code = 2
    kind = "usage"


class Stale(TritonError):
    """The decision was made on a revision that is no longer live."""

    exit_code = 1
    kind = "stale"
