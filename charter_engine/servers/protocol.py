"""What is the same of all five kinds of server."""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from charter_engine.contracts.figures import Label
from charter_engine.contracts.live import ServerCounters
from charter_engine.contracts.server import ServerKind, ServerProfile

ITEMS_AT_ONCE = 4
"""Assumed: enough to keep a server busy, and little beside what programs send it."""


class TokenRequest(Struct, frozen=True, kw_only=True):
    """A prompt of token ids to complete greedily. `priority` is how long its blocks are to be kept
    beside others', 0 to 100; `cache_salt` keeps them from other requests. A server on which these
    do nothing is not sent them."""

    token_ids: tuple[int, ...]
    max_tokens: int = 1
    priority: int | None = None
    cache_salt: str = ""


class TokenAnswer(Struct, frozen=True, kw_only=True):
    """What came back, and what the server told of the request: None where it tells nothing.

    `reuse` says where `reused_tokens` come from. `ttft_ms` and `latency_ms` are measured here, to
    the first token and to the end; `ttft_ms` is None where the answer came as a whole.
    """

    text: str = ""
    output_ids: tuple[int, ...] = ()
    prompt_tokens: int | None = None
    reused_tokens: int | None = None
    reuse: Label | None = None
    ttft_ms: float | None = None
    latency_ms: float = 0.0


class InferenceServer(Protocol):
    """A server that is up. Every method raises `CharterError`: `unreachable` where it does not
    answer, `refused` where it says no."""

    @property
    def kind(self) -> ServerKind: ...

    @property
    def cached_option(self) -> str:
        """The option by which it tells the cached tokens of a request where it does not; empty
        where it always does."""

    async def profile(self) -> ServerProfile:
        """What it is and can do, found by asking it anew. Changes nothing, computes nothing."""
        ...

    async def counters(self) -> ServerCounters:
        """What it counted since it started."""
        ...

    async def complete(self, request: TokenRequest) -> TokenAnswer:
        """The answer to one request, with what the server told of it."""
        ...

    async def release(self, token_ids: Sequence[int], keep_tokens: int, /) -> None:
        """Have it forget what it caches of a sequence behind so many leading tokens; it need not
        have done so by then. Refused where its lever `release` does not act."""
        ...
