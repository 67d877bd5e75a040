"""What can go wrong with a Triton, by what the operator has to do about it."""

from charter_engine.errors import CharterError, UsageError


class TritonError(CharterError):
    """Base of everything Triton-related that an operator can act on."""

    @property
    def exit_code(self) -> int:
        """3: whatever it is, it is Triton's, unless the kind says otherwise."""
        return 3 if self.kind == "failed" else super().exit_code


class Unreachable(TritonError):
    """Nobody answers, or not in time."""

    kind = "unreachable"


class TritonRefused(TritonError):
    """Triton answered and said no: a restricted API, a wrong control mode, an invalid request or
    configuration."""

    kind = "refused"


class ModelFailed(TritonError):
    """The model itself failed on this request; the message holds the model's own words."""

    @property
    def exit_code(self) -> int:
        return 1


class InvalidInput(TritonError, UsageError):
    """What the caller gave cannot be used: a plan for other calls, a file that is not a plan, an
    unknown node."""

    kind = "usage"


class Stale(TritonError):
    """The decision was made on a revision that is no longer live."""

    kind = "stale"
