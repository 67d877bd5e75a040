"""What a run needs of whatever serves it."""

from typing import Protocol

from msgspec import Struct

from charter_engine.contracts.plan import NodePlan
from charter_engine.dag.assembly import Prompt


class GenerateRequest(Struct, frozen=True, kw_only=True):
    """One prompt to complete. `plan` holds the retention wanted for it; None asks for nothing."""

    request_id: str
    node: str
    prompt: Prompt
    max_tokens: int
    plan: NodePlan | None = None


class Generation(Struct, frozen=True, kw_only=True):
    """What came back. Counters and times are the server's own; None where it has none. Times in milliseconds."""

    text: str
    output_ids: tuple[int, ...] = ()
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    reused_tokens: int | None = None
    reused_blocks: int | None = None
    missed_blocks: int | None = None
    alloc_new_blocks: int | None = None
    alloc_total_blocks: int | None = None
    ttft_ms: float | None = None
    queue_ms: float | None = None


class TargetError(Exception):
    """A request that failed. `repeatable`: nothing was answered, and asking again may help."""

    def __init__(self, message: str, *, repeatable: bool) -> None:
        super().__init__(message)
        self.repeatable = repeatable


class Target(Protocol):
    """Completes prompts. Cancelling the task that waits cancels the request. Raises `TargetError`."""

    async def generate(self, request: GenerateRequest) -> Generation: ...
