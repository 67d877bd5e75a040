"""What is measured while an agent runs: samples, request records, node state."""

from typing import Literal

from msgspec import Struct

from charter_engine.contracts.costs import RunCost
from charter_engine.contracts.identity import AgentIdentity
from charter_engine.contracts.plan import Plan

NodeState = Literal["idle", "waiting", "running", "done", "failed"]
Health = Literal["ready", "starting", "unreachable", "stopped"]


class GpuSample(Struct, frozen=True, kw_only=True):
    """One GPU by NVML. Fields NVML could not give are None."""

    index: int
    name: str
    memory_total_bytes: int | None = None
    memory_used_bytes: int | None = None
    utilization: float | None = None
    temperature_c: int | None = None
    power_w: float | None = None


class GpuStatus(Struct, frozen=True, kw_only=True):
    """All GPUs, or the plain words why there are none to show."""

    gpus: tuple[GpuSample, ...] = ()
    reason: str = ""


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
    blocks."""

    max_blocks: int
    free_blocks: int
    used_blocks: int
    tokens_per_block: int
    reused_blocks: int | None = None
    bytes_per_block: int | None = None


class TritonSample(Struct, frozen=True, kw_only=True):
    """Triton's health and gauges at one moment."""

    health: Health
    reason: str = ""
    url: str = ""
    version: str = ""
    models: dict[str, str] = {}
    kv_pool: KvPool | None = None
    active_requests: int | None = None
    waiting_requests: int | None = None
    runtime_memory_bytes: dict[str, int] = {}


class RequestRecord(Struct, frozen=True, kw_only=True):
    """One finished (or failed) request, as the server's own counters and times tell it. Times in
    milliseconds.

    Counters are None where the deployment's profile has no output for them. `source` tells a run
    of Charter's own from what the tap of `charter_bls` told of; `item` is 0 there.
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
    source: Literal["run", "tap"] = "run"


class NodeStats(Struct, frozen=True, kw_only=True):
    """A node's measured totals since its counters were last reset (a push resets them)."""

    node: str
    state: NodeState = "idle"
    reason: str = ""
    requests: int = 0
    failures: int = 0
    prompt_tokens: int = 0
    reused_tokens: int = 0
    reused_blocks: int = 0
    total_blocks: int = 0
    ttft_ms_last: float | None = None
    ttft_ms_mean: float | None = None
    ttft_ms_p95: float | None = None
    output_text: str = ""


class RunProgress(Struct, frozen=True, kw_only=True):
    """The run in progress, or the last one."""

    run: str = ""
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
    that the same cache had served before; None where nobody knows.
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
    cost: RunCost | None = None
    started_at: float = 0.0
    revision: int = 0
    plan: Plan | None = None
    identity: AgentIdentity | None = None
    earlier: int | None = None
