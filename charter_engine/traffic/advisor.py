"""The advisor: from what is known of a deployment to what is wrong with it, by weight.

Every rule looks at one thing and says nothing where nothing is wrong.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from charter_engine.contracts.advice import DoctorFinding, Severity
from charter_engine.contracts.deploy import Change, Profile
from charter_engine.contracts.explaining import MissGroup, MissReport
from charter_engine.contracts.live import KvPool
from charter_engine.contracts.plan import Plan
from charter_engine.traffic.costs import per_hour

THRASHING_SHARE = 0.05
ROUNDING_SHARE = 0.05
DIVERGED_SHARE = 0.02
"""Of all prompt tokens, what a cause must have cost to be told."""
SHOWN_CAUSES = 5
"""Assumed: what follows costs less than any of these."""
GROUPS = "model-repository,shared-memory,trace,logging"
KEY_NAME = "charter-key"
REUSE, HOST_TIER, BLOCK_SIZE = (
    "enable_kv_cache_reuse",
    "kv_cache_host_memory_bytes",
    "tokens_per_block",
)
_ORDER: tuple[Severity, ...] = ("wrong", "costly", "worth knowing")


@dataclass(frozen=True, kw_only=True)
class ObservedDeployment:
    """What is known of a deployment; None, or empty, where it isn't.

    `misses` tells what of the last traffic was computed again, and why. `interruption` is what is
    to be said of a push that was cut short. `unrestricted` are groups of Triton's calls that were
    answered without any key.
    """

    profile: Profile
    pool: KvPool | None = None
    misses: MissReport | None = None
    plan: Plan | None = None
    drift: tuple[Change, ...] = ()
    interruption: str = ""
    unrestricted: tuple[str, ...] = field(default=())


Rule = Callable[[ObservedDeployment], Iterator[DoctorFinding]]


def advise(known: ObservedDeployment) -> tuple[DoctorFinding, ...]:
    """Everything that is wrong: what is broken first, then what costs the most tokens."""
    found = [advice for rule in RULES.values() for advice in rule(known)]
    return tuple(
        sorted(found, key=lambda one: (_ORDER.index(one.severity), -(one.tokens_per_hour or 0.0)))
    )


def reuse(known: ObservedDeployment) -> Iterator[DoctorFinding]:
    """Blocks are reused at all."""
    parameters = {**known.profile.defaults, **known.profile.parameters}
    why_not = known.profile.reasons.get("reuse", "")
    if not why_not and parameters.get(REUSE, "true").lower() in ("false", "0"):
        why_not = f"{REUSE} is {parameters[REUSE]}"
    if why_not:
        yield DoctorFinding(
            kind="reuse",
            severity="wrong",
            message="no KV block is ever reused",
            evidence=why_not,
            remedy=f"set {REUSE} to true in a plan's `server` and push it; the engine is reloaded",
            setting=REUSE,
        )


def retention(known: ObservedDeployment) -> Iterator[DoctorFinding]:
    """What the live plan asks to keep can be kept."""
    plan, why_not = known.plan, known.profile.reasons.get("retention", "")
    if not why_not or plan is None:
        return
    asking = [name for name, node in plan.nodes.items() if node.retention]
    if asking:
        yield DoctorFinding(
            kind="retention",
            severity="wrong",
            message=f"the live plan asks for retention in {len(asking)} nodes, without effect",
            evidence=why_not,
            remedy="plan without it (`charter-engine plan --no-retention`), or serve a release "
            "that has the inputs",
        )


def thrashing(known: ObservedDeployment) -> Iterator[DoctorFinding]:
    """The pool holds what comes again."""
    lost = _share_lost(known, "evicted")
    if lost is None or lost.share < THRASHING_SHARE:
        return
    blocks = f" of {known.pool.max_blocks:,} blocks" if known.pool else ""
    yield DoctorFinding(
        kind="thrashing",
        severity="costly",
        message=f"the KV pool{blocks} is too small for what comes again",
        evidence=f"{lost.tokens:,} tokens, {lost.share:.0%} of all, were evicted and computed "
        "again",
        remedy="give the pool more memory (kv_cache_free_gpu_mem_fraction), keep fewer requests "
        "in flight, or let a plan say what to keep",
        tokens_per_hour=lost.per_hour,
        setting="kv_cache_free_gpu_mem_fraction",
    )
    host_bytes = known.profile.parameters.get(HOST_TIER, "")
    if known.profile.path == "engine" and host_bytes.strip() in ("", "0"):
        yield DoctorFinding(
            kind="host tier",
            severity="costly",
            message="evicted blocks are lost: there is no host tier",
            evidence=f"{HOST_TIER} is {host_bytes or 'not set'}",
            remedy=f"set {HOST_TIER} to memory that the host can spare, and push",
            tokens_per_hour=lost.per_hour,
            setting=HOST_TIER,
        )


def block_size(known: ObservedDeployment) -> Iterator[DoctorFinding]:
    """Blocks are not larger than what prompts share."""
    lost = _share_lost(known, "rounding")
    if lost is None or lost.share < ROUNDING_SHARE:
        return
    size = known.profile.tokens_per_block
    yield DoctorFinding(
        kind="block size",
        severity="costly",
        message=f"blocks of {size} tokens are too large for what prompts share"
        if size
        else "blocks are too large for what prompts share",
        evidence=f"{lost.tokens:,} tokens, {lost.share:.0%} of all, were cached in blocks that "
        "are reused only whole",
        remedy="build the engine with a smaller tokens_per_block; `charter-engine predict --set "
        "tokens_per_block=16,32,64` tells what that is worth",
        tokens_per_hour=lost.per_hour,
        setting=BLOCK_SIZE,
    )


def counters(known: ObservedDeployment) -> Iterator[DoctorFinding]:
    """What the deployment counts can be believed."""
    if known.profile.path != "none" and not known.profile.kv_stats:
        yield DoctorFinding(
            kind="counters",
            severity="worth knowing",
            message="the deployment does not tell what is reused",
            evidence=known.profile.reasons.get("kv_stats", ""),
            remedy="figures of reuse are predicted here; a newer TensorRT-LLM measures them",
        )
    misses, pool = known.misses, known.pool
    if misses and pool and misses.parts.reused and pool.reused_blocks == 0:
        yield DoctorFinding(
            kind="counters",
            severity="worth knowing",
            message="the gauges of the KV pool stand still",
            evidence=f"requests told of {misses.parts.reused:,} reused tokens, the metrics page "
            "of 0 reused blocks",
            remedy="is --triton-metrics this server's page, and stats_check_period_ms not huge?",
        )


def drift(known: ObservedDeployment) -> Iterator[DoctorFinding]:
    """What is live is what was pushed."""
    if known.interruption:
        message, _, remedy = known.interruption.partition(": ")
        yield DoctorFinding(kind="drift", severity="wrong", message=message, remedy=remedy)
    if known.drift:
        first = known.drift[0]
        more = len(known.drift) - 1
        yield DoctorFinding(
            kind="drift",
            severity="wrong",
            message=f"somebody else changed the deployment in {len(known.drift)} "
            + ("place" if len(known.drift) == 1 else "places"),
            evidence=f"{first.place}: {first.key} is {first.new!r} instead of {first.old!r}"
            + (f", and {more} more" if more else ""),
            remedy="charter-engine history tells what was pushed; push --force goes over it",
        )


def restrictions(known: ObservedDeployment) -> Iterator[DoctorFinding]:
    """Only who holds a key can change the server."""
    if not known.unrestricted:
        return
    rule = f"{GROUPS}:{KEY_NAME}=$(cat KEYFILE)"
    yield DoctorFinding(
        kind="restrictions",
        severity="wrong" if "model-repository" in known.unrestricted else "worth knowing",
        message="whoever reaches this Triton can change it, and have it run code",
        evidence=f"it answered {', '.join(known.unrestricted)} without a key",
        remedy=f'start tritonserver with "--http-restricted-api={rule}" and '
        f'"--grpc-restricted-protocol={rule}", and Charter with '
        f"--triton-header triton-grpc-protocol-{KEY_NAME}=@KEYFILE",
    )


def divergence(known: ObservedDeployment) -> Iterator[DoctorFinding]:
    """Prompts keep the beginning that they share."""
    if known.misses is None:
        return
    total = known.misses.parts.total
    causes = [cause for cause in known.misses.causes if cause.cause not in _TOLD_ELSEWHERE]
    for cause in causes[:SHOWN_CAUSES]:
        if cause.tokens >= DIVERGED_SHARE * total:
            place = f" in the prompts of {cause.node}" if cause.node else ""
            yield DoctorFinding(
                kind="divergence",
                severity="costly",
                message=f"{cause.cause}{place}: {_computed_again(cause)}",
                evidence=f"{cause.tokens:,} tokens of {cause.requests:,} requests"
                + (f"; see charter-engine explain {cause.example}" if cause.example else ""),
                remedy=cause.remedy,
                tokens_per_hour=cause.tokens_per_hour,
            )


_TOLD_ELSEWHERE = ("evicted", "block size", "reuse off", "new text", "elsewhere")
RULES: dict[str, Rule] = {
    "reuse": reuse,
    "retention": retention,
    "the KV pool": thrashing,
    "the block size": block_size,
    "counters": counters,
    "drift": drift,
    "restrictions": restrictions,
    "what prompts share": divergence,
}
"""By what each looks at."""


@dataclass(frozen=True)
class _Lost:
    tokens: int
    share: float
    per_hour: float | None


def _share_lost(known: ObservedDeployment, part: str) -> _Lost | None:
    misses = known.misses
    if misses is None or not misses.parts.total:
        return None
    tokens: int = getattr(misses.parts, part)
    seconds = (misses.end or 0.0) - (misses.begin or 0.0)
    return _Lost(tokens, tokens / misses.parts.total, per_hour(tokens, seconds))


def _computed_again(cause: MissGroup) -> str:
    if cause.tokens_per_hour is None:
        return f"{cause.tokens:,} tokens were computed again"
    return f"{cause.tokens_per_hour:,.0f} tokens an hour are computed again"
