"""Triton parameters, read as TensorRT-LLM's C++ backend reads them."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charter_engine.embedded.engine.errors import EngineConfigError
from charter_engine.embedded.engine.loading import pool_blocks
from charter_engine.embedded.engine.settings import EngineSettings, parse_settings
from charter_engine.embedded.engine.spec import EngineSpec

NEEDED = {"gpt_model_path": "/engine", "gpt_model_type": "inflight_fused_batching"}


def read(**parameters: str) -> tuple[EngineSettings, list[str]]:
    warnings: list[str] = []
    return parse_settings(NEEDED | parameters, warnings.append), warnings


def test_what_is_left_out_empty_or_an_unfilled_placeholder_has_its_default_without_a_word() -> None:
    plain, _ = read()
    assert plain == EngineSettings(gpt_model_path="/engine")
    for value in ("", "  ", "${kv_cache_free_gpu_mem_fraction}"):
        assert read(kv_cache_free_gpu_mem_fraction=value) == (plain, [])


def test_what_cannot_be_read_warns_and_has_its_default() -> None:
    for name, value in (
        ("kv_cache_free_gpu_mem_fraction", "much"),
        ("max_tokens_in_paged_kv_cache", "abc"),
        ("enable_kv_cache_reuse", "yes"),
        ("kv_cache_host_memory_bytes", "x1"),
    ):
        found, warnings = read(**{name: value})
        assert found == read()[0]
        assert len(warnings) == 1 and name in warnings[0] and value in warnings[0]


def test_numbers_are_read_as_far_as_they_go() -> None:
    assert read(max_tokens_in_paged_kv_cache="12abc")[0].max_tokens_in_paged_kv_cache == 12
    assert read(kv_cache_free_gpu_mem_fraction="0.5x")[0].kv_cache_free_gpu_mem_fraction == 0.5


@pytest.mark.parametrize("text", ["True", "true", "TRUE", "1"])
def test_four_spellings_of_true(text: str) -> None:
    assert read(enable_chunked_context=text)[0].enable_chunked_context


@pytest.mark.parametrize("text", ["False", "false", "FALSE", "0"])
def test_four_spellings_of_false(text: str) -> None:
    assert not read(enable_kv_cache_reuse=text)[0].enable_kv_cache_reuse


def test_reuse_left_out_is_off_before_0_19() -> None:
    assert not parse_settings(NEEDED, lambda _: None, reuse_by_default=False).enable_kv_cache_reuse
    assert parse_settings(NEEDED, lambda _: None).enable_kv_cache_reuse


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_tokens_in_paged_kv_cache", "0"),
        ("max_tokens_in_paged_kv_cache", "-5"),
        ("kv_cache_free_gpu_mem_fraction", "1.0"),
        ("kv_cache_free_gpu_mem_fraction", "0"),
        ("kv_cache_free_gpu_mem_fraction", "-0.1"),
        ("kv_cache_host_memory_bytes", "-1"),
        ("max_attention_window_size", "0"),
        ("max_beam_width", "4"),
        ("sink_token_length", "4"),
        ("gpt_model_type", "V1"),
        ("gpt_model_type", ""),
        ("gpt_model_path", ""),
        ("decoding_mode", "medusa"),
    ],
)
def test_what_can_be_read_but_not_served_stops_the_load(name: str, value: str) -> None:
    with pytest.raises(EngineConfigError, match=name):
        read(**{name: value})


def test_an_unknown_scheduler_policy_warns_and_is_guaranteed_no_evict() -> None:
    found, warnings = read(batch_scheduler_policy="static_batch")
    assert found.batch_scheduler_policy == "guaranteed_no_evict"
    assert "static_batch" in warnings[0]
    assert (
        read(batch_scheduler_policy="max_utilization")[0].batch_scheduler_policy
        == "max_utilization"
    )


def test_a_parameter_without_meaning_here_is_named() -> None:
    assert "cuda_graph_mode" in read(cuda_graph_mode="true")[1][0]


@given(st.dictionaries(st.sampled_from(EngineSettings.__struct_fields__), st.text(max_size=8)))
def test_any_text_is_read_or_refused_by_name(parameters: dict[str, str]) -> None:
    try:
        parse_settings(parameters, lambda _: None)
    except EngineConfigError as error:
        assert "parameter" in str(error) or "decoding_mode" in str(error)


def blocks(free_bytes: int, **changes: object) -> int:
    settings = msgspec.structs.replace(EngineSettings(gpt_model_path="/engine"), **changes)
    return pool_blocks(EngineSpec(), settings, lambda _: None, free_bytes=free_bytes, item_size=4)


def test_the_pool_is_the_smaller_of_the_memory_share_and_the_token_limit() -> None:
    per_token = EngineSpec().pretrained_config.kv_bytes_per_token(4)
    assert per_token == 4 * 2 * 2 * 32 * 4
    assert blocks(1000 * 32 * per_token) == 900
    assert blocks(1000 * 32 * per_token, max_tokens_in_paged_kv_cache=3200) == 100
    assert blocks(100 * 32 * per_token, max_tokens_in_paged_kv_cache=32000) == 90
    assert blocks(1 << 30, max_tokens_in_paged_kv_cache=3201) == 101


def test_the_share_of_main_memory_is_capped_and_says_so() -> None:
    warnings: list[str] = []
    settings = EngineSettings(gpt_model_path="/engine")
    capped = pool_blocks(EngineSpec(), settings, warnings.append, free_bytes=64 << 30, item_size=4)
    assert capped * 32 * EngineSpec().pretrained_config.kv_bytes_per_token(4) == 64 << 20
    assert "capped to max_kv_cache_bytes 67108864" in warnings[0]


def test_a_pool_too_small_for_anything_stops_the_load() -> None:
    with pytest.raises(EngineConfigError, match="would have 1 blocks of 32 tokens"):
        blocks(1 << 30, max_tokens_in_paged_kv_cache=5)
