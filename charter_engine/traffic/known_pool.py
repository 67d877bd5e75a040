"""The pool of a deployment as far as anybody tells, and what of it is assumed."""

from dataclasses import dataclass

from charter_engine.contracts.deploy import Profile
from charter_engine.contracts.live import KvPool
from charter_engine.contracts.pool import KEEPS_PARTS, Eviction
from charter_engine.kvcache.manager.settings import PoolSettings

HOST_TIER = "kv_cache_host_memory_bytes"
RULES_ASSUMED = "blocks go in the order of TensorRT-LLM 1.0, and no plan's retention keeps them"
"""No deployment tells its release, and what a plan asks for is not followed request by request."""
PARTS_ASSUMED = "parts of blocks are reused"
NO_HOST_TIER = "there is no host tier"
BLOCK_UNKNOWN = "there is no host tier, since nobody tells how many bytes a block takes"


@dataclass(frozen=True)
class KnownPool:
    """The pool a deployment serves from (None: nobody tells its size), and what of it is
    `assumed`."""

    settings: PoolSettings | None = None
    assumed: tuple[str, ...] = ()


def known_pool(pool: KvPool | None, profile: Profile | None = None) -> KnownPool:
    """The pool by its gauges and by what the deployment's profile says of it.

    The engine path always reuses parts of blocks: its model has no parameter for that
    (TensorRT-LLM, model_instance_state.cc). On the LLM API path `model.yaml` may say otherwise.
    """
    if pool is None or pool.max_blocks < 1 or pool.tokens_per_block < 1:
        return KnownPool()
    if profile is not None and profile.eviction is not None:
        return KnownPool(_as_told(pool, profile.eviction))
    host_blocks, host_assumed = _host_tier(pool, profile)
    parts = () if profile is not None and profile.path == "engine" else (PARTS_ASSUMED,)
    return KnownPool(
        PoolSettings(pool.max_blocks, pool.tokens_per_block, host_blocks=host_blocks),
        (RULES_ASSUMED, *parts, *host_assumed),
    )


def _as_told(pool: KvPool, eviction: Eviction) -> PoolSettings:
    """The pool of a server that tells its rules."""
    return PoolSettings(
        pool.max_blocks,
        pool.tokens_per_block,
        partial_reuse=eviction in KEEPS_PARTS,
        eviction=eviction,
    )


def _host_tier(pool: KvPool, profile: Profile | None) -> tuple[int, tuple[str, ...]]:
    """Its blocks, and what is assumed of it."""
    told = "" if profile is None else {**profile.defaults, **profile.parameters}.get(HOST_TIER, "")
    if not told.isdigit():
        is_known = profile is not None and profile.path != "none"
        return 0, () if is_known else (NO_HOST_TIER,)
    if not pool.bytes_per_block:
        return 0, (BLOCK_UNKNOWN,) if int(told) else ()
    return int(told) // pool.bytes_per_block, ()
