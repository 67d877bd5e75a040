"""What was measured second by second, on one time axis."""

from typing import Final, Literal

from msgspec import Struct

TickFigure = Literal[
    "computed_per_second", "ttft_ms", "pool_used", "waiting", "gpu_utilization", "gpu_memory_used"
]
"""What of a tick has a lowest and a highest value."""
TICK_FIGURES: Final[tuple[TickFigure, ...]] = (
    "computed_per_second",
    "ttft_ms",
    "pool_used",
    "waiting",
    "gpu_utilization",
    "gpu_memory_used",
)


class ValueRange(Struct, frozen=True):
    """The lowest and the highest value that something had."""

    low: float
    high: float


class Tick(Struct, frozen=True, kw_only=True):
    """One stretch of time that ended at the epoch second `at`: a second, or more of them together.

    Tokens and requests are sums; `ttft_ms` is a mean, the others are the means of what was sampled.
    Tokens are those that the server itself counted, whoever sent them, where it is one that counts;
    else those of the requests that Charter saw, as `requests` and `ttft_ms` always are.
    `pool_used` is the share of KV blocks in use, `gpu_memory_used` that of the memory of all GPUs
    together, both 0 to 1. None: nothing was told.

    `seconds` is how much of the stretch was measured. `ranges` holds, by figure, what its seconds
    ranged over; a figure that is not in it had one value throughout.
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
    gpu_memory_used: float | None = None
    ranges: dict[str, ValueRange] = {}

    @property
    def hit_rate(self) -> float | None:
        """The share of prompt tokens that were reused, 0 to 1."""
        return 1 - self.computed_tokens / self.prompt_tokens if self.prompt_tokens else None

    @property
    def computed_per_second(self) -> float:
        """Prompt tokens computed a second."""
        return self.computed_tokens / self.seconds

    def range_of(self, figure: TickFigure) -> ValueRange | None:
        """What a figure ranged over; None where nothing was told of it."""
        value = getattr(self, figure)
        return self.ranges.get(figure) or (None if value is None else ValueRange(value, value))
