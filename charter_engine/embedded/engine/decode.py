"""From the tensors of a Triton request to generation requests."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from charter_engine.embedded.engine.contract import KEEP_INPUT
from charter_engine.embedded.engine.errors import InvalidRequest
from charter_engine.embedded.engine.requests import GenerationRequest, TokenSampling, Truncation
from charter_engine.kvcache import InvalidRetention, Retention, TokenRange

NEUTRAL: dict[str, float] = {
    "num_return_sequences": 1,
    "beam_width": 1,
    "len_penalty": 1.0,
    "early_stopping": 0,
    "beam_search_diversity_rate": 0.0,
    "runtime_top_p_decay": 1.0,
    "return_context_logits": 0,
}
"""Inputs the reference engine accepts only with the value that asks for nothing."""

UNSUPPORTED = (
    "draft_input_ids",
    "draft_logits",
    "draft_acceptance_threshold",
    "decoder_input_ids",
    "decoder_input_lengths",
    "runtime_top_p_min",
    "runtime_top_p_reset_ids",
    "prompt_embedding_table",
    "prompt_vocab_size",
    "lora_task_id",
    "lora_weights",
    "lora_config",
    "context_phase_params",
    "guided_decoding_guide_type",
    "guided_decoding_guide",
    "lookahead_window_size",
    "lookahead_ngram_size",
    "lookahead_verification_set_size",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodedRequest:
    """One Triton request: its rows to generate, a wish to stop the request of the same id, or
    sequences to forget."""

    rows: tuple[GenerationRequest, ...] = ()
    truncations: tuple[Truncation, ...] = ()
    stop: bool = False
    pad_id: int | None = None
    exclude_input: bool | None = None
    return_perf_metrics: bool = False
    return_num_input_tokens: bool = False
    return_num_output_tokens: bool = False


class EngineInputs:
    """The tensors of one row of a request's batch."""

    def __init__(self, tensors: Mapping[str, NDArray[Any]], row: int) -> None:
        self.tensors, self.row = tensors, row

    def vector(self, name: str) -> NDArray[Any] | None:
        tensor = self.tensors.get(name)
        return None if tensor is None else tensor[self.row]

    def number(self, name: str, default: float) -> float:
        value = self.scalar(name)
        return default if value is None else float(value)

    def integer(self, name: str, default: int) -> int:
        value = self.scalar(name)
        return default if value is None else int(value)

    def flag(self, name: str) -> bool:
        return bool(self.scalar(name))

    def scalar(self, name: str) -> Any:
        """The input's only value, or None where the request does not have the input."""
        values = self.vector(name)
        if values is None:
            return None
        if values.size != 1:
            raise InvalidRequest(f"input {name} must hold one value, not {values.size}")
        return values.reshape(-1)[0]


def decode_request(tensors: Mapping[str, NDArray[Any]], request_id: str) -> DecodedRequest:
    """The request that the tensors hold; nothing in them is ignored. As in TensorRT-LLM, a text
    whose request names no `end_id` is as long as it may be.

    Raises `InvalidRequest` for anything missing, contradictory or not supported.
    """
    first = EngineInputs(tensors, 0)
    if first.flag("stop"):
        return DecodedRequest(stop=True)
    for name in ("input_ids", "input_lengths", "request_output_len"):
        if name not in tensors:
            raise InvalidRequest(f"input {name} is missing")
    rows = len(tensors["input_ids"])
    for name, tensor in tensors.items():
        if len(tensor) != rows:
            raise InvalidRequest(f"input {name} has {len(tensor)} rows and input_ids {rows}")
    if KEEP_INPUT in tensors:
        inputs = [EngineInputs(tensors, row) for row in range(rows)]
        return DecodedRequest(truncations=tuple(_truncation(row) for row in inputs))
    for row in range(rows):
        _refuse_unsupported(EngineInputs(tensors, row))
    return DecodedRequest(
        rows=tuple(_row(EngineInputs(tensors, row), f"{request_id}#{row}") for row in range(rows)),
        pad_id=first.integer("pad_id", -1) if "pad_id" in tensors else None,
        exclude_input=first.flag("exclude_input_in_output")
        if "exclude_input_in_output" in tensors
        else None,
        return_perf_metrics=first.flag("return_perf_metrics")
        or first.flag("return_kv_cache_reuse_stats"),
        return_num_input_tokens=first.flag("return_num_input_tokens"),
        return_num_output_tokens=first.flag("return_num_output_tokens"),
    )


def _refuse_unsupported(inputs: EngineInputs) -> None:
    for name in UNSUPPORTED:
        if inputs.vector(name) is not None:
            raise InvalidRequest(
                f"input {name} is not supported by the reference engine: leave it out"
            )
    for name, neutral in NEUTRAL.items():
        value = inputs.number(name, neutral)
        if value != neutral:
            raise InvalidRequest(
                f"input {name} is {value:g}, and the reference engine supports only {neutral:g}: "
                "leave it out"
            )


def _truncation(inputs: EngineInputs) -> Truncation:
    keep_tokens = inputs.integer(KEEP_INPUT, 0)
    if keep_tokens < 0:
        raise InvalidRequest(f"{KEEP_INPUT} is {keep_tokens}: give a number from 0")
    return Truncation(_tokens(inputs), keep_tokens)


