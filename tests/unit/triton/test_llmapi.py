"""Settings of the LLM API path, in `model.yaml`."""

import pytest

from charter_engine.contracts.plan import ServerSettings
from charter_engine.triton.errors import InvalidInput
from charter_engine.triton.llmapi import edit_model_yaml

ORIGINAL = """\
# how we serve
model: /models/llama   # the small one
kv_cache_config:
  enable_block_reuse: true
  free_gpu_memory_fraction: 0.8  # two share a GPU
triton_config:
  decoupled: false
"""


def test_settings_are_set_under_the_llm_apis_names_and_comments_stay() -> None:
    settings = ServerSettings(
        tokens_per_block=16, kv_cache_free_gpu_mem_fraction=0.5, enable_chunked_context=True
    )
    edited = edit_model_yaml(ORIGINAL, ORIGINAL, settings)
    assert "# how we serve" in edited and "# the small one" in edited
    assert "  tokens_per_block: 16\n" in edited
    assert "free_gpu_memory_fraction: 0.5" in edited
    assert "enable_chunked_prefill: true" in edited


def test_a_policy_is_spelled_as_the_llm_api_has_it() -> None:
    edited = edit_model_yaml(
        ORIGINAL, ORIGINAL, ServerSettings(batch_scheduler_policy="max_utilization")
    )
    assert "scheduler_config:\n  capacity_scheduler_policy: MAX_UTILIZATION\n" in edited


def test_nothing_set_changes_nothing() -> None:
    assert edit_model_yaml(ORIGINAL, ORIGINAL, ServerSettings()) == ORIGINAL


def test_a_setting_left_out_goes_back_to_the_original_or_goes() -> None:
    edited = edit_model_yaml(
        ORIGINAL, ORIGINAL, ServerSettings(tokens_per_block=16, kv_cache_free_gpu_mem_fraction=0.5)
    )
    back = edit_model_yaml(edited, ORIGINAL, ServerSettings())
    assert "tokens_per_block" not in back
    assert "free_gpu_memory_fraction: 0.8" in back


@pytest.mark.parametrize("text", ["a: [", "just text", "- 1\n"])
def test_what_is_no_mapping_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"model\.yaml"):
        edit_model_yaml(text, ORIGINAL, ServerSettings())
