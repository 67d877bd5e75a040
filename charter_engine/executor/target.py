"""What a run needs of whatever serves it."""

from typing import Protocol

from msgspec import Struct

from charter_engine.contracts.plan import NodePlan
from charter_engine.prompts.assembly import Prompt
from charter_engine.triton.request import Generated


class GenerateRequest(Struct, frozen=True, kw_only=True):
    """One prompt to complete. `plan` holds the retention wanted for it; None asks for nothing."""

    request_id: str
    node: str
    prompt: Prompt
    max_tokens: int
    plan: NodePlan | None = None


class TargetError(Exception):
    """A request that failed. `repeatable`: nothing was answered, and asking again may help."""

    def __init__(self, message: str, *, repeatable: bool) -> None:
        super().__init__(message)
        self.repeatable = repeatable


class Target(Protocol):
    """Completes prompts. Cancelling the task that waits cancels the request. Raises
    `TargetError`."""

    async def generate(self, request: GenerateRequest) -> Generated: ...
