"""Settings of a deployment on the LLM API path: they live in the model's `model.yaml`. Pure: text
in, text out."""

import io
from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError

from charter_engine.contracts.plan import ServerSettings
from charter_engine.triton.errors import InvalidInput
from charter_engine.triton.files import Contents
from charter_engine.triton.model_config import config_bytes, config_text, edit_parameters
from charter_engine.triton.release import ENGINE_CONFIG, REVISION_PARAMETER, Release, release_of
from charter_engine.triton.request import ENGINE_MODEL

MODEL_YAML = f"{ENGINE_MODEL}/1/model.yaml"
PLACE_OF = {
    "tokens_per_block": ("kv_cache_config", "tokens_per_block"),
    "enable_kv_cache_reuse": ("kv_cache_config", "enable_block_reuse"),
    "kv_cache_free_gpu_mem_fraction": ("kv_cache_config", "free_gpu_memory_fraction"),
    "max_tokens_in_paged_kv_cache": ("kv_cache_config", "max_tokens"),
    "kv_cache_host_memory_bytes": ("kv_cache_config", "host_cache_size"),
    "kv_cache_onboard_blocks": ("kv_cache_config", "onboard_blocks"),
    "batch_scheduler_policy": ("scheduler_config", "capacity_scheduler_policy"),
    "enable_chunked_context": ("enable_chunked_prefill",),
}
"""Where each server setting stands in `model.yaml` (TensorRT-LLM, llm_args.py)."""


def llmapi_release(
    number: int, now: Contents, original: Contents, settings: ServerSettings
) -> Release:
    """The release of settings. The number is stamped on the configuration, whose read-back shows
    that it went live."""
    text, config = now.get(MODEL_YAML), now.get(ENGINE_CONFIG)
    if text is None or config is None:
        raise InvalidInput(
            f"the settings of this deployment are in {MODEL_YAML}, which is not within reach",
            remedy="give the deployment's model repository with --repository, "
            "on the machine where it is",
        )
    first = original.get(MODEL_YAML) or text
    files = {
        MODEL_YAML: edit_model_yaml(text.decode(), first.decode(), settings).encode(),
        ENGINE_CONFIG: config_bytes(
            edit_parameters(config_text(config), {REVISION_PARAMETER: str(number)}, ENGINE_CONFIG)
        ),
    }
    return release_of(number, now, {**now, **files})


def edit_model_yaml(text: str, original: str, settings: ServerSettings) -> str:
    """The text with the settings set, comments kept; a setting of None goes back to what `original`
    says, or goes."""
    document, first = _parsed(text), _parsed(original)
    for name, path in PLACE_OF.items():
        value = getattr(settings, name)
        wanted = _spelled(name, value) if value is not None else _look_up(first, path)
        if _look_up(document, path) != wanted:
            _put(document, path, wanted)
    buffer = io.StringIO()
    _yaml().dump(document, buffer)
    return buffer.getvalue()


def settings_in(text: str) -> Mapping[str, Any]:
    """The settings of a `model.yaml`. Raises `InvalidInput`."""
    return _parsed(text)


def _spelled(name: str, value: Any) -> Any:
    return str(value).upper() if name == "batch_scheduler_policy" else value


def _look_up(document: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    found: Any = document
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def _put(document: CommentedMap, path: tuple[str, ...], value: Any) -> None:
    for key in path[:-1]:
        if not isinstance(document.get(key), Mapping):
            document[key] = CommentedMap()
        document = document[key]
    if value is None:
        document.pop(path[-1], None)
    else:
        document[path[-1]] = value


def _parsed(text: str) -> CommentedMap:
    try:
        document = _yaml().load(text)
    except YAMLError as error:
        raise InvalidInput(
            f"{MODEL_YAML} is not YAML: {error}", remedy="repair it; it was not changed"
        ) from None
    if not isinstance(document, CommentedMap):
        raise InvalidInput(f"{MODEL_YAML} is not a mapping", remedy="repair it; it was not changed")
    return document


def _yaml() -> YAML:
    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    return yaml
