"""What a Triton's models offer, as levers, and its counters."""

from pathlib import Path
from typing import Any, Literal

import pytest

from charter_engine.contracts.deploy import Profile
from charter_engine.contracts.figures import Label
from charter_engine.contracts.live import KvPool
from charter_engine.contracts.server import CacheManager, ServerLever
from charter_engine.embedded.build import build_engine
from charter_engine.embedded.engine.spec import EngineSpec, ReferenceConfig
from charter_engine.servers.triton_server import (
    counters_of,
    levers_of,
    triton_manager,
    triton_rules,
)
from charter_engine.triton.metrics import NodeCounters, TritonMetrics

ENGINE = Profile(path="engine", server_version="2.58.0", retention=True, kv_stats=True)
LLMAPI = Profile(path="llmapi", reasons={"retention": "no retention inputs"})
POOL = KvPool(max_blocks=9, free_blocks=9, used_blocks=0, tokens_per_block=32, reused_blocks=4)
NODE = NodeCounters(agent="a", node="n", revision=1, prompt_tokens=100, reused_tokens=64)


def lever(profile: Profile, name: str, configuration: Any = None) -> ServerLever:
    levers = levers_of(profile, triton_manager(profile, configuration))
    return next(one for one in levers if one.name == name)


def with_manager(value: object) -> dict[str, object]:
    return {"kv_cache_config": {"use_kv_cache_manager_v2": value}}


@pytest.mark.parametrize(
    ("profile", "configuration", "manager"),
    [
        (ENGINE, None, "V1"),
        (LLMAPI, with_manager(True), "V2"),
        (LLMAPI, with_manager(False), "V1"),
        (LLMAPI, None, "unknown"),
    ],
)
def test_the_engine_path_has_the_first_manager_and_the_other_what_its_yaml_says(
    profile: Profile, configuration: Any, manager: CacheManager
) -> None:
    assert triton_manager(profile, configuration).manager == manager


def test_retention_acts_on_the_engine_path_by_request() -> None:
    found = lever(ENGINE, "retention")
    assert found.acts and found.cost == "request"


def test_retention_that_has_no_inputs_says_so() -> None:
    found = lever(LLMAPI, "retention", with_manager(False))
    assert (found.acts, found.reason) == (False, "no retention inputs")


def test_on_the_second_manager_retention_names_the_switch() -> None:
    found = lever(LLMAPI, "retention", with_manager(True))
    assert "V2 gives every page the default priority" in found.reason
    assert "use_kv_cache_manager_v2: false" in found.remedy


def test_a_block_size_costs_a_build_on_one_path_and_a_reload_on_the_other() -> None:
    assert lever(ENGINE, "block size").cost == "engine rebuild"
    assert lever(LLMAPI, "block size").cost == "engine reload"


def test_reuse_that_is_off_by_default_or_made_impossible_says_so() -> None:
    off = Profile(path="engine", defaults={"enable_kv_cache_reuse": "false"})
    assert not lever(off, "reuse").acts
    beams = Profile(path="engine", reasons={"reuse": "max_beam_width 4"})
    assert lever(beams, "reuse").reason == "max_beam_width 4"


@pytest.mark.parametrize("eviction", ["leaf", "flat"])
def test_the_reference_engine_says_its_own_rules(
    eviction: Literal["leaf", "flat"], tmp_path: Path
) -> None:
    spec = EngineSpec(reference_engine=ReferenceConfig(eviction=eviction))
    build_engine(tmp_path, spec)
    profile = Profile(path="engine", parameters={"gpt_model_path": str(tmp_path)})
    assert triton_rules(profile, triton_manager(profile)).rules == eviction


@pytest.mark.parametrize(
    ("label", "reused", "told"),
    [("measured", 64, "measured"), ("derived", 64, "derived"), (None, None, None)],
)
def test_reused_tokens_are_counted_only_where_the_engine_tells_of_them(
    label: Label | None, reused: int | None, told: Label | None
) -> None:
    counters = counters_of(TritonMetrics(kv_pool=POOL, nodes=(NODE,)), label)
    assert (counters.prompt_tokens, counters.reused_tokens) == (100, reused)
    assert (counters.reused_blocks, counters.reuse) == (4, told)


def test_without_charter_bls_the_pool_alone_tells_of_reuse() -> None:
    counters = counters_of(TritonMetrics(kv_pool=POOL), "measured")
    assert counters.prompt_tokens is None and counters.reused_blocks == 4
