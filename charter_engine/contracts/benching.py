"""What a benchmark is asked to do, and what it reports.

Rates are 0 to 1, times in milliseconds, all *measured* unless the name says otherwise.
"""

from msgspec import Struct

from charter_engine.contracts.plan import Lever, Plan
from charter_engine.contracts.request_figures import FigureDifference
from charter_engine.contracts.server import ProfileRequest


class BenchRequest(Struct, frozen=True, kw_only=True):
    """Measure an agent without reuse, as written, and under a plan, turn by turn.

    `iterations` holds for agents without a loop, `passes` for those that loop over rows; `unseen`
    changes the text of the inputs each time (None: for agents without a loop). `plan` is a plan
    file (None: one is derived), less the levers in `without`. No call generates more than
    `max_tokens`. `tokens_per_block` and `pool_tokens` are of embedded servers, which serve the
    `engine`, a directory that was built (empty: random weights). `quick` does little.
    `server` is one that takes token ids by HTTP, in place of a Triton, and `tokenizer` its model's
    (empty: where its profile says, on this machine).
    """

    agent: str
    inputs: str | None = None
    iterations: int | None = None
    passes: int | None = None
    unseen: bool | None = None
    plan: str | None = None
    without: tuple[Lever, ...] = ()
    max_tokens: int | None = None
    tokens_per_block: int | None = None
    pool_tokens: int | None = None
    engine: str = ""
    quick: bool = False
    server: ProfileRequest | None = None
    tokenizer: str = ""


class Percentiles(Struct, frozen=True):
    """Of one figure over all requests; `count` says how many there were."""

    p50: float
    p95: float
    p99: float
    mean: float
    count: int


class Drift(Struct, frozen=True, kw_only=True):
    """Generated text encoded again against the tokens generated: outputs that differ, and the
    tokens from there on."""

    outputs: int = 0
    differing: int = 0
    output_tokens: int = 0
    tokens_behind: int = 0


def computed_of(prompt_tokens: float | None, hit_rate: float | None) -> float | None:
    """Of so many prompt tokens those that were computed; None where either is not told."""
    return None if prompt_tokens is None or hit_rate is None else prompt_tokens * (1 - hit_rate)


class NodeFigures(Struct, frozen=True, kw_only=True):
    """One call's part in a variant. `example` is how the first prompt that was sent began, of the
    variants `source` and `plan`."""

    node: str
    requests: int
    token_hit_rate: float | None
    bound: float | None
    ttft_ms: Percentiles | None
    example: str = ""
    prompt_tokens: int | None = None
    latency_ms: Percentiles | None = None

    @property
    def computed_tokens(self) -> float | None:
        """Prompt tokens that were not reused."""
        return computed_of(self.prompt_tokens, self.token_hit_rate)


class VariantReport(Struct, frozen=True, kw_only=True):
    """One variant. Fields are None where the deployment or the missing tokenizer left them untold.

    `bound` is what layout and inputs allow with unlimited memory and blocks of one token, on the
    very prompts sent. The predicted rates are the block manager's, replayed on those prompts at the
    times they were sent.
    """

    name: str
    what: str
    reuse: bool
    tokens_per_block: int | None
    pool_blocks: int | None
    policy: str = "default"
    requests: int = 0
    failures: int = 0
    prompt_tokens: int = 0
    output_tokens: int = 0
    elapsed_ms: float = 0.0
    ttft_ms: Percentiles | None = None
    latency_ms: Percentiles | None = None
    token_hit_rate: float | None = None
    block_hit_rate: float | None = None
    bound: float | None = None
    predicted_token_hit_rate: float | None = None
    predicted_block_hit_rate: float | None = None
    requests_per_s: float = 0.0
    prompt_tokens_per_s: float = 0.0
    peak_blocks: int | None = None
    drift: Drift | None = None
    nodes: tuple[NodeFigures, ...] = ()
    errors: tuple[str, ...] = ()

    @property
    def computed_tokens(self) -> float | None:
        """Prompt tokens that were not reused."""
        return computed_of(self.prompt_tokens, self.token_hit_rate)

    @property
    def predicted_computed_tokens(self) -> float | None:
        """Prompt tokens that the block manager would not have reused."""
        return computed_of(self.prompt_tokens, self.predicted_token_hit_rate)

    @property
    def share_of_bound(self) -> float | None:
        """The token hit rate as a share of its bound."""
        if self.token_hit_rate is None or not self.bound:
            return None
        return self.token_hit_rate / self.bound


class LeverShare(Struct, frozen=True, kw_only=True):
    """What is lost by switching one lever of the plan off and leaving the others on."""

    lever: str
    token_hit_rate_gained: float | None
    ttft_ms_saved: float | None
    note: str = ""
    computed_tokens_saved: float | None = None
    ttft_p95_ms_saved: float | None = None
    whole_ms_saved: float | None = None


class BatchCell(Struct, frozen=True, kw_only=True):
    """The independent items of a pass, one after another or all at once."""

    variant: str
    concurrency: int
    requests: int
    elapsed_ms: float
    requests_per_s: float
    prefill_ms: float | None
    token_hit_rate: float | None
    prompt_tokens: int | None = None
    ttft_p95_ms: float | None = None

    @property
    def computed_tokens(self) -> float | None:
        """Prompt tokens that were not reused."""
        return computed_of(self.prompt_tokens, self.token_hit_rate)


class Batch(Struct, frozen=True, kw_only=True):
    """How much faster a batch is, and why. Gains are ratios of requests/s to one after another
    without reuse.

    `prefill_gain` is the ratio of times to the first token of requests one after another; the most
    it can be is 1/(1-r), with r the share of prompt tokens reused (`prefill_limit`).
    """

    cells: tuple[BatchCell, ...]
    gain: float
    concurrency_gain: float
    reuse_gain: float
    prefill_gain: float | None
    prefill_limit: float | None


class BenchReport(Struct, frozen=True, kw_only=True):
    """What `charter-engine bench --json` prints. `lost` says which server stopped answering, if one
    did; then, or if the benchmark was interrupted, it is not `complete`.

    `differences` are what a request of the variant `plan` costs more than one of `source`, with
    intervals, of all and by node.
    """

    agent: str
    target: str
    iterations: int
    items_per_iteration: int
    inputs: str
    variants: tuple[VariantReport, ...]
    differences: tuple[FigureDifference, ...] = ()
    levers: tuple[LeverShare, ...] = ()
    batch: Batch | None = None
    plan: Plan | None = None
    notes: tuple[str, ...] = ()
    complete: bool = True
    lost: str = ""

    def variant(self, name: str) -> VariantReport:
        """The variant of that name. Raises KeyError."""
        for one in self.variants:
            if one.name == name:
                return one
        raise KeyError(name)
