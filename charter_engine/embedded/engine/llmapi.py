"""The llmapi deployment's contract: one model, text in and text out, configured by `1/model.yaml`.

Source: TensorRT-LLM triton_backend/all_models/llmapi/tensorrt_llm (config.pbtxt, model.py,
helpers.py) and llm_args.py. It takes no token ids and no retention, and publishes no metrics of its
own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from charter_engine.embedded.engine.contract import Tensor, declaration
from charter_engine.embedded.engine.errors import EngineConfigError, InvalidRequest
from charter_engine.embedded.engine.requests import (
    GenerationRequest,
    RequestProgress,
    TokenSampling,
    Truncation,
)
from charter_engine.embedded.engine.settings import EngineSettings
from charter_engine.embedded.engine.spec import EngineSpec, check_spec, read_spec

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_ANY = (-1,)
"""Taken from Triton: a list of any length."""

INPUTS = (
    Tensor("text_input", "STRING", _ANY, optional=False),
    Tensor("image_url", "STRING", _ANY),
    Tensor("streaming", "BOOL"),
    Tensor("sampling_param_best_of", "INT32"),
    Tensor("sampling_param_temperature", "FP32"),
    Tensor("sampling_param_top_k", "INT32"),
    Tensor("sampling_param_top_p", "FP32"),
    Tensor("sampling_param_frequency_penalty", "FP32"),
    Tensor("sampling_param_presence_penalty", "FP32"),
    Tensor("sampling_param_max_tokens", "INT32"),
    Tensor("sampling_param_stop", "STRING", _ANY),
    Tensor("sampling_param_seed", "UINT64"),
    Tensor("sampling_param_exclude_input_from_output", "BOOL"),
    Tensor("sampling_param_return_perf_metrics", "BOOL"),
    Tensor("return_finish_reason", "BOOL"),
    Tensor("return_stop_reason", "BOOL"),
    Tensor("return_cumulative_logprob", "BOOL"),
    Tensor("stop", "BOOL"),
    Tensor("lora_id", "UINT64"),
    Tensor("lora_name", "STRING"),
    Tensor("lora_path", "STRING"),
    Tensor("lora_ckpt_source", "STRING"),
)

OUTPUTS = (
    Tensor("text_output", "STRING", _ANY),
    Tensor("finish_reason", "STRING", _ANY),
    Tensor("stop_reason", "STRING", _ANY),
    Tensor("cumulative_logprob", "FP32", _ANY),
    Tensor("kv_cache_reused_block", "INT32", _ANY),
    Tensor("kv_cache_missed_block", "INT32", _ANY),
    Tensor("kv_cache_alloc_new_blocks", "INT32", _ANY),
    Tensor("kv_cache_alloc_total_blocks", "INT32", _ANY),
    Tensor("kv_cache_hit_rate", "FP32", _ANY),
    Tensor("arrival_time_ns", "INT64", _ANY),
    Tensor("first_scheduled_time_ns", "INT64", _ANY),
    Tensor("first_token_time_ns", "INT64", _ANY),
    Tensor("last_token_time_ns", "INT64", _ANY),
    Tensor("acceptance_rate", "FP32", _ANY),
    Tensor("total_accepted_draft_tokens", "INT32", _ANY),
    Tensor("total_draft_tokens", "INT32", _ANY),
)

FLAGS = (
    "return_finish_reason",
    "return_stop_reason",
    "return_cumulative_logprob",
    "sampling_param_return_perf_metrics",
)
UNSUPPORTED = ("image_url", "lora_id", "lora_name", "lora_path", "lora_ckpt_source")


class KvCacheConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`kv_cache_config`. Fields that switch nothing here are known so that a real file loads."""

    enable_block_reuse: bool = True
    max_tokens: int | None = None
    free_gpu_memory_fraction: float | None = 0.9
    host_cache_size: int | None = None
    onboard_blocks: bool = True
    secondary_offload_min_priority: int | None = None
    enable_partial_reuse: bool = True
    copy_on_partial_reuse: bool = True
    tokens_per_block: int = 32
    event_buffer_max_size: int = 0
    cross_kv_cache_fraction: float | None = None
    attention_dp_events_gather_period_ms: int = 5
    dtype: str = "auto"
    use_uvm: bool = False
    use_kv_cache_manager_v2: Literal[False] = False


class SchedulerConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    capacity_scheduler_policy: Literal["GUARANTEED_NO_EVICT", "MAX_UTILIZATION"] = (
        "GUARANTEED_NO_EVICT"
    )


class TritonConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What belongs to Triton and not to the LLM."""

    max_batch_size: int = 0
    decoupled: bool = False
    cancellation_check_period_ms: int = 100


class ModelYaml(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`1/model.yaml`. Unknown keys stop the load, as they do in TensorRT-LLM."""

    model: str
    backend: Literal["pytorch"] = "pytorch"
    tensor_parallel_size: Literal[1] = 1
    pipeline_parallel_size: Literal[1] = 1
    max_batch_size: int | None = None
    max_num_tokens: int | None = None
    max_seq_len: int | None = None
    enable_chunked_prefill: bool = False
    kv_cache_config: KvCacheConfig = KvCacheConfig()
    scheduler_config: SchedulerConfig = SchedulerConfig()
    triton_config: TritonConfig = TritonConfig()


def read_model_yaml(path: Path) -> ModelYaml:
    """Raises `EngineConfigError` naming the file and the key."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return msgspec.convert(YAML(typ="safe").load(path.read_text(encoding="utf-8")), ModelYaml)
    except OSError as error:
        raise EngineConfigError(f"{path} cannot be read ({error.strerror})") from error
    except YAMLError as error:
        raise EngineConfigError(f"{path} is no YAML: {error}") from error
    except msgspec.ValidationError as error:
        raise EngineConfigError(f"{path}: {error}") from error


def engine_of(model: ModelYaml) -> tuple[EngineSpec, Path, EngineSettings]:
    """The engine directory with what model.yaml changes of it.

    On this path the block size is a setting, not a build.
    """
    directory, cache = Path(model.model), model.kv_cache_config
    built = read_spec(directory)
    limits = {
        name: getattr(model, name)
        for name in ("max_batch_size", "max_num_tokens", "max_seq_len")
        if getattr(model, name) is not None
    }
    reference = msgspec.structs.replace(
        built.reference_engine,
        enable_partial_reuse=cache.enable_partial_reuse,
        copy_on_partial_reuse=cache.copy_on_partial_reuse,
        secondary_offload_min_priority=30
        if cache.secondary_offload_min_priority is None
        else cache.secondary_offload_min_priority,
    )
    spec = msgspec.structs.replace(
        built,
        build_config=msgspec.structs.replace(built.build_config, **limits),
        reference_engine=reference,
    ).with_tokens_per_block(cache.tokens_per_block)
    check_spec(spec)
    settings = EngineSettings(
        gpt_model_path=model.model,
        max_tokens_in_paged_kv_cache=cache.max_tokens,
        kv_cache_free_gpu_mem_fraction=0.9
        if cache.free_gpu_memory_fraction is None
        else cache.free_gpu_memory_fraction,
        kv_cache_host_memory_bytes=cache.host_cache_size or 0,
        kv_cache_onboard_blocks=cache.onboard_blocks,
        enable_kv_cache_reuse=cache.enable_block_reuse,
        batch_scheduler_policy="max_utilization"
        if model.scheduler_config.capacity_scheduler_policy == "MAX_UTILIZATION"
        else "guaranteed_no_evict",
        enable_chunked_context=model.enable_chunked_prefill,
        cancellation_check_period_ms=model.triton_config.cancellation_check_period_ms,
    )
    fraction, tokens = (
        settings.kv_cache_free_gpu_mem_fraction,
        settings.max_tokens_in_paged_kv_cache,
    )
    if not 0 < fraction < 1:
        raise EngineConfigError(
            f"free_gpu_memory_fraction must lie between 0 and 1, both excluded, not {fraction}"
        )
    if tokens is not None and tokens < 1:
        raise EngineConfigError(f"max_tokens must be above 0, not {tokens}")
    return spec, directory, settings


@dataclass(frozen=True, slots=True, kw_only=True)
class TextRequest:
    """A decoded llmapi request; `text` is the prompt as it came."""

    rows: tuple[GenerationRequest, ...] = ()
    truncations: tuple[Truncation, ...] = ()
    stop: bool = False
    text: str = ""
    exclude_input: bool = True
    flags: frozenset[str] = frozenset()


def decode_text_request(
    tensors: Mapping[str, NDArray[Any]],
    key: str,
    tokenizer: "Tokenizer",
    end_id: int | None = None,
) -> TextRequest:
    """`end_id` is the model's own, which ends every text. Raises `InvalidRequest` for what is
    missing or not supported."""

    def value(name: str, default: float) -> float:
        return float(tensors[name].reshape(-1)[0]) if name in tensors else default

    if value("stop", 0):
        return TextRequest(stop=True)
    for name in UNSUPPORTED:
        if name in tensors:
            raise InvalidRequest(
                f"input {name} is not supported by the reference engine: leave it out"
            )
    if value("sampling_param_best_of", 1) != 1:
        raise InvalidRequest(
            "sampling_param_best_of above 1 is not supported by the reference engine"
        )
    if "text_input" not in tensors or tensors["text_input"].size != 1:
        raise InvalidRequest("text_input must hold exactly one prompt")
    text = _text(tensors["text_input"].reshape(-1)[0])
    stops = (
        [_text(each) for each in tensors["sampling_param_stop"].reshape(-1)]
        if "sampling_param_stop" in tensors
        else []
    )
    tempered = "sampling_param_temperature" in tensors
    row = GenerationRequest(
        request_id=key,
        prompt=tuple(tokenizer.encode(text).ids),
        max_tokens=int(value("sampling_param_max_tokens", 32)),
        sampling=TokenSampling(
            temperature=value("sampling_param_temperature", 1.0),
            top_k=int(value("sampling_param_top_k", 0)),
            top_p=value("sampling_param_top_p", 1.0 if tempered else 0.0),
            seed=int(tensors["sampling_param_seed"].reshape(-1)[0])
            if "sampling_param_seed" in tensors
            else None,
            frequency_penalty=value("sampling_param_frequency_penalty", 0.0),
            presence_penalty=value("sampling_param_presence_penalty", 0.0),
            end_id=end_id,
            stop_words=tuple(tuple(tokenizer.encode(_text(each)).ids) for each in stops),
        ),
        streaming=bool(value("streaming", 0)),
        return_log_probs=bool(value("return_cumulative_logprob", 0)),
    )
    return TextRequest(
        rows=(row,),
        text=text,
        exclude_input=bool(value("sampling_param_exclude_input_from_output", 1)),
        flags=frozenset(name for name in FLAGS if value(name, 0)),
    )


def _text(value: object) -> str:
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else str(value)


def encode_text(
    decoded: TextRequest, progress: RequestProgress, tokenizer: "Tokenizer"
) -> dict[str, NDArray[Any]]:
    """The outputs by name.

    All travel as strings, whatever config.pbtxt declares: so does the real model.
    """
    text = tokenizer.decode(list(progress.tokens))
    if not decoded.exclude_input and not decoded.rows[0].streaming:
        text = decoded.text + text
    values: dict[str, object] = {"text_output": text}
    if "return_finish_reason" in decoded.flags:
        values["finish_reason"] = {"length": "length", "": ""}.get(progress.finish_reason, "stop")
    if "return_stop_reason" in decoded.flags:
        values["stop_reason"] = (
            "" if progress.finish_reason in ("length", "") else progress.finish_reason
        )
    if "return_cumulative_logprob" in decoded.flags:
        values["cumulative_logprob"] = sum(progress.log_probs)
    if "sampling_param_return_perf_metrics" in decoded.flags:
        counters, times = progress.counters, progress.times
        looked_up = counters.reused + counters.missed
        values |= {
            "kv_cache_reused_block": counters.reused,
            "kv_cache_missed_block": counters.missed,
            "kv_cache_alloc_new_blocks": counters.allocated_new,
            "kv_cache_alloc_total_blocks": counters.allocated_total,
            "kv_cache_hit_rate": counters.reused / looked_up if looked_up else 0.0,
            "arrival_time_ns": times.arrival,
            "first_scheduled_time_ns": times.first_scheduled,
            "first_token_time_ns": times.first_token,
            "last_token_time_ns": times.last_token,
            "acceptance_rate": 0.0,
            "total_accepted_draft_tokens": 0,
            "total_draft_tokens": 0,
        }
    return {name: np.array([str(value)], dtype=object) for name, value in values.items()}


def llmapi_config_pbtxt(*, decoupled: bool = False) -> str:
    """The text of the llmapi model's `config.pbtxt`; everything else is set in `model.yaml`."""
    lines = [
        'name: "tensorrt_llm"',
        'backend: "python"',
        "max_batch_size: 0",
        f"model_transaction_policy {{ decoupled: {str(decoupled).lower()} }}",
        *(declaration("input", tensor) for tensor in INPUTS),
        *(declaration("output", tensor) for tensor in OUTPUTS),
        "instance_group [ { count: 1, kind: KIND_CPU } ]",
    ]
    return "\n".join(lines) + "\n"
