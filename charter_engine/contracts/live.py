"""What is measured while an agent runs: samples, request records, node state."""

from typing import Literal

from msgspec import Struct

from charter_engine.contracts.costs import RunCost
from charter_engine.contracts.figures import Label
from charter_engine.contracts.identity import AgentIdentity
from charter_engine.contracts.plan import Plan
from charter_engine.contracts.traffic import Source

NodeState = Literal["idle", "waiting", "running", "done", "failed"]
Health = Literal["ready", "starting", "unreachable", "stopped"]
BreakerState = Literal["closed", "open", "half-open"]


class HostSample(Struct, frozen=True, kw_only=True):
    """This machine, and the processes that serve (resident bytes; None where nothing is served from
    here)."""

    cpu_utilization: float
    memory_total_bytes: int
    memory_used_bytes: int
    engine_rss_bytes: int
    serving_rss_bytes: int | None = None


class KvPool(Struct, frozen=True, kw_only=True):
    """`nv_trt_llm_kv_cache_block_metrics` as Triton shows them. `free` includes idle cached
    blocks. `bytes_per_block` is what a block takes on each of the model's GPUs. `held_blocks` hold
    something, in use or not: as KV cache events tell, None where none do."""

    max_blocks: int
    free_blocks: int
    used_blocks: int
    tokens_per_block: int
    reused_blocks: int | None = None
    bytes_per_block: int | None = None
    held_blocks: int | None = None

    @property
    def reusable_blocks(self) -> int | None:
        """Idle blocks that hold something."""
        if self.held_blocks is None:
            return None
        return min(max(0, self.held_blocks - self.used_blocks), self.free_blocks)

    @property
    def tokens(self) -> int:
        """How many tokens there is room for."""
        return self.max_blocks * self.tokens_per_block

    @property
    def bytes(self) -> int | None:
        """What all blocks take on each of the model's GPUs."""
        return self.max_blocks * self.bytes_per_block if self.bytes_per_block else None

    @property
    def used_share(self) -> float | None:
        """The part of the blocks that requests hold; None of a pool without blocks."""
        return self.used_blocks / self.max_blocks if self.max_blocks else None


class ServerCounters(Struct, frozen=True, kw_only=True):
    """What a server counted since it started, each None where it does not tell.

    `reuse` says where reused tokens or blocks come from: `measured`, or `derived` from a rate.
    Health checks and warm-up are among its requests where the server counts them.
    """

    prompt_tokens: int | None = None
    reused_tokens: int | None = None
    reused_blocks: int | None = None
    missed_blocks: int | None = None
    hit_rate: float | None = None
    evicted_tokens: int | None = None
    preemptions: int | None = None
    running: int | None = None
    waiting: int | None = None
    pool: KvPool | None = None
    reuse: Label | None = None


class CounterRates(Struct, frozen=True, kw_only=True):
    """What a server's own counters grew by, a second, between two samples `seconds` apart; None
    where it does not tell. `prompt_blocks` are of a server that counts no tokens. `reuse` says
    where the reused tokens come from.

    Whoever sent them, all of its requests are in these, health checks and warm-up too where it
    counts them.
    """

    seconds: float
    prompt_tokens: float | None = None
    reused_tokens: float | None = None
    prompt_blocks: float | None = None
    hit_rate: float | None = None
    evicted_tokens: float | None = None
    reuse: Label | None = None


class TritonSample(Struct, frozen=True, kw_only=True):
    """A server's health and gauges at one moment. `called` is what kind of server it is.

    `breaker` is the circuit breaker's state: while it is open, Triton is not asked.
    `breaker_reason` is what the last call met that got no answer. Of a server that counts tokens or
    blocks itself, `counters` are what it counted, and `rates` what they grow by.
    """

    health: Health
    called: str = "Triton"
    reason: str = ""
    url: str = ""
    version: str = ""
    models: dict[str, str] = {}
    kv_pool: KvPool | None = None
    active_requests: int | None = None
    waiting_requests: int | None = None
    runtime_memory_bytes: dict[str, int] = {}
    breaker: BreakerState = "closed"
    breaker_reason: str = ""
    counters: ServerCounters | None = None
    rates: CounterRates | None = None


