"""TensorRT-LLM's two KV cache managers: which of them a deployment has, and how it evicts."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from charter_engine.contracts.pool import Eviction
from charter_engine.contracts.server import CacheManager
from charter_engine.errors import UsageError
from charter_engine.servers.versions import FLAT_TENSORRT_LLM, is_older

SWITCH = "use_kv_cache_manager_v2"
REMEDY = f"kv_cache_config: {{{SWITCH}: false}}, where the model allows it"
WHY_NO_RETENTION_ON_V2 = (
    "KV cache manager V2 gives every page the default priority, whatever a request asks for"
)
WITH_V2 = (1, 2)
"""The first release that has V2; there it is off unless it is switched on."""
PREFERRING_V2 = (1, 3)
"""From here on `auto` is each model's own preference."""
MODELS_ON_V2 = (
    "llama",
    "gpt-oss",
    "gemma-3",
    "gemma-4",
    "nemotron-h",
    "qwen3-next",
    "deepseek-v4",
)
"""Parts of the names of models whose preference is V2 (TensorRT-LLM, features/kvcache.md)."""


class Told(NamedTuple):
    """Which manager, and what told."""

    manager: CacheManager
    evidence: str


class ToldRules(NamedTuple):
    """By which rules a pool is predicted, and what told."""

    rules: Eviction | None
    evidence: str


def manager_of(configuration: Mapping[str, Any] | None, version: str, model: str) -> Told:
    """The manager behind the LLM API. `configuration` is its whole YAML; None: out of sight."""
    if is_older(version, WITH_V2):
        return Told("V1", f"TensorRT-LLM {version} has no other")
    if configuration is None:
        return Told("unknown", "its configuration is out of sight: name it, --configuration FILE")
    switch = str(_of_cache(configuration).get(SWITCH, "auto")).lower()
    if switch == "auto":
        return _preferred(version, model)
    return Told("V2" if switch == "true" else "V1", f"its configuration: {SWITCH}: {switch}")


def _preferred(version: str, model: str) -> Told:
    """What a release takes where the switch is left alone."""
    prefers_v1 = is_older(version, PREFERRING_V2)
    if prefers_v1:
        return Told("V1", f"TensorRT-LLM {version} has {SWITCH} off unless it is switched on")
    family = next((part for part in MODELS_ON_V2 if part in model.lower()), None)
    if prefers_v1 is None or family is None:
        unknown = "its version" if prefers_v1 is None else f"what it is for {model or 'this model'}"
        return Told("unknown", f"{SWITCH} is auto, and {unknown} is not known")
    return Told("V2", f"TensorRT-LLM {version} prefers it for {family} models")


def rules_of(manager: CacheManager, version: str) -> ToldRules:
    """By which rules a pool of TensorRT-LLM's is predicted."""
    if manager == "V2":
        return ToldRules("v2", "KV cache manager V2")
    if manager == "unknown":
        return ToldRules(None, "which KV cache manager it has is not known")
    older = is_older(version, FLAT_TENSORRT_LLM)
    if older is None:
        return ToldRules(None, "its version is not known")
    if older:
        return ToldRules("leaf", f"TensorRT-LLM {version}: an idle child protects its parent")
    return ToldRules("flat", f"TensorRT-LLM {version}: every idle block is a candidate")


def tokens_per_block_in(configuration: Mapping[str, Any] | None) -> int | None:
    """The block size that a configuration asks for, which some models override."""
    value = _of_cache(configuration or {}).get("tokens_per_block")
    return value if isinstance(value, int) and value > 0 else None


def host_bytes_in(configuration: Mapping[str, Any] | None) -> int:
    """Bytes of the host tier that a configuration asks for."""
    value = _of_cache(configuration or {}).get("host_cache_size")
    return value if isinstance(value, int) else 0


def reuses_blocks(configuration: Mapping[str, Any] | None) -> bool:
    """Whether blocks are reused, which is TensorRT-LLM's default."""
    return _of_cache(configuration or {}).get("enable_block_reuse") is not False


def read_configuration(path: Path) -> dict[str, Any]:
    """The YAML that a server was started with. Raises `UsageError`."""
    try:
        found = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"--configuration {path}: {error.strerror}") from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"--configuration {path} is not YAML: {error}") from None
    if not isinstance(found, dict):
        raise UsageError(f"--configuration {path} holds no mapping")
    return found


def _of_cache(configuration: Mapping[str, Any]) -> Mapping[str, Any]:
    found = configuration.get("kv_cache_config")
    return found if isinstance(found, Mapping) else {}
