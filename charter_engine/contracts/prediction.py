"""What the block manager says a plan or a setting would do on a workload."""

from typing import Literal

from msgspec import Struct

from charter_engine.contracts.costs import RunCost
from charter_engine.contracts.figures import Label
from charter_engine.contracts.plan import Policy, Reason
from charter_engine.contracts.pool import OtherPool


class Bracket(Struct, frozen=True):
    """Token hit rates that bound a policy at the same pool: default-priority LRU below, offline
    optimum above."""

    default_lru: float
    optimum: float


class NodePrediction(Struct, frozen=True, kw_only=True):
    """The share of one node in a prediction."""

    node: str
    requests: int
    prompt_tokens: int
    reused_tokens: int
    ttft_ms: float | None = None

    @property
    def computed_tokens(self) -> int:
        """Prompt tokens that were not reused: what is paid."""
        return self.prompt_tokens - self.reused_tokens


class Prediction(Struct, frozen=True, kw_only=True):
    """One setting on one workload. Rates are shares of prompt tokens and of prompt blocks, 0 to 1.

    Times come from the latency model, of which `times_source` says whose it is, and carry its
    label: `predicted` when it was calibrated on measurements, `assumed` when it is a preset. They
    hold what a request waits: `makespan_ms` is from the first arrival to the last end,
    `requests_per_s` what is served of requests in it. `evictions_by_priority` counts blocks whose
    content was dropped; `rejected` requests the pool had no room for, which count as misses.
    `demotions` are requests of one token beside the workload's that rank prompts below all others:
    what they compute counts as not reused. Where policies are compared, `policy` names this
    prediction's, and `closed` is the share of the gap between default priorities and the optimum
    that it closes. `notes` say what limits the figures: a part of the workload that could not be
    read, or content that nobody knows.
    """

    settings: dict[str, str | int | float | bool]
    requests: int
    prompt_tokens: int
    token_hit_rate: float
    block_hit_rate: float
    reused_blocks: int
    missed_blocks: int
    rejected: int = 0
    demotions: int = 0
    evictions_by_priority: dict[int, int] = {}
    offloads: int = 0
    onboards: int = 0
    peak_blocks: int = 0
    memory_bytes: int | None = None
    ttft_ms_mean: float | None = None
    ttft_ms_p95: float | None = None
    makespan_ms: float | None = None
    requests_per_s: float | None = None
    times_source: str = ""
    times_label: Label = "assumed"
    nodes: tuple[NodePrediction, ...] = ()
    bracket: Bracket | None = None
    bound: float | None = None
    policy: Policy | None = None
    closed: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def computed_tokens(self) -> int:
        """Prompt tokens that were not reused: what is paid."""
        return self.computed_at(self.token_hit_rate)

    def computed_at(self, hit_rate: float) -> int:
        """Prompt tokens that are computed at another hit rate, such as the optimum."""
        return round(self.prompt_tokens * (1 - hit_rate))

    def cost(self, items: int) -> RunCost:
        """What a run over so many items is predicted to cost."""
        return RunCost(
            items=items,
            requests=self.requests,
            computed_tokens=self.computed_tokens,
            prompt_tokens=self.prompt_tokens,
            whole_ms=self.makespan_ms,
            ttft_ms=self.ttft_ms_mean,
            ttft_ms_p95=self.ttft_ms_p95,
            label="predicted",
            times_label=self.times_label,
        )


class CurvePoint(Struct, frozen=True):
    """Block hit rate of a default-priority LRU pool of so many blocks.

    What is paid in it, times in milliseconds, is told of some points, by the block manager; None of
    the others. Times have the label of the predictions beside the curve.
    """

    gpu_blocks: int
    block_hit_rate: float
    computed_tokens: int | None = None
    makespan_ms: float | None = None
    ttft_ms_mean: float | None = None
    ttft_ms_p95: float | None = None


class Curve(Struct, frozen=True, kw_only=True):
    """LRU hit rates over pool sizes at one block size."""

    tokens_per_block: int
    points: tuple[CurvePoint, ...]


class PolicyChoice(Struct, frozen=True, kw_only=True):
    """The policy to take at one setting, and why: `default` wherever the estimate is too poor to
    help."""

    settings: dict[str, str | int | float | bool]
    policy: Policy
    reason: Reason


class ServingTimes(Struct, frozen=True):
    """What requests are predicted to wait for their first token, on the mean and at the 95th
    percentile, in milliseconds, how many are served in a second, and how long it takes from the
    first arrival to the last end. None: nothing tells."""

    ttft_ms: float | None = None
    ttft_p95_ms: float | None = None
    requests_per_s: float | None = None
    makespan_ms: float | None = None


class PolicyComparison(Struct, frozen=True, kw_only=True):
    """Predicted token hit rates of the retention policies on one workload and pool, and the offline
    optimum on it.

    `prompt_tokens` is what the rates are of. `times` are those of the same predictions, by the
    latency model that the plan goes by, waiting included. `ample`: the workload fits the pool, so
    that no policy has anything to decide. `note` says which are missing, and why.
    """

    workload: str
    tokens_per_block: int
    gpu_blocks: int
    host_blocks: int
    hit_rates: dict[Policy, float]
    optimum: float
    ample: bool
    note: str = ""
    times: dict[Policy, ServingTimes] = {}
    prompt_tokens: int | None = None

    def computed_tokens(self, hit_rate: float) -> int | None:
        """Prompt tokens that are computed at a hit rate; None where nobody told of how many."""
        return None if self.prompt_tokens is None else round(self.prompt_tokens * (1 - hit_rate))

    def closed(self, policy: Policy) -> float | None:
        """The share of the gap between `default` and the optimum that a policy closes; None where
        there is no gap."""
        gap = self.optimum - self.hit_rates["default"]
        return (self.hit_rates[policy] - self.hit_rates["default"]) / gap if gap > 0 else None


class PredictReport(Struct, frozen=True, kw_only=True):
    """What `charter-engine predict --json` prints. `rule` says which tokens can be reused at all.

    `has_content` is false for a workload of lengths alone, of which no hit rate can be told: rates
    are 0 then, and mean nothing. `choices` holds one entry a setting where policies are compared;
    `unmatched_nodes` are those of the plan that no request of the workload comes from. `others`
    holds what the same sizes would do in the pools of other managers, by their names, one
    prediction a setting.
    """

    workload: str
    requests: int
    prompt_tokens: int
    timing: Literal["instant", "timed"]
    has_content: bool = True
    rule: str = "the last token of a prompt is never looked up"
    predictions: tuple[Prediction, ...] = ()
    curves: tuple[Curve, ...] = ()
    choices: tuple[PolicyChoice, ...] = ()
    others: dict[OtherPool, tuple[Prediction, ...]] = {}
    unmatched_nodes: tuple[str, ...] = ()
