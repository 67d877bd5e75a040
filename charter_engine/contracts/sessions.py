"""Sessions: requests that continue each other, and what they come to."""

from msgspec import Struct

from charter_engine.contracts.explaining import CauseKind
from charter_engine.contracts.traffic import Source


class SessionTraffic(Struct, frozen=True, kw_only=True):
    """One session. Times are epoch seconds: `begin` its first arrival, `end` its last answer.

    `told` says that its client names it; else it was told by content. `sequences` are the numbers
    of its requests at the tap, oldest first. Tokens are of the requests that the server told of:
    `again_tokens` were computed although they had been before, the last of them for `cause`.
    """

    session: str
    told: bool = True
    source: Source = "other"
    sequences: tuple[int, ...] = ()
    failures: int = 0
    begin: float = 0.0
    end: float = 0.0
    nodes: tuple[str, ...] = ()
    prompt_tokens: int = 0
    computed_tokens: int = 0
    output_tokens: int = 0
    again_tokens: int = 0
    cause: CauseKind | None = None
