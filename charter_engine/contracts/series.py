"""What was measured second by second, on one time axis."""

from msgspec import Struct


class Tick(Struct, frozen=True, kw_only=True):
    """One stretch of time that ended at the epoch second `at`: a second, or more of them together.

    Tokens and requests are sums; `ttft_ms` is a mean, the others are the means of what was sampled.
    `pool_used` is the share of KV blocks in use, 0 to 1. None: nothing was told.
    """

    at: float
    seconds: float = 1.0
    requests: int = 0
    prompt_tokens: int = 0
    computed_tokens: int = 0
    ttft_ms: float | None = None
    pool_used: float | None = None
    waiting: float | None = None
    gpu_utilization: float | None = None

    @property
    def hit_rate(self) -> float | None:
        """The share of prompt tokens that were reused, 0 to 1."""
        return 1 - self.computed_tokens / self.prompt_tokens if self.prompt_tokens else None
