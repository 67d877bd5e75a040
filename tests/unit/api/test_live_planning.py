"""What is asked of the planner for the open agent on a live deployment."""

from pathlib import Path

from charter_engine.api.agents import OpenedAgent
from charter_engine.api.live_planning import live_server, on_deployment, tokens_per_block_of
from charter_engine.contracts.deploy import Profile
from charter_engine.contracts.graph import CompiledFile
from charter_engine.contracts.live import KvPool
from charter_engine.contracts.planning import PlanRequest

AGENT = OpenedAgent(
    Path("/a/desk.py"),
    CompiledFile(path="/a/desk.py"),
    inputs_path=Path("/a/desk.inputs.jsonl"),
)
POOL = KvPool(
    max_blocks=64, free_blocks=64, used_blocks=0, tokens_per_block=32, bytes_per_block=4096
)


def test_the_live_pool_wins_over_what_a_request_says_of_one() -> None:
    asked = on_deployment(PlanRequest(tokens_per_block=8, pool_tokens=9), AGENT, POOL)
    assert (asked.tokens_per_block, asked.pool_tokens, asked.bytes_per_token) == (32, 2048, 128)


def test_the_open_agent_wins_over_another_one() -> None:
    asked = on_deployment(PlanRequest(agent="/elsewhere.py"), AGENT, None)
    assert (asked.agent, asked.inputs_file) == ("/a/desk.py", "/a/desk.inputs.jsonl")


def test_inputs_that_are_named_are_kept() -> None:
    asked = on_deployment(PlanRequest(inputs_file="/b/others.jsonl"), AGENT, None)
    assert asked.inputs_file == "/b/others.jsonl"


def test_a_profile_that_was_not_probed_says_nothing() -> None:
    assert on_deployment(PlanRequest(), AGENT, None, Profile(path="none")).profile is None
    probed = Profile(path="engine")
    assert on_deployment(PlanRequest(), AGENT, None, probed).profile == probed


def test_a_pool_that_was_not_measured_says_nothing() -> None:
    empty = KvPool(max_blocks=0, free_blocks=0, used_blocks=0, tokens_per_block=0)
    asked = on_deployment(PlanRequest(), AGENT, empty)
    assert (asked.tokens_per_block, asked.pool_tokens) == (None, None)
    assert tokens_per_block_of(empty) == tokens_per_block_of(None)


def test_a_live_server_has_the_host_tier_of_its_profile() -> None:
    profile = Profile(path="engine", parameters={"kv_cache_host_memory_bytes": "65536"})
    assert live_server(AGENT, POOL, profile).host_blocks_of(32) == 16
    assert live_server(AGENT, POOL, None).host_bytes == 0
