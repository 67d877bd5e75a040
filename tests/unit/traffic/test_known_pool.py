"""The pool of a deployment, and what of it is assumed."""

from msgspec.structs import replace

from charter_engine.contracts.deploy import Profile
from charter_engine.contracts.live import KvPool
from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.traffic.known_pool import (
    BLOCK_UNKNOWN,
    NO_HOST_TIER,
    PARTS_ASSUMED,
    RULES_ASSUMED,
    known_pool,
)

POOL = KvPool(
    max_blocks=100, free_blocks=90, used_blocks=10, tokens_per_block=64, bytes_per_block=1_000
)
PROFILE = Profile(path="engine", parameters={"kv_cache_host_memory_bytes": "50000"})


def test_the_host_tier_is_the_memory_that_the_deployment_gives_it() -> None:
    known = known_pool(POOL, PROFILE)
    assert known.settings == PoolSettings(100, 64, host_blocks=50)
    assert known.assumed == (RULES_ASSUMED,)


def test_a_deployment_may_have_no_host_tier() -> None:
    known = known_pool(POOL, replace(PROFILE, parameters={}))
    assert known.settings == PoolSettings(100, 64)
    assert known.assumed == (RULES_ASSUMED,)


def test_a_host_tier_whose_blocks_nobody_counts_is_left_out_and_that_is_said() -> None:
    known = known_pool(replace(POOL, bytes_per_block=None), PROFILE)
    assert known.settings == PoolSettings(100, 64)
    assert known.assumed == (RULES_ASSUMED, BLOCK_UNKNOWN)


def test_of_a_deployment_that_nobody_knows_the_rules_are_assumed() -> None:
    assert known_pool(POOL).assumed == (RULES_ASSUMED, PARTS_ASSUMED, NO_HOST_TIER)


def test_a_pool_of_unknown_size_is_none() -> None:
    assert known_pool(None, PROFILE).settings is None
    assert known_pool(replace(POOL, max_blocks=0)).settings is None
