"""What a run needs of whatever serves it."""

from typing import Protocol

from charter_engine.triton.request import Generated, GenerateRequest


class TargetError(Exception):
    """A request that failed. `repeatable`: nothing was answered, and asking again may help."""

    def __init__(self, message: str, *, repeatable: bool) -> None:
        super().__init__(message)
        self.repeatable = repeatable


class Target(Protocol):
    """Completes prompts. Cancelling the task that waits cancels the request. Raises
    `TargetError`."""

    async def generate(self, request: GenerateRequest) -> Generated: ...
