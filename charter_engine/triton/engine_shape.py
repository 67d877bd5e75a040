"""How many bytes of KV cache a token takes on one GPU, from the configuration of the model served.

Two forms are known: TensorRT-LLM's engine `config.json`, and a Hugging Face model's.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from charter_engine.paths import read_bounded

MAX_BYTES = 4 << 20
"""Assumed: an engine's `config.json` has some KiB."""
WIDTHS = {
    "float32": 4,
    "float16": 2,
    "bfloat16": 2,
    "fp8": 1,
    "int8": 1,
    "FP8": 1,
    "INT8": 1,
    "NVFP4": 1,
}
"""Bytes of a key or value. Four-bit ones carry scales beside them."""

ENGINE_DIRECTORY = ("gpt_model_path", "engine_dir", "trtllm_engine_dir")


def kv_bytes_per_token(parameters: Mapping[str, str]) -> int | None:
    """Of the model whose Triton configuration has these parameters; None where its files are not
    on this machine, or say too little."""
    for name in ENGINE_DIRECTORY:
        if parameters.get(name):
            return kv_bytes_in(Path(parameters[name]) / "config.json")
    return None


def kv_bytes_in(path: Path) -> int | None:
    """By the configuration at `path`; None where it cannot be read, or says too little."""
    try:
        document = json.loads(read_bounded(path, MAX_BYTES))
    except (OSError, ValueError, RecursionError):
        return None
    return kv_bytes_of(document) if isinstance(document, dict) else None


def kv_bytes_of(document: Mapping[str, Any]) -> int | None:
    """By the configuration itself. None where it says too little, or something else than numbers.

    Layers are shared out over pipeline stages, heads over tensor-parallel ranks, each of which has
    one at least.
    """
    shape = document.get("pretrained_config", document)
    try:
        layers, heads = int(shape["num_hidden_layers"]), int(shape["num_attention_heads"])
        kv_heads = int(shape.get("num_key_value_heads") or heads)
        size = int(shape.get("head_size") or shape.get("head_dim") or shape["hidden_size"] // heads)
        mapping = shape.get("mapping") or {}
        stages, ranks = int(mapping.get("pp_size", 1)), int(mapping.get("tp_size", 1))
        width = _width(shape)
    except (AttributeError, KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    if width is None or min(layers, kv_heads, size, stages, ranks) < 1:
        return None
    return -(-layers // stages) * 2 * max(1, kv_heads // ranks) * size * width


def _width(shape: Mapping[str, Any]) -> int | None:
    quantized = (shape.get("quantization") or {}).get("kv_cache_quant_algo")
    return WIDTHS.get(quantized or shape.get("dtype") or shape.get("torch_dtype") or "")
