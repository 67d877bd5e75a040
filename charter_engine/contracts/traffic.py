"""Requests as the tap of `charter_bls` tells of them, and what they come to."""

from typing import Literal

from msgspec import Struct

from charter_engine.contracts.explaining import MissReport

Source = Literal["run", "program", "gateway", "other"]
"""Who sent a request: a run of Charter's own, a program that Charter started, a gateway, or anybody
else."""
Arm = Literal["treated", "control"]
Finish = Literal["length", "stop", "cancelled", "error"]


class TrafficRecord(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One request that `charter_bls` served, whoever sent it. Times in milliseconds, but `at`, the
    epoch second of its arrival.

    `node` is the call it belongs to (while no plan has nodes, the one its client names), and `form`
    the shape of its prompt: as written, as planned, a continuation; where it belongs to none,
    `unmatched` says why. `source` says who sent it,
    `request_id` is its id at Triton and the gateway's `X-Request-Id`, and `session` is what the
    client calls it, else its run. `queue_ms` and `ttft_ms` run from arrival
    at the engine, `total_ms` from arrival at `charter_bls` to the whole answer. Numbers are None
    where the engine gives none. `sequence` numbers the records of a tap from 0. `salt`, `adapter`
    and `instance` say within what its blocks can be shared, where the client or a gateway tells.

    `hashes` holds a chained hash of 8 bytes (little-endian) for each 16 tokens of the prompt, the
    last of maybe fewer. `answer_hashes` go on with those of the prompt and its answer together,
    from the 16 tokens on in which the answer begins.

    `laid_out` tells that the prompt was rearranged as its node's plan says; else `layout_reason`
    says why it went on as it came ("": its node has no other layout). `arm` is that of its session
    in a trial, and `trial_unit` what stands for the session there.
    """

    at: float
    sequence: int = 0
    revision: int = 0
    agent: str = ""
    run: str = ""
    source: Source = "other"
    request_id: str = ""
    session: str = ""
    node: str = ""
    form: str = ""
    unmatched: str = ""
    laid_out: bool = False
    layout_reason: str = ""
    arm: Arm | None = None
    trial_unit: str = ""
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    reused_tokens: int | None = None
    reused_blocks: int | None = None
    missed_blocks: int | None = None
    alloc_new_blocks: int | None = None
    alloc_total_blocks: int | None = None
    queue_ms: float | None = None
    ttft_ms: float | None = None
    total_ms: float | None = None
    finish: Finish = "stop"
    error: str = ""
    hashes: bytes = b""
    answer_hashes: bytes = b""
    salt: str = ""
    adapter: str = ""
    instance: str = ""

    @property
    def computed_tokens(self) -> int | None:
        """The prompt tokens that were not reused: what is paid; None where the server does not
        tell."""
        if self.prompt_tokens is None or self.reused_tokens is None:
            return None
        return self.prompt_tokens - self.reused_tokens


class TrafficBatch(Struct, frozen=True, kw_only=True):
    """Records that follow one another.

    `lost` records between these and the ones read before were overwritten unread. `before` counts
    those that were no longer kept when a reader without a cursor began. With `restarted`
    the tap began anew meanwhile: what was not read of the old one is lost, and nobody counted it.
    """

    records: tuple[TrafficRecord, ...] = ()
    lost: int = 0
    before: int = 0
    restarted: bool = False


class NodeTraffic(Struct, frozen=True, kw_only=True):
    """What passed of one node, or of one reason why requests belong to none.

    Tokens are sums over the requests that were answered; `computed_tokens` are the prompt tokens
    that were not reused, what is paid. `sources` counts who sent them, `forms` the shapes in which
    prompts came, `laid_out` those that were rearranged as planned, and `layout_reasons` why others
    went on as they came.
    """

    node: str = ""
    unmatched: str = ""
    requests: int = 0
    failures: int = 0
    prompt_tokens: int = 0
    computed_tokens: int | None = None
    reused_tokens: int | None = None
    output_tokens: int = 0
    ttft_ms_mean: float | None = None
    ttft_ms_p95: float | None = None
    total_ms_mean: float | None = None
    total_ms_p95: float | None = None
    sources: dict[str, int] = {}
    forms: dict[str, int] = {}
    laid_out: int = 0
    layout_reasons: dict[str, int] = {}


class TrafficSummary(Struct, frozen=True, kw_only=True):
    """What `charter-engine traffic --json` prints: by node, the most computed tokens first.

    `lost` counts requests that passed and whose records could not be read any more. `misses` tells
    why tokens were computed again.
    """

    requests: int = 0
    sessions: int = 0
    begin: float | None = None
    end: float | None = None
    lost: int = 0
    nodes: tuple[NodeTraffic, ...] = ()
    misses: MissReport | None = None


class PassedRequests(Struct, frozen=True, kw_only=True):
    """The last requests that passed, oldest first; `lost` before them are no longer kept."""

    records: tuple[TrafficRecord, ...] = ()
    lost: int = 0
