"""The Triton contract of the engine model, by TensorRT-LLM version.

And the `config.pbtxt` that declares it.

Source: `tensorrt_llm/config.pbtxt` of triton-inference-server/tensorrtllm_backend v0.14 to v0.19
and of TensorRT-LLM after it. Names and shapes are theirs; only `kv_cache_reused_tokens` is ours,
since theirs count blocks.
"""

from collections.abc import Mapping

from msgspec import Struct

from charter_engine.embedded.engine.errors import EngineConfigError

Version = tuple[int, int]

PROFILES: dict[str, Version] = {
    "24.10": (0, 14),
    "24.12": (0, 16),
    "25.01": (0, 17),
    "25.05": (0, 19),
    "26.07": (1, 2),
}
"""Container releases that can be imitated, and the TensorRT-LLM version in each."""
DEFAULT_PROFILE = "26.07"
PROFILE_PARAMETER = "charter_profile"
"""A parameter real deployments do not have; it tells the reference engine what to imitate."""

STATS: Version = (0, 16)
RETENTION: Version = (0, 17)
MORE_GAUGES: Version = (0, 18)
PERF_METRICS: Version = (0, 19)
NEW_NAMES: Version = (0, 20)
TRUNCATION: Version = (1, 2)
"""Taken from TensorRT-LLM's history: the releases that brought each."""


class Tensor(Struct, frozen=True):
    """An input or output: its dims without the batch dimension.

    `since` and `until` are the versions [since, until) that have it.
    """

    name: str
    dtype: str
    dims: tuple[int, ...] = (1,)
    optional: bool = True
    since: Version = (0, 14)
    until: Version | None = None

    def belongs_to(self, version: Version) -> bool:
        return self.since <= version and (self.until is None or version < self.until)


MAX_BATCH_SIZE = 32
"""Assumed: more than a processor computes side by side."""
_LIST = (-1,)
"""Taken from Triton: a list of any length."""
KEEP_INPUT = "num_tokens_to_keep"
"""Ours, too: in TensorRT-LLM only trtllm-serve can be told to forget (`truncate_tokens`)."""

INPUTS = (
    Tensor("input_ids", "INT32", _LIST, optional=False),
    Tensor("input_lengths", "INT32", optional=False),
    Tensor("request_output_len", "INT32", optional=False),
    Tensor("num_return_sequences", "INT32"),
    Tensor("draft_input_ids", "INT32", _LIST),
    Tensor("decoder_input_ids", "INT32", _LIST),
    Tensor("decoder_input_lengths", "INT32"),
    Tensor("draft_logits", "FP32", (-1, -1)),
    Tensor("draft_acceptance_threshold", "FP32"),
    Tensor("end_id", "INT32"),
    Tensor("pad_id", "INT32"),
    Tensor("stop_words_list", "INT32", (2, -1)),
    Tensor("bad_words_list", "INT32", (2, -1)),
    Tensor("embedding_bias", "FP32", _LIST),
    Tensor("beam_width", "INT32"),
    Tensor("temperature", "FP32"),
    Tensor("runtime_top_k", "INT32"),
    Tensor("runtime_top_p", "FP32"),
    Tensor("runtime_top_p_min", "FP32"),
    Tensor("runtime_top_p_decay", "FP32"),
    Tensor("runtime_top_p_reset_ids", "INT32"),
    Tensor("len_penalty", "FP32"),
    Tensor("early_stopping", "BOOL"),
    Tensor("repetition_penalty", "FP32"),
    Tensor("min_length", "INT32", until=NEW_NAMES),
    Tensor("min_tokens", "INT32", since=NEW_NAMES),
    Tensor("beam_search_diversity_rate", "FP32"),
    Tensor("presence_penalty", "FP32"),
    Tensor("frequency_penalty", "FP32"),
    Tensor("random_seed", "UINT64", until=NEW_NAMES),
    Tensor("seed", "UINT64", since=NEW_NAMES),
    Tensor("return_log_probs", "BOOL"),
    Tensor("return_context_logits", "BOOL"),
    Tensor("return_generation_logits", "BOOL"),
    Tensor("exclude_input_in_output", "BOOL"),
    Tensor("stop", "BOOL"),
    Tensor("streaming", "BOOL"),
    Tensor("prompt_embedding_table", "FP16", (-1, -1)),
    Tensor("prompt_table_extra_ids", "UINT64", _LIST),
    Tensor("prompt_vocab_size", "INT32"),
    Tensor("lora_task_id", "UINT64"),
    Tensor("lora_weights", "FP16", (-1, -1)),
    Tensor("lora_config", "INT32", (-1, 3)),
    Tensor("context_phase_params", "UINT8", _LIST),
    Tensor("return_kv_cache_reuse_stats", "BOOL", since=STATS, until=PERF_METRICS),
    Tensor("return_perf_metrics", "BOOL", since=PERF_METRICS),
    Tensor("retention_token_range_starts", "INT32", _LIST, since=RETENTION),
    Tensor("retention_token_range_ends", "INT32", _LIST, since=RETENTION),
    Tensor("retention_token_range_priorities", "INT32", _LIST, since=RETENTION),
    Tensor("retention_token_range_durations_ms", "INT32", _LIST, since=RETENTION),
    Tensor("retention_decode_priority", "INT32", since=RETENTION),
    Tensor("retention_decode_duration_ms", "INT32", since=RETENTION),
    Tensor(KEEP_INPUT, "INT32", since=TRUNCATION),
    Tensor("return_num_input_tokens", "BOOL", since=NEW_NAMES),
    Tensor("return_num_output_tokens", "BOOL", since=NEW_NAMES),
    Tensor("guided_decoding_guide_type", "STRING", since=NEW_NAMES),
    Tensor("guided_decoding_guide", "STRING", since=NEW_NAMES),
    Tensor("lookahead_window_size", "INT32", since=NEW_NAMES),
    Tensor("lookahead_ngram_size", "INT32", since=NEW_NAMES),
    Tensor("lookahead_verification_set_size", "INT32", since=NEW_NAMES),
)