def _tokens(inputs: EngineInputs) -> tuple[int, ...]:
    ids = inputs.vector("input_ids")
    length = inputs.integer("input_lengths", 0)
    assert ids is not None
    if not 0 < length <= ids.size:
        raise InvalidRequest(f"input_lengths is {length}, and input_ids holds {ids.size} tokens")
    return tuple(ids.reshape(-1)[:length].tolist())


def _row(inputs: EngineInputs, request_id: str) -> GenerationRequest:
    prompt = _tokens(inputs)
    extra_ids = inputs.vector("prompt_table_extra_ids")
    return GenerationRequest(
        request_id=request_id,
        prompt=prompt,
        max_tokens=inputs.integer("request_output_len", 0),
        sampling=_sampling(inputs),
        retention=_retention(inputs),
        # TensorRT-LLM uses them only where there is one for each prompt token.
        extra_ids=tuple(extra_ids.tolist())
        if extra_ids is not None and extra_ids.size == len(prompt)
        else None,
        streaming=inputs.flag("streaming"),
        return_log_probs=inputs.flag("return_log_probs"),
        return_logits=inputs.flag("return_generation_logits"),
    )


def _sampling(inputs: EngineInputs) -> TokenSampling:
    seed = inputs.scalar("seed")
    if seed is None:
        seed = inputs.scalar("random_seed")
    end_id = inputs.integer("end_id", -1)
    sampling = TokenSampling(
        temperature=inputs.number("temperature", 1.0),
        top_k=inputs.integer("runtime_top_k", 0),
        top_p=inputs.number("runtime_top_p", 0.0),
        seed=None if seed is None else int(seed),
        repetition_penalty=inputs.number("repetition_penalty", 1.0),
        presence_penalty=inputs.number("presence_penalty", 0.0),
        frequency_penalty=inputs.number("frequency_penalty", 0.0),
        min_tokens=max(inputs.integer("min_tokens", 0), inputs.integer("min_length", 0)),
        end_id=None if end_id < 0 else end_id,
        stop_words=_words(inputs, "stop_words_list"),
        bad_words=_words(inputs, "bad_words_list"),
        embedding_bias=inputs.vector("embedding_bias"),
    )
    rules = [
        (sampling.temperature >= 0, "temperature must not be negative"),
        (sampling.top_k >= 0, "runtime_top_k must not be negative"),
        (0 <= sampling.top_p <= 1, "runtime_top_p must lie in 0..1"),
        (sampling.repetition_penalty > 0, "repetition_penalty must be above 0"),
        (sampling.min_tokens >= 0, "min_tokens must not be negative"),
    ]
    for holds, message in rules:
        if not holds:
            raise InvalidRequest(message)
    return sampling


def _words(inputs: EngineInputs, name: str) -> tuple[tuple[int, ...], ...]:
    """Token sequences from TensorRT-LLM's two rows.

    The first holds all tokens, the second where each word ends (-1 pads).
    """
    packed = inputs.vector(name)
    if packed is None:
        return ()
    if packed.ndim != 2 or packed.shape[0] != 2:
        raise InvalidRequest(
            f"input {name} must have two rows, tokens and ends, not the shape {packed.shape}"
        )
    tokens, ends = packed.tolist()
    words, begin = [], 0
    for end in ends:
        if end < 0:
            break
        if not begin < end <= len(tokens):
            raise InvalidRequest(
                f"input {name}: word ends must rise and stay within {len(tokens)} tokens, got {end}"
            )
        words.append(tuple(tokens[begin:end]))
        begin = end
    return tuple(words)


def _retention(inputs: EngineInputs) -> Retention | None:
    """The retention that the inputs ask for, by the rules of tensorrtllm_backend src/utils.cc.

    Without range starts nothing happens; decode values alone are ignored.
    """
    starts = inputs.vector("retention_token_range_starts")
    if starts is None:
        return None
    columns = {}
    for field, name in (
        ("ends", "ends"),
        ("priorities", "priorities"),
        ("durations_ms", "durations_ms"),
    ):
        values = inputs.vector(f"retention_token_range_{name}")
        if values is None and field == "durations_ms":
            values = starts * 0 - 1
        if values is None or values.size != starts.size:
            raise InvalidRequest(
                f"retention_token_range_{name} must be provided, and have the same length as "
                "retention_token_range_starts"
            )
        columns[field] = values.tolist()
    decode_duration = inputs.integer("retention_decode_duration_ms", -1)
    try:
        return Retention(
            ranges=tuple(
                TokenRange(
                    start,
                    None if end == -1 else end,
                    priority,
                    None if duration == -1 else duration,
                )
                for start, end, priority, duration in zip(
                    starts.tolist(),
                    columns["ends"],
                    columns["priorities"],
                    columns["durations_ms"],
                    strict=True,
                )
            ),
            decode_priority=inputs.integer("retention_decode_priority", 35),
            decode_duration_ms=None if decode_duration == -1 else decode_duration,
        )
    except InvalidRetention as error:
        raise InvalidRequest(str(error)) from error