class RequestRecord(Struct, frozen=True, kw_only=True):
    """One finished (or failed) request, as the server's own counters and times tell it. Times in
    milliseconds.

    Counters are None where the deployment's profile has no output for them. `source` says who sent
    it (in older recordings `tap`: anybody but a run of Charter's own); `item` counts those of a run
    of Charter's own, and is 0 for others. `request_id` is its id at Triton and the gateway's
    `X-Request-Id`; empty where it was given none, and in records of before.
    """

    run: str
    node: str
    item: int
    started_at: float
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    reused_tokens: int | None = None
    reused_blocks: int | None = None
    missed_blocks: int | None = None
    alloc_new_blocks: int | None = None
    alloc_total_blocks: int | None = None
    ttft_ms: float | None = None
    latency_ms: float | None = None
    queue_ms: float | None = None
    error: str | None = None
    attempts: int = 1
    source: Source | Literal["tap"] = "run"
    request_id: str = ""

    @property
    def computed_tokens(self) -> int | None:
        """The prompt tokens that were not reused: what is paid; None where the server does not
        tell."""
        if self.prompt_tokens is None or self.reused_tokens is None:
            return None
        return self.prompt_tokens - self.reused_tokens


class NodeStats(Struct, frozen=True, kw_only=True):
    """A node's measured totals since its counters were last reset (a push resets them).

    `told_tokens` are the prompt tokens of those requests whose reuse the server told: what a hit
    rate is of. They are 0 where it told of none.

    `source` tells whether they were added up from requests, or read on Triton's metrics page, where
    nothing else tells of traffic: then own runs are part of them. `unmatched` is the node of
    requests that belong to none.
    """

    node: str
    source: Literal["requests", "metrics page"] = "requests"
    state: NodeState = "idle"
    reason: str = ""
    requests: int = 0
    failures: int = 0
    prompt_tokens: int = 0
    told_tokens: int = 0
    reused_tokens: int = 0
    reused_blocks: int = 0
    total_blocks: int = 0
    ttft_ms_last: float | None = None
    ttft_ms_mean: float | None = None
    ttft_ms_p95: float | None = None
    output_text: str = ""


class RunProgress(Struct, frozen=True, kw_only=True):
    """The run in progress, or the last one. `number` names it among the runs kept on this machine;
    0 where it has none."""

    run: str = ""
    number: int = 0
    state: Literal["none", "running", "done", "failed", "cancelled"] = "none"
    items_done: int = 0
    items_total: int = 0
    started_at: float = 0.0
    elapsed_ms: float = 0.0
    revision: int = 0
    variant: str = "plan"


class RunReport(Struct, frozen=True, kw_only=True):
    """What `charter-engine run --json` prints.

    `cost` is what is paid, of the requests that were answered. `plan` is what the run was made
    under, at the deployment's `revision`; `identity` says of which agent. `earlier` counts the runs
    that the same cache had served before; None where nobody knows. `reuse` says where the reused
    tokens come from: measured, derived from reused blocks, or None where the server tells none.
    """

    run: str
    agent: str
    variant: str
    state: str
    items: int
    elapsed_ms: float
    nodes: tuple[NodeStats, ...]
    requests: tuple[RequestRecord, ...] = ()
    errors: tuple[str, ...] = ()
    outputs: tuple[dict[str, str], ...] = ()
    note: str = ""
    reuse: Label | None = "measured"
    cost: RunCost | None = None
    started_at: float = 0.0
    revision: int = 0
    plan: Plan | None = None
    identity: AgentIdentity | None = None
    earlier: int | None = None
