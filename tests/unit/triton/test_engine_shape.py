"""Bytes of KV cache a token takes, from the served model's configuration."""

import json
from pathlib import Path
from typing import Any

import pytest

from charter_engine.triton.engine_shape import kv_bytes_of, kv_bytes_per_token

LLAMA_8B = {
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "hidden_size": 4096,
    "dtype": "bfloat16",
}


def test_an_engine_of_llama_8b_takes_128_kib_a_token() -> None:
    assert kv_bytes_of({"pretrained_config": LLAMA_8B}) == 128 * 1024


def test_a_hugging_face_configuration_tells_the_same() -> None:
    shape = {key: value for key, value in LLAMA_8B.items() if key != "dtype"}
    assert kv_bytes_of({**shape, "torch_dtype": "bfloat16", "head_dim": 128}) == 128 * 1024


@pytest.mark.parametrize(
    ("change", "bytes_per_token"),
    [
        ({"quantization": {"kv_cache_quant_algo": "FP8"}}, 64 * 1024),
        ({"quantization": {"kv_cache_quant_algo": None}}, 128 * 1024),
        ({"mapping": {"tp_size": 4, "pp_size": 1}}, 32 * 1024),
        ({"mapping": {"tp_size": 16, "pp_size": 1}}, 16 * 1024),
        ({"mapping": {"tp_size": 1, "pp_size": 2}}, 64 * 1024),
        ({"num_key_value_heads": None}, 512 * 1024),
    ],
)
def test_ranks_and_quantisation_lessen_what_one_gpu_holds(
    change: dict[str, Any], bytes_per_token: int
) -> None:
    assert kv_bytes_of({"pretrained_config": {**LLAMA_8B, **change}}) == bytes_per_token


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"pretrained_config": None},
        {"pretrained_config": {**LLAMA_8B, "dtype": "of tomorrow"}},
        {"pretrained_config": {**LLAMA_8B, "num_attention_heads": 0}},
        {"pretrained_config": {**LLAMA_8B, "num_hidden_layers": "many"}},
        {"pretrained_config": {**LLAMA_8B, "mapping": {"tp_size": -1}}},
    ],
)
def test_what_says_too_little_gives_nothing(document: dict[str, Any]) -> None:
    assert kv_bytes_of(document) is None


def test_it_is_read_beside_the_engine_that_the_model_names(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"pretrained_config": LLAMA_8B}))
    assert kv_bytes_per_token({"gpt_model_path": str(tmp_path)}) == 128 * 1024


@pytest.mark.parametrize("content", ["", "[]", "{", "\x00" * 100])
def test_a_file_that_is_no_configuration_gives_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.json").write_text(content)
    assert kv_bytes_per_token({"gpt_model_path": str(tmp_path)}) is None


def test_an_engine_on_another_machine_gives_nothing(tmp_path: Path) -> None:
    assert kv_bytes_per_token({"gpt_model_path": str(tmp_path / "elsewhere")}) is None
