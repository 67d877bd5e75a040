"""What Charter proposes: server settings, and per node a layout and retention. Kept as YAML an
operator can edit."""

from typing import Literal

from msgspec import Struct, field

from charter_engine.bls.retention import DEFAULT_PRIORITY, ReleaseWhen, SegmentRange
from charter_engine.contracts.figures import Label
from charter_engine.contracts.identity import AgentIdentity

LayoutKind = Literal["source", "prefix-first", "append-only"]
Apply = Literal["own-runs", "traffic"]
Policy = Literal["default", "static", "steps", "next-use"]
Lever = Literal["layout", "block_size", "retention", "groups", "host_tier", "release"]
SchedulerPolicy = Literal["guaranteed_no_evict", "max_utilization"]

__all__ = [
    "DEFAULT_PRIORITY",
    "Alternative",
    "Apply",
    "LayoutKind",
    "NodePlan",
    "Plan",
    "Policy",
    "Reason",
    "ReleaseWhen",
    "SchedulerPolicy",
    "SegmentRange",
    "ServerSettings",
]


class Reason(Struct, frozen=True):
    """Why a value of the plan is what it is, and where the figures behind it come from."""

    text: str
    label: Label


class ServerSettings(Struct, frozen=True, kw_only=True):
    """Settings of the deployment, under TensorRT-LLM's names. None leaves the deployment's own
    value alone."""

    tokens_per_block: int | None = None
    enable_kv_cache_reuse: bool | None = None
    kv_cache_free_gpu_mem_fraction: float | None = None
    max_tokens_in_paged_kv_cache: int | None = None
    kv_cache_host_memory_bytes: int | None = None
    kv_cache_onboard_blocks: bool | None = None
    batch_scheduler_policy: SchedulerPolicy | None = None
    enable_chunked_context: bool | None = None


class NodePlan(Struct, frozen=True, kw_only=True):
    """The plan of one call.

    `order` permutes the source's segments (empty: as written). With layout `append-only`, `extends`
    names the call whose prompt and output this prompt continues; `order` then holds only the
    segments appended. `wording` replaces the text of static segments (by source index), so that a
    label reads as it does in the prompt it shares a prefix with.

    `apply` says whose prompts are laid out so: those of Charter's own runs, or also those that
    programs send as the source writes them, whose outputs may then differ.
    """

    layout: LayoutKind = "source"
    apply: Apply = "own-runs"
    order: tuple[int, ...] = ()
    extends: str | None = None
    wording: dict[int, str] = {}
    cache_group: str | None = None
    retention: tuple[SegmentRange, ...] = ()
    decode_priority: int = DEFAULT_PRIORITY
    decode_duration_ms: int | None = None
    why: dict[str, Reason] = {}


class Alternative(Struct, frozen=True, kw_only=True):
    """One point of the search that led to the plan, with its predicted figures.

    `makespan_ms` is the time of the whole run. It, `computed_tokens`, `ttft_p95_ms` and
    `requests_per_s` are None in plan files that were written without them.
    """

    settings: dict[str, str | int | float | bool]
    token_hit_rate: float
    ttft_ms: float
    memory_bytes: int
    chosen: bool = False
    makespan_ms: float | None = None
    computed_tokens: int | None = None
    ttft_p95_ms: float | None = None
    requests_per_s: float | None = None


class Plan(Struct, frozen=True, kw_only=True):
    """A whole plan. `nodes` is keyed by call id. `workload` says what it was derived on.

    `identity` says which agent it is for; `agent`, where its source was, is a hint. None: the plan
    was made of requests alone, or before identities were kept.

    `reuse_times` names a reuse-times file, relative to the plan's own, by which policy `next-use`
    decides request by request; None: the nodes' ranges are all there is.

    `share` is the share of sessions, from 0 to 1, whose prompts are laid out where a layout applies
    to traffic; the others go on as they came, as the control of a trial.

    `release` says what the server is told to forget, where it can be told.
    """

    agent: str
    version: int = 1
    policy: Policy = "default"
    server: ServerSettings = ServerSettings()
    nodes: dict[str, NodePlan] = {}
    why: dict[str, Reason] = {}
    alternatives: tuple[Alternative, ...] = ()
    workload: str = ""
    reuse_times: str | None = field(default=None, name="waits")
    identity: AgentIdentity | None = None
    share: float = 1.0
    release: ReleaseWhen = "never"
