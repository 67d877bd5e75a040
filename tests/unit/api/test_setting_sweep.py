"""One setting over several values, on an agent's inputs."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from charter_engine.api.agents import open_agent
from charter_engine.api.drafting import default_plan
from charter_engine.api.setting_sweep import sweep_setting
from charter_engine.contracts.sweeping import SettingSweep
from charter_engine.errors import UsageError
from charter_engine.plan.pool import CurrentServer
from tests.unit.api.agents import write_agent

SERVER = CurrentServer(tokens_per_block=32, pool_tokens=4_096, bytes_per_token=1_024)


def swept(directory: Path, key: str, server: CurrentServer = SERVER) -> SettingSweep:
    agent = open_agent(write_agent(directory))
    plan = default_plan(agent.compiled)
    return sweep_setting(agent, plan, key, server, at_once=1, tokenizer=None)


def test_block_sizes_are_swept_from_small_to_large_with_the_drafts_among_them(
    tmp_path: Path,
) -> None:
    sweep = swept(tmp_path, "tokens_per_block")
    assert [one.value for one in sweep.values] == ["8", "16", "32", "64", "128"]
    assert [one.value for one in sweep.values if one.drafted] == ["32"]
    assert sweep.values[0].predicted.settings["tokens_per_block"] == 8


def test_without_reuse_nothing_is_reused(tmp_path: Path) -> None:
    found = {one.value: one.predicted for one in swept(tmp_path, "enable_kv_cache_reuse").values}
    assert found["false"].token_hit_rate == 0.0


def test_a_pool_is_swept_by_shares_of_what_it_is(tmp_path: Path) -> None:
    values = [one.value for one in swept(tmp_path, "max_tokens_in_paged_kv_cache").values]
    assert values == ["512", "1024", "2048", "3072", "4096"]


def test_a_setting_that_changes_nothing_predicted_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="changes nothing that is predicted"):
        swept(tmp_path, "batch_scheduler_policy")


def test_the_host_tier_there_is_stands_among_the_values_as_the_drafts(tmp_path: Path) -> None:
    deployed = replace(SERVER, host_bytes=3_072 * 1_024)
    sweep = swept(tmp_path, "kv_cache_host_memory_bytes", deployed)
    assert [one.value for one in sweep.values if one.drafted] == [str(3_072 * 1_024)]
    assert [one.predicted.settings["host_blocks"] for one in sweep.values][:3] == [0, 64, 96]
