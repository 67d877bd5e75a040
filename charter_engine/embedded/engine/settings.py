"""The engine's Triton parameters.

They are strings in `config.pbtxt`, read by the rules of TensorRT-LLM's C++ backend.

A parameter that is missing, empty, unparsable or left as `${name}` gives a warning and its default.
One that parses but is illegal stops the load.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, TypeVar, cast, get_args

from msgspec import Struct

from charter_engine.embedded.engine.errors import EngineConfigError
from charter_engine.embedded.engine.faults import CacheFault, FaultKind

FAULT_PARAMETER = "charter_fault"
"""A parameter real deployments do not have: a fault of the cache, for trying out what should
notice it."""
T = TypeVar("T")
Warn = Callable[[str], None]

BATCHING_TYPES = ("inflight_batching", "inflight_fused_batching")
SCHEDULER_POLICIES = ("guaranteed_no_evict", "max_utilization")
SUPPORTED_DECODING = ("", "auto", "top_k", "top_p", "top_k_top_p")
OTHER_DECODING = ("beam_search", "medusa", "redrafter", "lookahead", "eagle")
WITHOUT_MEANING = (
    "cross_kv_cache_fraction",
    "lora_cache_optimal_adapter_size",
    "lora_cache_max_adapter_size",
    "lora_cache_gpu_memory_fraction",
    "lora_cache_host_memory_bytes",
    "lora_prefetch_dir",
    "multi_block_mode",
    "cuda_graph_mode",
    "cuda_graph_cache_size",
    "gpu_weights_percent",
    "gpu_device_ids",
    "participant_ids",
    "num_nodes",
    "executor_worker_path",
    "encoder_model_path",
    "guided_decoding_backend",
    "xgrammar_tokenizer_info_path",
    "speculative_decoding_fast_logits",
    "medusa_choices",
    "eagle_choices",
    "lookahead_window_size",
    "lookahead_ngram_size",
    "lookahead_verification_set_size",
    "enable_context_fmha_fp32_acc",
    "iter_stats_max_iterations",
    "request_stats_max_iterations",
    "normalize_log_probs",
)
"""Parameters of the real backend that switch nothing here; set, they are named in the log."""


class EngineSettings(Struct, frozen=True, kw_only=True):
    """What can be set without building the engine again.

    Every change is a reload and loses the KV cache.
    """

    gpt_model_path: str
    gpt_model_type: str = "inflight_fused_batching"
    tokenizer_dir: str = ""
    max_tokens_in_paged_kv_cache: int | None = None
    kv_cache_free_gpu_mem_fraction: float = 0.9
    kv_cache_host_memory_bytes: int = 0
    kv_cache_onboard_blocks: bool = True
    enable_kv_cache_reuse: bool = True
    batch_scheduler_policy: Literal["guaranteed_no_evict", "max_utilization"] = (
        "guaranteed_no_evict"
    )
    enable_chunked_context: bool = False
    max_attention_window_size: int | None = None
    sink_token_length: int | None = None
    decoding_mode: str = ""
    max_beam_width: int = 1
    stats_check_period_ms: int = 100
    cancellation_check_period_ms: int = 100
    exclude_input_in_output: bool = False
    fault: CacheFault | None = None


def parse_settings(
    parameters: Mapping[str, str], warn: Warn, reuse_by_default: bool = True
) -> EngineSettings:
    """Read `parameters`.

    Raises `EngineConfigError` for what a real engine would refuse to load with.

    `reuse_by_default`: before 0.19, `enable_kv_cache_reuse` left out meant off.
    """
    read = _SettingReader(parameters, warn)
    path = read.text("gpt_model_path", "")
    if not path:
        raise EngineConfigError("parameter gpt_model_path is mandatory: the engine directory")
    kind = read.text("gpt_model_type", "")
    if kind not in BATCHING_TYPES:
        raise EngineConfigError(
            f"parameter gpt_model_type is {kind!r}; it is mandatory and one of "
            f"{', '.join(BATCHING_TYPES)}"
        )
    policy = read.text("batch_scheduler_policy", "guaranteed_no_evict")
    if policy not in SCHEDULER_POLICIES:
        warn(f"batch_scheduler_policy {policy!r} is unknown; guaranteed_no_evict is used")
        policy = "guaranteed_no_evict"
    decoding = read.text("decoding_mode", "")
    if decoding in OTHER_DECODING:
        raise EngineConfigError(
            f"decoding_mode {decoding} is not supported by the reference engine: use top_k_top_p"
        )
    if decoding not in SUPPORTED_DECODING:
        warn(f"decoding_mode {decoding!r} is unknown; auto is used")
        decoding = ""
    for name in WITHOUT_MEANING:
        if read.given(name):
            warn(f"{name} has no meaning in the reference engine and is not used")
    settings = EngineSettings(
        gpt_model_path=path,
        gpt_model_type=kind,
        tokenizer_dir=read.text("tokenizer_dir", ""),
        max_tokens_in_paged_kv_cache=read.integer("max_tokens_in_paged_kv_cache", None),
        kv_cache_free_gpu_mem_fraction=read.number("kv_cache_free_gpu_mem_fraction", 0.9),
        kv_cache_host_memory_bytes=read.integer("kv_cache_host_memory_bytes", 0) or 0,
        kv_cache_onboard_blocks=read.boolean("kv_cache_onboard_blocks", True),
        enable_kv_cache_reuse=read.boolean("enable_kv_cache_reuse", reuse_by_default),
        batch_scheduler_policy=policy,  # type: ignore[arg-type]
        enable_chunked_context=read.boolean("enable_chunked_context", False),
        max_attention_window_size=read.integer("max_attention_window_size", None),
        sink_token_length=read.integer("sink_token_length", None),
        decoding_mode=decoding,
        max_beam_width=read.integer("max_beam_width", 1) or 0,
        stats_check_period_ms=read.integer("stats_check_period_ms", 100) or 100,
        cancellation_check_period_ms=read.integer("cancellation_check_period_ms", 100) or 100,
        exclude_input_in_output=read.boolean("exclude_input_in_output", False),
        fault=_fault(read.text(FAULT_PARAMETER, "")),
    )
    _check(settings)
    return settings


def _fault(text: str) -> CacheFault | None:
    """`KIND` or `KIND:SHARE`, as `offload` or `offload:0.1`."""
    if not text:
        return None
    kind, _, share = text.partition(":")
    try:
        fault = CacheFault(kind=cast(FaultKind, kind), share=float(share or 1.0))
    except ValueError:
        fault = None
    if fault is None or kind not in get_args(FaultKind) or not 0 < fault.share <= 1:
        raise EngineConfigError(
            f"parameter {FAULT_PARAMETER} is {text!r}: write KIND or KIND:SHARE, a share above 0 "
            f"and up to 1, and a kind of {', '.join(get_args(FaultKind))}"
        )
    return fault


def _check(settings: EngineSettings) -> None:
    tokens, fraction = (
        settings.max_tokens_in_paged_kv_cache,
        settings.kv_cache_free_gpu_mem_fraction,
    )
    rules = [
        (
            tokens is None or tokens > 0,
            f"max_tokens_in_paged_kv_cache must be above 0, not {tokens}",
        ),
        (
            0 < fraction < 1,
            "kv_cache_free_gpu_mem_fraction must lie between 0 and 1, both excluded, "
            f"not {fraction}",
        ),
        (
            settings.kv_cache_host_memory_bytes >= 0,
            "kv_cache_host_memory_bytes must not be negative",
        ),
        (
            settings.max_beam_width == 1,
            "max_beam_width must be 1: the reference engine has no beam search",
        ),
        (
            settings.sink_token_length is None,
            "sink_token_length is not supported by the reference engine: leave it out",
        ),
        (
            settings.max_attention_window_size is None or settings.max_attention_window_size > 0,
            f"max_attention_window_size must be above 0, not {settings.max_attention_window_size}",
        ),
        (settings.stats_check_period_ms > 0, "stats_check_period_ms must be above 0"),
        (settings.cancellation_check_period_ms > 0, "cancellation_check_period_ms must be above 0"),
    ]
    for holds, message in rules:
        if not holds:
            raise EngineConfigError(f"parameter {message}")


class _SettingReader:
    """Typed look-ups in the parameters, with the backend's leniency."""

    def __init__(self, parameters: Mapping[str, str], warn: Warn) -> None:
        self.parameters, self.warn = parameters, warn

    def given(self, name: str) -> bool:
        value = self.parameters.get(name, "").strip()
        return bool(value) and not re.fullmatch(r"\$\{.*\}", value)

    def text(self, name: str, default: str) -> str:
        return self.parameters[name].strip() if self.given(name) else default

    def integer(self, name: str, default: int | None) -> int | None:
        return self._read(name, default, lambda text: int(_prefix(r"[+-]?\d+", text)))

    def number(self, name: str, default: float) -> float:
        return self._read(
            name,
            default,
            lambda text: float(_prefix(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text)),
        )

    def boolean(self, name: str, default: bool) -> bool:
        return self._read(name, default, _boolean)

    def _read(self, name: str, default: T, parse: Callable[[str], T]) -> T:
        if not self.given(name):
            return default
        try:
            return parse(self.parameters[name].strip())
        except ValueError:
            self.warn(
                f"{name} is not specified ({self.parameters[name]!r} cannot be read); "
                f"{default} is used"
            )
            return default


def _prefix(pattern: str, text: str) -> str:
    """The number a text begins with, as C's conversion functions read it."""
    found = re.match(pattern, text)
    if found is None:
        raise ValueError(text)
    return found.group()


def _boolean(text: str) -> bool:
    if text in ("True", "true", "TRUE", "1"):
        return True
    if text in ("False", "false", "FALSE", "0"):
        return False
    raise ValueError(text)


def engine_directory(settings: EngineSettings, model_directory: Path) -> Path:
    """The engine directory; a relative path counts from the model's directory."""
    path = Path(settings.gpt_model_path)
    return path if path.is_absolute() else model_directory / path
