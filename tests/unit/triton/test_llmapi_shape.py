"""Bytes of KV cache a token takes behind the LLM API."""

import json
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from charter_engine.triton.llmapi import MODEL_YAML
from charter_engine.triton.llmapi_shape import kv_bytes_behind

LLAMA_8B = {
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "hidden_size": 4096,
    "torch_dtype": "bfloat16",
}


def repository(tmp_path: Path, **settings: Any) -> Path:
    """A repository whose model is Llama 8B, as Hugging Face keeps it."""
    model = tmp_path / "llama"
    model.mkdir()
    (model / "config.json").write_text(json.dumps(LLAMA_8B))
    yaml = tmp_path / "models" / MODEL_YAML
    yaml.parent.mkdir(parents=True)
    YAML(typ="safe").dump({"model": str(model), **settings}, yaml)
    return tmp_path / "models"


@pytest.mark.parametrize(
    ("settings", "bytes_per_token"),
    [
        ({}, 128 * 1024),
        ({"kv_cache_config": {"dtype": "auto"}}, 128 * 1024),
        ({"kv_cache_config": {"dtype": "fp8"}}, 64 * 1024),
        ({"dtype": "float32"}, 256 * 1024),
        ({"tensor_parallel_size": 4}, 32 * 1024),
        ({"tensor_parallel_size": 4, "enable_attention_dp": True}, 128 * 1024),
        ({"pipeline_parallel_size": 2}, 64 * 1024),
        ({"kv_cache_config": {"dtype": "of tomorrow"}}, None),
    ],
)
def test_they_are_told_by_model_yaml_and_its_models_configuration(
    settings: dict[str, Any], bytes_per_token: int | None, tmp_path: Path
) -> None:
    assert kv_bytes_behind(repository(tmp_path, **settings)) == bytes_per_token


def test_a_checkpoint_with_a_quantised_cache_says_so_beside_its_configuration(
    tmp_path: Path,
) -> None:
    models = repository(tmp_path)
    quantised = {"quantization": {"quant_algo": "FP8", "kv_cache_quant_algo": "FP8"}}
    (tmp_path / "llama" / "hf_quant_config.json").write_text(json.dumps(quantised))
    assert kv_bytes_behind(models) == 64 * 1024


def test_a_model_or_a_repository_that_is_elsewhere_tells_nothing(tmp_path: Path) -> None:
    models = repository(tmp_path, model="meta-llama/Llama-3.1-8B-Instruct")
    assert kv_bytes_behind(models) is None
    assert kv_bytes_behind(tmp_path / "nowhere") is None
    assert kv_bytes_behind(None) is None


@pytest.mark.parametrize("content", ["", "[]", "a: [", "model: 7"])
def test_what_is_no_model_yaml_tells_nothing(content: str, tmp_path: Path) -> None:
    yaml = tmp_path / MODEL_YAML
    yaml.parent.mkdir(parents=True)
    yaml.write_text(content)
    assert kv_bytes_behind(tmp_path) is None