OUTPUTS = (
    Tensor("output_ids", "INT32", (-1, -1)),
    Tensor("sequence_length", "INT32", _LIST),
    Tensor("cum_log_probs", "FP32", _LIST),
    Tensor("output_log_probs", "FP32", (-1, -1)),
    Tensor("context_logits", "FP32", (-1, -1)),
    Tensor("generation_logits", "FP32", (-1, -1, -1)),
    Tensor("batch_index", "INT32"),
    Tensor("sequence_index", "INT32"),
    Tensor("context_phase_params", "UINT8", _LIST),
    Tensor("kv_cache_alloc_new_blocks", "INT32", since=STATS),
    Tensor("kv_cache_reused_blocks", "INT32", since=STATS),
    Tensor("kv_cache_alloc_total_blocks", "INT32", since=STATS),
    Tensor("kv_cache_reused_tokens", "INT32", since=NEW_NAMES),
    Tensor("arrival_time_ns", "INT64", since=PERF_METRICS),
    Tensor("first_scheduled_time_ns", "INT64", since=PERF_METRICS),
    Tensor("first_token_time_ns", "INT64", since=PERF_METRICS),
    Tensor("last_token_time_ns", "INT64", since=PERF_METRICS),
    Tensor("acceptance_rate", "FP32", since=PERF_METRICS),
    Tensor("total_accepted_draft_tokens", "INT32", since=PERF_METRICS),
    Tensor("total_draft_tokens", "INT32", since=PERF_METRICS),
    Tensor("num_input_tokens", "INT32", since=NEW_NAMES),
    Tensor("num_output_tokens", "INT32", since=NEW_NAMES),
)

DEFAULT_PARAMETERS = {
    "gpt_model_type": "inflight_fused_batching",
    "gpt_model_path": "",
    "tokenizer_dir": "",
    "max_tokens_in_paged_kv_cache": "",
    "kv_cache_free_gpu_mem_fraction": "0.9",
    "kv_cache_host_memory_bytes": "",
    "kv_cache_onboard_blocks": "",
    "enable_kv_cache_reuse": "true",
    "max_attention_window_size": "",
    "sink_token_length": "",
    "batch_scheduler_policy": "guaranteed_no_evict",
    "enable_chunked_context": "true",
    "decoding_mode": "",
    "max_beam_width": "1",
    "exclude_input_in_output": "",
    "stats_check_period_ms": "100",
    "cancellation_check_period_ms": "100",
}


def profile_version(profile: str) -> Version:
    """The TensorRT-LLM version a profile imitates.

    Raises `EngineConfigError` naming the known ones.
    """
    if profile not in PROFILES:
        raise EngineConfigError(
            f"profile {profile!r} is unknown: choose one of {', '.join(PROFILES)}"
        )
    return PROFILES[profile]


def engine_config_pbtxt(
    parameters: Mapping[str, str],
    profile: str = DEFAULT_PROFILE,
    *,
    decoupled: bool = False,
) -> str:
    """The text of the engine model's `config.pbtxt`.

    `parameters` overrides `DEFAULT_PARAMETERS`; `gpt_model_path` must be among them. Streaming, and
    several prompts in one request, need `decoupled`.
    """
    version = profile_version(profile)
    values = {**DEFAULT_PARAMETERS, **parameters, PROFILE_PARAMETER: profile}
    lines = [
        'name: "tensorrt_llm"',
        'backend: "python"',
        f"max_batch_size: {MAX_BATCH_SIZE}",
        f"model_transaction_policy {{ decoupled: {str(decoupled).lower()} }}",
        *(declaration("input", tensor) for tensor in INPUTS if tensor.belongs_to(version)),
        *(declaration("output", tensor) for tensor in OUTPUTS if tensor.belongs_to(version)),
        "instance_group [ { count: 1, kind: KIND_CPU } ]",
        *(
            f'parameters {{ key: "{key}" value {{ string_value: "{_quoted(value)}" }} }}'
            for key, value in values.items()
        ),
    ]
    return "\n".join(lines) + "\n"


def declaration(kind: str, tensor: Tensor) -> str:
    dims = ", ".join(map(str, tensor.dims))
    optional = " optional: true" if kind == "input" and tensor.optional else ""
    fields = f'name: "{tensor.name}" data_type: TYPE_{tensor.dtype} dims: [ {dims} ]{optional}'
    return f"{kind} [ {{ {fields} }} ]"


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
