"""What is paid for a run."""

from msgspec import Struct

from charter_engine.contracts.figures import Label


class RunCost(Struct, frozen=True, kw_only=True):
    """What the requests of a run cost together, or are predicted to.

    `items` are the inputs it ran over, `whole_ms` its time from the first request to the last
    answer. Tokens are sums, `ttft_ms` and `ttft_ms_p95` of the requests, `item_ms` the mean time of
    an item from its first request to its last answer. None: nobody told.
    """

    items: int = 0
    requests: int = 0
    failures: int = 0
    computed_tokens: int | None = None
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    whole_ms: float | None = None
    item_ms: float | None = None
    ttft_ms: float | None = None
    ttft_ms_p95: float | None = None
    label: Label = "measured"
    times_label: Label = "measured"

    @property
    def token_hit_rate(self) -> float | None:
        """The share of prompt tokens that were reused, 0 to 1."""
        if self.computed_tokens is None or not self.prompt_tokens:
            return None
        return 1 - self.computed_tokens / self.prompt_tokens

    @property
    def whole_ms_per_item(self) -> float | None:
        """The time of the whole run, shared among its items."""
        return self.whole_ms / self.items if self.whole_ms is not None and self.items else None


class Verdict(Struct, frozen=True):
    """What one run pays against another, in words, and whether that is worth it.

    Empty words: too little is known. `worth` None: it makes no difference, or nobody can tell.
    """

    words: str = ""
    worth: bool | None = None
