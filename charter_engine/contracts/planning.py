"""What is asked of the planner, what it compares, and what it answers."""

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType, field

from charter_engine.bls.retention import DecideAt, ReleaseWhen
from charter_engine.contracts.deploy import Profile
from charter_engine.contracts.figures import Label
from charter_engine.contracts.latency import LatencyModel
from charter_engine.contracts.notes import Note
from charter_engine.contracts.plan import Plan, Policy
from charter_engine.contracts.prediction import PolicyComparison
from charter_engine.contracts.reuse_times import EdgeReuseTime
from charter_engine.contracts.workload_files import ReadAs

Objective = Literal["ttft", "throughput", "memory"]


class Levers(Struct, frozen=True, kw_only=True):
    """Which levers a plan may pull; each can be switched off to see what it is worth."""

    layout: bool = True
    block_size: bool = True
    retention: bool = True
    groups: bool = True
    host_tier: bool = True
    release: bool = True


class PlanRequest(Struct, frozen=True, kw_only=True):
    """What a plan is asked for. An empty text is nothing given; paths are as the caller sees them.

    `agent` is a file or a folder; without one a plan holds server settings and retention decided
    request by request, and needs a `workload`. Inputs are those given, else those typed
    (`name=value`, see `executor.inputs`), else those of `inputs_file`, else those beside the agent.
    `recognizers` is a TOML file that adds to the catalogue of calls. A workload of texts is read
    with the `tokenizer`, unless `read_as` names one.

    `policy` is taken whatever is predicted of it; `policies` are the ones to compare (None: the
    preset's). `preset` names one; `none` searches everything, and empty lets the agent's shape
    choose. `decide_at` is for learning from the workload; `reuse_times` names what was learnt
    before.

    The deployment as it is: `tokens_per_block`, `pool_tokens` on the GPU, `host_tokens` in its host
    tier and `bytes_per_token`, else what `profile` or `profile_file` tells, else assumed. Times are
    `latency`, else those of `model` on `device` from first principles. `output` is the plan file to
    write over; reuse times that are learnt are written beside it, or without one to
    `reuse_times_output`. Settings on a workload are predicted in `jobs` processes (None: one a
    core), or by the workers of the Dask scheduler at the address `dask`. Inputs run `at_once` side
    by side, as Charter's own run does (None: one after another, as the program makes its calls).
    An engine takes what passed through its deployment in the last `from_traffic_s` seconds as the
    workload, where that is given.
    """

    agent: str = ""
    inputs: tuple[dict[str, Any], ...] = ()
    inputs_typed: tuple[str, ...] = ()
    inputs_file: str = ""
    recognizers: str = ""
    tokenizer: str = ""
    workload: str = ""
    read_as: ReadAs = ReadAs()
    from_traffic_s: float | None = None
    reuse_times: str = field(default="", name="waits")
    decide_at: DecideAt = "sent"
    policy: Policy | None = None
    policies: tuple[Policy, ...] | None = None
    preset: str = ""
    objective: Objective | None = None
    levers: Levers = Levers()
    profile: Profile | None = None
    profile_file: str = ""
    tokens_per_block: int | None = None
    pool_tokens: int | None = None
    host_tokens: int | None = None
    bytes_per_token: int | None = None
    model: str = "llama-3.1-8b"
    device: str = "h100"
    latency: LatencyModel | None = None
    output: str = ""
    reuse_times_output: str = ""
    jobs: int | None = None
    dask: str = ""
    at_once: int | None = None


class PlanPoint(Struct, frozen=True):
    """One setting of all levers."""

    layout: str
    tokens_per_block: int
    host_blocks: int
    policy: Policy
    release: ReleaseWhen = "never"


class Evaluation(Struct, frozen=True, kw_only=True):
    """A point with its predicted figures. `computed_tokens` are the prompt tokens not reused. Rates
    are 0 to 1; `bound` is what layout and inputs alone allow, `makespan_ms` the time of the whole
    run. `times_source` says whose times these are; they hold what requests wait."""

    point: PlanPoint
    computed_tokens: int
    token_hit_rate: float
    block_hit_rate: float
    bound: float
    ttft_ms: float
    makespan_ms: float
    memory_bytes: int
    times_label: Label
    ttft_p95_ms: float | None = None
    requests_per_s: float | None = None
    times_source: str = ""


class ComparedOnWorkload(Struct, frozen=True, kw_only=True):
    """The chosen point beside the deployment as it is, and with one lever put back at a time, on
    the requests of `workload`."""

    workload: str
    chosen: Evaluation
    as_it_is: Evaluation
    levers: dict[str, Evaluation]


class Derivation(Struct, frozen=True, kw_only=True):
    """A plan with all that was compared to find it: what `charter-engine plan --json` prints.

    `levers` is the chosen point with one lever put back at a time; `policies` compares the
    retention policies at the chosen point. Where the agent is known, `bounds` are by layout name,
    and `reuse_times` are those the plan rests on, by edge between calls. Where it is planned on a
    workload, all but the layout is decided on that: `recorded` compares on its requests, the other
    figures are of the agent's inputs.
    """

    plan: Plan
    chosen: Evaluation
    as_it_is: Evaluation
    evaluations: tuple[Evaluation, ...]
    bounds: dict[str, float] | UnsetType = UNSET
    levers: dict[str, Evaluation] | UnsetType = UNSET
    policies: PolicyComparison
    recorded: ComparedOnWorkload | UnsetType = UNSET
    reuse_times: tuple[EdgeReuseTime, ...] | UnsetType = field(default=UNSET, name="waits")


class WaitsWritten(Struct, frozen=True, kw_only=True):
    """A reuse-times file that was written, and from how much it was learnt."""

    path: str
    requests: int
    sessions: int


class PlanResult(Struct, frozen=True, kw_only=True):
    """A plan and how it was found. `text` is the plan file, hand edits of `output` kept; `preset`
    is the one that was used (empty: none). The request's inputs ran `at_once` side by side."""

    derivation: Derivation
    text: str
    preset: str = ""
    preset_description: str = ""
    at_once: int | None = None
    reuse_times_written: WaitsWritten | None = None
    notes: tuple[Note, ...] = ()
