"""The predictor takes the pool of a server as its profile tells it."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from charter_engine.api.pools import chunk_tokens_of, eviction_of, host_bytes_of, settings_like
from charter_engine.contracts.deploy import Profile
from charter_engine.contracts.live import KvPool, ServerCounters
from charter_engine.contracts.pool import Eviction
from charter_engine.contracts.server import ServerProfile
from charter_engine.embedded.engine.spec import EngineSpec, encode_spec
from charter_engine.errors import CharterError
from charter_engine.servers.levers import acting, idle

POOL = KvPool(max_blocks=200, free_blocks=150, used_blocks=50, tokens_per_block=32)
VLLM = ServerProfile(
    kind="vllm",
    address="http://here",
    tokens_per_block=32,
    rules="vllm",
    levers=(acting("reuse", "--enable-prefix-caching"),),
    counters=ServerCounters(pool=POOL),
)


def test_a_server_is_predicted_by_its_size_its_blocks_and_its_rules() -> None:
    assert settings_like(VLLM) == {
        "eviction": "vllm",
        "partial_reuse": False,
        "reuse": True,
        "tokens_per_block": 32,
        "gpu_tokens": 6400,
    }


def test_what_a_server_does_not_tell_is_left_to_who_asks() -> None:
    silent = replace(VLLM, tokens_per_block=None, counters=ServerCounters())
    assert settings_like(silent).keys() == {"eviction", "partial_reuse", "reuse"}


def test_caching_that_is_off_is_predicted_as_off() -> None:
    off = replace(VLLM, levers=(idle("reuse", "prefix caching is off"),))
    assert settings_like(off)["reuse"] is False


@pytest.mark.parametrize(("rules", "parts"), [("leaf", True), ("v2", True), ("sglang", False)])
def test_parts_of_blocks_are_reused_by_tensorrt_llm_alone(rules: Eviction, parts: bool) -> None:
    assert settings_like(replace(VLLM, rules=rules))["partial_reuse"] is parts


def test_rules_that_nobody_knows_are_asked_for() -> None:
    unknown = replace(VLLM, rules=None, rules_evidence="its version is not known")
    with pytest.raises(CharterError, match="version is not known") as failure:
        settings_like(unknown)
    assert "--set eviction" in failure.value.remedy


@pytest.mark.parametrize(
    ("version", "eviction"),
    [("2.51.0", "leaf"), ("2.63.0", "leaf"), ("2.64.0", "flat"), ("2.71.0", "flat"), ("", "leaf")],
)
def test_a_triton_evicts_as_the_tensorrt_llm_of_its_container(
    version: str, eviction: Eviction
) -> None:
    assert eviction_of(Profile(path="engine", server_version=version)) == eviction


def test_the_host_tier_is_what_the_profile_says_of_it() -> None:
    told = Profile(path="engine", parameters={"kv_cache_host_memory_bytes": "1048576"})
    assert host_bytes_of(told) == 1 << 20
    unset = Profile(path="engine", parameters={"kv_cache_host_memory_bytes": "${host_bytes}"})
    assert host_bytes_of(unset) == host_bytes_of(None) == 0


def test_only_the_embedded_engine_computes_prompts_in_chunks_of_its_own_size(
    tmp_path: Path,
) -> None:
    parameters = {"enable_chunked_context": "true", "gpt_model_path": str(tmp_path)}
    told = Profile(path="engine", parameters=parameters)
    assert chunk_tokens_of(told) is None
    (tmp_path / "config.json").write_bytes(encode_spec(EngineSpec()))
    assert chunk_tokens_of(told) == EngineSpec().reference_engine.chunk_tokens
    whole = replace(told, parameters={**parameters, "enable_chunked_context": "false"})
    assert chunk_tokens_of(whole) is None
    (tmp_path / "config.json").write_bytes(encode_spec(EngineSpec(version="1.2.1")))
    assert chunk_tokens_of(told) is None
