"""How many bytes of KV cache a token takes on one GPU behind the LLM API: by its `model.yaml`, and
by the configuration of the model that it names, where that is on this machine."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from charter_engine.paths import read_bounded
from charter_engine.triton.engine_shape import MAX_BYTES, kv_bytes_of
from charter_engine.triton.errors import InvalidInput
from charter_engine.triton.llmapi import MODEL_YAML, settings_in

AUTO = "auto"


def kv_bytes_behind(repository: Path | None) -> int | None:
    """Of the LLM API's model in a model repository; None where that or its model's files are out of
    reach, or say too little. Blocks."""
    if repository is None:
        return None
    try:
        settings = settings_in(read_bounded(repository / MODEL_YAML, MAX_BYTES).decode())
    except (OSError, ValueError, InvalidInput):
        return None
    directory = Path(str(settings.get("model", "")))
    if not directory.is_absolute():  # a name of the hub's, or a path from where Triton was started
        return None
    model = _document(directory / "config.json")
    quantised = _document(directory / "hf_quant_config.json").get("quantization")
    return kv_bytes_of(_as_served(model, quantised, settings)) if model else None


def _as_served(
    model: Mapping[str, Any], quantised: object, settings: Mapping[str, Any]
) -> Mapping[str, Any]:
    """The model's configuration with what the LLM API makes of it. An engine that was built says
    all of that itself."""
    if "pretrained_config" in model:
        return model
    cache = settings.get("kv_cache_config")
    asked = str(cache.get("dtype") or AUTO) if isinstance(cache, Mapping) else AUTO
    weights = str(settings.get("dtype") or AUTO)
    shared_out = not settings.get("enable_attention_dp")
    return {
        **model,
        **({} if weights == AUTO else {"dtype": weights}),
        "mapping": {
            "tp_size": settings.get("tensor_parallel_size", 1) if shared_out else 1,
            "pp_size": settings.get("pipeline_parallel_size", 1),
        },
        "quantization": {"kv_cache_quant_algo": asked} if asked != AUTO else quantised,
    }


def _document(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(read_bounded(path, MAX_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
