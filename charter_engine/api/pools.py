"""The pool of a server as the predictor takes it: its size, and by which rules it evicts."""

from pathlib import Path

from charter_engine.contracts.deploy import Profile
from charter_engine.contracts.live import KvPool
from charter_engine.contracts.pool import KEEPS_PARTS, Eviction
from charter_engine.contracts.predicting import SettingValues
from charter_engine.contracts.server import ServerProfile
from charter_engine.embedded.engine.errors import EngineConfigError
from charter_engine.embedded.engine.spec import read_spec
from charter_engine.errors import CharterError
from charter_engine.plan.pool import CurrentServer


def eviction_of(profile: Profile) -> Eviction:
    """By which rules the pool of a profiled deployment evicts; *assumed* where it does not tell.
    Blocks for a moment."""
    from charter_engine.servers.triton_server import triton_manager, triton_rules

    told = profile.eviction or triton_rules(profile, triton_manager(profile)).rules
    return told or CurrentServer().eviction


def host_bytes_of(profile: Profile | None) -> int:
    """The memory of a Triton's host tier; none where its profile names none."""
    told = profile.parameters.get("kv_cache_host_memory_bytes", "") if profile else ""
    return int(told) if told.isdecimal() else 0


def chunk_tokens_of(profile: Profile | None) -> int | None:
    """How many tokens of a prompt the embedded engine computes in one iteration. None for any
    other: TensorRT-LLM computes as much of a prompt as its budget of tokens leaves room for."""
    known = profile.parameters if profile is not None else {}
    if known.get("enable_chunked_context", "").lower() != "true":
        return None
    try:
        spec = read_spec(Path(known.get("gpt_model_path", "")))
    except EngineConfigError:
        return None
    return spec.reference_engine.chunk_tokens if spec.is_reference else None


def pool_as_told(pool: KvPool, profile: Profile) -> CurrentServer:
    """A profiled Triton's pool as its metrics page tells it. Blocks for a moment."""
    return CurrentServer(
        tokens_per_block=pool.tokens_per_block,
        pool_tokens=pool.tokens,
        host_bytes=host_bytes_of(profile),
        eviction=eviction_of(profile),
        chunk_tokens=chunk_tokens_of(profile),
    )


def server_as_told(profile: ServerProfile) -> CurrentServer | None:
    """A profiled server's pool; None where it does not tell that."""
    pool = profile.counters.pool
    if pool is None or profile.rules is None:
        return None
    return CurrentServer(
        tokens_per_block=pool.tokens_per_block,
        pool_tokens=pool.tokens,
        reuse=profile.lever("reuse").acts,
        eviction=profile.rules,
    )


def settings_like(profile: ServerProfile) -> SettingValues:
    """The settings by which a server's own pool is predicted. Raises `CharterError` where it tells
    too little of it."""
    if profile.rules is None:
        raise CharterError(
            f"{profile.address}: by which rules its pool evicts is not known: "
            f"{profile.rules_evidence}",
            remedy="say it: --set eviction=…",
            kind="refused",
        )
    pool = profile.counters.pool
    found: SettingValues = {
        "eviction": profile.rules,
        "partial_reuse": profile.rules in KEEPS_PARTS,
        "reuse": profile.lever("reuse").acts,
    }
    if profile.tokens_per_block is not None:
        found["tokens_per_block"] = profile.tokens_per_block
    if pool is not None:
        found["gpu_tokens"] = pool.tokens
    return found
