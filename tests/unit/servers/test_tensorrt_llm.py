"""Which KV cache manager a TensorRT-LLM has, and by which rules its pool is predicted."""

from pathlib import Path
from typing import Any

import pytest

from charter_engine.contracts.pool import Eviction
from charter_engine.contracts.server import CacheManager
from charter_engine.errors import UsageError
from charter_engine.servers.tensorrt_llm import manager_of, read_configuration, rules_of

LLAMA, QWEN = "meta-llama/Llama-3.1-8B", "Qwen/Qwen2.5-7B"


def switched(value: Any) -> dict[str, Any]:
    return {"kv_cache_config": {"use_kv_cache_manager_v2": value}}


@pytest.mark.parametrize(
    ("configuration", "version", "model", "manager"),
    [
        (None, "1.1.0", LLAMA, "V1"),  # there is no other
        (None, "1.2.1", LLAMA, "unknown"),  # somebody may have switched it on
        (None, "1.3.0", LLAMA, "unknown"),
        ({}, "1.2.1", LLAMA, "V1"),  # off unless it is switched on
        ({}, "1.3.0rc4", LLAMA, "V2"),  # the model's preference
        ({}, "1.3.0", QWEN, "unknown"),
        (switched("auto"), "1.3.0", "nvidia/gpt-oss-20b", "V2"),
        (switched(True), "1.2.1", QWEN, "V2"),
        (switched(False), "1.3.0", LLAMA, "V1"),
        (switched(False), "nightly", LLAMA, "V1"),
        ({"kv_cache_config": None}, "", LLAMA, "unknown"),
    ],
)
def test_the_manager_is_told_by_configuration_version_and_model(
    configuration: dict[str, Any] | None, version: str, model: str, manager: CacheManager
) -> None:
    told = manager_of(configuration, version, model)
    assert told.manager == manager and told.evidence


@pytest.mark.parametrize(
    ("manager", "version", "rules"),
    [
        ("V1", "1.0.0", "leaf"),
        ("V1", "0.19.0", "leaf"),
        ("V1", "1.1.0", "flat"),
        ("V1", "1.3.0rc4", "flat"),
        ("V2", "1.3.0", "v2"),
        ("V2", "", "v2"),
        ("V1", "", None),
        ("unknown", "1.3.0", None),
    ],
)
def test_the_rules_follow_the_manager_and_the_release(
    manager: CacheManager, version: str, rules: Eviction | None
) -> None:
    told = rules_of(manager, version)
    assert told.rules == rules and told.evidence


@pytest.mark.parametrize("text", ["- a\n- b\n", "a: [", "\x00"])
def test_a_configuration_that_is_none_is_refused_with_its_name(text: str, tmp_path: Path) -> None:
    path = tmp_path / "extra.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"extra\.yaml"):
        read_configuration(path)
