"""What a server is, whichever of the five kinds: what it can do, what it counts, what was proved
of it."""

from typing import Literal

from msgspec import Struct

from charter_engine.contracts.deploy import CostClass, Profile
from charter_engine.contracts.live import ServerCounters
from charter_engine.contracts.pool import Eviction
from charter_engine.errors import FailureKind

ServerKind = Literal["triton-engine", "triton-llmapi", "trtllm-serve", "vllm", "sglang"]
KIND_IN_WORDS: dict[ServerKind, str] = {
    "triton-engine": "Triton, engine path",
    "triton-llmapi": "Triton, LLM API path",
    "trtllm-serve": "trtllm-serve",
    "vllm": "vLLM",
    "sglang": "SGLang",
}
CacheManager = Literal["V1", "V2", "vLLM", "SGLang", "unknown"]
"""Whose KV cache manager allocates. V1 and V2 are TensorRT-LLM's; unknown: one of the two."""
LeverName = Literal[
    "layout", "reuse", "retention", "block size", "pool", "host tier", "cache salt", "release"
]
TierName = Literal["gpu", "host", "disk"]
Proof = Literal["reuse", "retention", "release"]
ProofResult = Literal["acts", "does not act", "cannot tell"]


class ServerLever(Struct, frozen=True, kw_only=True):
    """One thing that can be changed about a server's cache. `where` is the field or option that
    changes it, and `cost` what changing it costs; where it does not act, `reason` says why not and
    `remedy` what would make it act ("": nothing does)."""

    name: LeverName
    acts: bool
    where: str = ""
    cost: CostClass | None = None
    reason: str = ""
    remedy: str = ""


class CacheTier(Struct, frozen=True, kw_only=True):
    """Memory that holds blocks. None: the server does not tell."""

    name: TierName
    blocks: int | None = None
    bytes: int | None = None


class HiddenFigures(Struct, frozen=True, kw_only=True):
    """Figures that a server does not show as it was started, and the option that shows them."""

    figures: str
    option: str


class EventEndpoint(Struct, frozen=True, kw_only=True):
    """Where one rank of a server publishes its KV events, as it was told to (`tcp://*:5557`), and
    where it sends again what it sent before (empty: nowhere)."""

    published: str
    replayed: str = ""


class ServerProfile(Struct, frozen=True, kw_only=True):
    """What a server is and can do, found by asking it.

    `tokens_per_block` is the size in effect. `manager` was told by `manager_evidence`; `rules` are
    those by which its pool is predicted, told by `rules_evidence` (None: nobody knows).
    `request_counters` are the figures that it tells of each request. `drained` names routes that
    forget what was read from them, and so have one reader. `event_endpoints` are those of its
    ranks, where it publishes KV events. `triton` is what Triton's own models offer, where it is
    one.
    """

    kind: ServerKind
    address: str
    version: str = ""
    model: str = ""
    tokenizer: str = ""
    tokens_per_block: int | None = None
    tiers: tuple[CacheTier, ...] = ()
    manager: CacheManager = "unknown"
    manager_evidence: str = ""
    rules: Eviction | None = None
    rules_evidence: str = ""
    levers: tuple[ServerLever, ...] = ()
    counters: ServerCounters = ServerCounters()
    request_counters: tuple[str, ...] = ()
    hidden: tuple[HiddenFigures, ...] = ()
    drained: tuple[str, ...] = ()
    event_endpoints: tuple[EventEndpoint, ...] = ()
    notes: tuple[str, ...] = ()
    triton: Profile | None = None

    def lever(self, name: LeverName) -> ServerLever:
        """The lever of a name. Every profile has each."""
        return next(lever for lever in self.levers if lever.name == name)


class ProofOutcome(Struct, frozen=True, kw_only=True):
    """What a proof came to, and what it took. `revision` is the one that was live (0: the
    deployment as it was found; None: no server that Charter pushes to), `at` the epoch second of
    its end, `evidence` the figures it rests on."""

    proof: Proof
    result: ProofResult
    evidence: str
    at: float
    revision: int | None = None
    requests: int = 0
    prompt_tokens: int = 0


class ServerReport(Struct, frozen=True, kw_only=True):
    """What `charter-engine profile --json` prints. `proofs` are those on record for the live
    revision, those just made among them."""

    profile: ServerProfile
    proofs: tuple[ProofOutcome, ...] = ()


class NamedReport(Struct, frozen=True, kw_only=True):
    """What `charter-engine profile --json` prints of each of several servers; where one does not
    tell, why not."""

    server: str
    report: ServerReport | None = None
    message: str = ""
    remedy: str = ""
    kind: FailureKind | None = None


class ProfileRequest(Struct, frozen=True, kw_only=True):
    """A server to profile.

    `address` is a URL or HOST:PORT; None: the embedded Triton that is up. `key` is sent as a
    bearer token. `configuration` is the path of the server's own YAML, for what it does not show.
    `prove` are the proofs to make; with `fill_pool` also one that fills the pool of a server that
    is not the embedded one. With `drain` routes are read that forget what was read from them.
    `root_certificates` is a file of PEM.
    """

    address: str | None = None
    key: str = ""
    configuration: str = ""
    prove: tuple[Proof, ...] = ()
    fill_pool: bool = False
    drain: bool = False
    tls: bool = False
    root_certificates: str = ""
