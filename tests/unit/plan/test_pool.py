"""The deployment as it is, and the pools that settings make of it."""

from charter_engine.contracts.plan import ServerSettings
from charter_engine.plan.pool import CurrentServer

SERVER = CurrentServer(
    tokens_per_block=32, pool_tokens=4_096, bytes_per_token=1_024, host_bytes=2_048 * 1_024
)


def test_settings_that_leave_the_host_tier_alone_keep_it() -> None:
    assert SERVER.pool_under(ServerSettings()).host_blocks == 64
    assert SERVER.pool_under(ServerSettings(tokens_per_block=16)).host_blocks == 128


def test_settings_that_name_a_host_tier_replace_it() -> None:
    assert SERVER.pool_under(ServerSettings(kv_cache_host_memory_bytes=0)).host_blocks == 0
    larger = ServerSettings(kv_cache_host_memory_bytes=4_096 * 1_024)
    assert SERVER.pool_under(larger).host_blocks == 128


def test_a_block_that_does_not_fit_whole_is_none() -> None:
    assert CurrentServer(bytes_per_token=1_024, host_bytes=47 * 1_024).host_blocks_of(16) == 2
