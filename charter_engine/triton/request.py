"""A request to generate and its result, and how each kind of model takes and gives them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from charter_engine.bls.answer import derived_reuse, without_prompt
from charter_engine.bls.contract import EXCLUDES_PROMPT, KEEP_INPUT, SAMPLING
from charter_engine.bls.retention import Retention, SegmentRetention, retention_inputs

BLS_MODEL = "charter_bls"
ENGINE_MODEL = "tensorrt_llm"
Arrays = dict[str, NDArray[Any]]


class PromptPart(Struct, frozen=True):
    """A run of a prompt as it is sent. `segment` is its planned position; `token_ids` its tokens,
    where known."""

    text: str
    segment: int = 0
    token_ids: tuple[int, ...] = ()


class Sampling(Struct, frozen=True, kw_only=True):
    """How tokens are chosen. None leaves a value to the deployment."""

    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    repetition_penalty: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    min_tokens: int | None = None
    seed: int | None = None
    end_id: int | None = None
    pad_id: int | None = None
    stop_words: tuple[str, ...] = ()


class GenerateRequest(Struct, frozen=True, kw_only=True):
    """One prompt to complete: `parts`, `text` or `token_ids`.

    `node` None lets `charter_bls` find the node by the prompt. `retention` overrides the plan for
    this request: by segments for `charter_bls`, by tokens for a direct call of the engine.
    `source` tells who sends it where that is no run of Charter's own: `gateway` or `program`.
    `session` names the conversation or run whose requests follow each other; without it, `run`
    does. With `ends_session` this is its last request. `headers` go with it as gRPC metadata, such
    as a trace's.
    """

    max_tokens: int
    parts: tuple[PromptPart, ...] = ()
    text: str | None = None
    token_ids: tuple[int, ...] = ()
    node: str | None = None
    agent: str = ""
    run: str = ""
    source: str = ""
    session: str = ""
    ends_session: bool = False
    cache_group: str = ""
    request_id: str = ""
    headers: dict[str, str] = {}
    retention: SegmentRetention | Retention | None = None
    sampling: Sampling = Sampling()
    log_probs: bool = False


class Generated(Struct, frozen=True, kw_only=True):
    """What came back. Counters and times are the server's own, None where it gives none; times in
    milliseconds.

    `log_probs` are those of the answer's tokens, where asked of the engine. `reused_tokens` is
    exact where the engine counts tokens, else an upper bound from its reused blocks. `latency_ms`
    is the client's own measurement.
    """

    text: str
    output_ids: tuple[int, ...] = ()
    log_probs: tuple[float, ...] = ()
    node: str = ""
    revision: int | None = None
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    reused_tokens: int | None = None
    reused_blocks: int | None = None
    missed_blocks: int | None = None
    alloc_new_blocks: int | None = None
    alloc_total_blocks: int | None = None
    queue_ms: float | None = None
    ttft_ms: float | None = None
    decode_ms: float | None = None
    latency_ms: float = 0.0


@dataclass(frozen=True)
class Contract:
    """A model's inputs and outputs by name and Triton data type. `batched`: with a leading batch
    dimension."""

    model: str
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    batched: bool = False
    decoupled: bool = False


SOURCE = "charter_source"
"""An input that a `charter_bls` of an older Charter does not have."""


def bls_inputs(request: GenerateRequest, stream: bool = False) -> Arrays:
    """The request as `charter_bls` takes it."""
    arrays: Arrays = {"max_tokens": _int32([request.max_tokens])}
    if request.parts:
        arrays["segments"] = _strings([part.text for part in request.parts])
        arrays["segment_positions"] = _int32([part.segment for part in request.parts])
        if any(part.token_ids for part in request.parts):
            arrays["segment_token_counts"] = _int32([len(part.token_ids) for part in request.parts])
            arrays["segment_token_ids"] = _int32(
                [token for part in request.parts for token in part.token_ids]
            )
    elif request.token_ids:
        arrays["input_ids"] = _int32(request.token_ids)
    else:
        arrays["text_input"] = _strings([request.text or ""])
    labels = {
        "charter_node": request.node,
        "charter_agent": request.agent,
        "charter_run": request.run,
        SOURCE: request.source,
        "charter_session": request.session,
        "charter_cache_group": request.cache_group,
    }
    arrays |= {name: _strings([value]) for name, value in labels.items() if value}
    if request.retention is not None:
        arrays["charter_retention"] = _strings([json.dumps(msgspec.to_builtins(request.retention))])
    if request.ends_session:
        arrays["charter_session_ends"] = np.array([True])
    if stream:
        arrays["stream"] = np.array([True])
    return arrays | _sampling(request.sampling, {})


def engine_inputs(request: GenerateRequest, contract: Contract) -> Arrays:
    """The request as the engine's own model takes it: token ids, and retention by tokens where it
    has the inputs."""
    ids = _int32(request.token_ids)
    arrays: Arrays = {
        "input_ids": ids,
        "input_lengths": _int32([ids.size]),
        "request_output_len": _int32([request.max_tokens]),
        EXCLUDES_PROMPT: np.array([True]),
        "return_perf_metrics": np.array([True]),
        "return_kv_cache_reuse_stats": np.array([True]),
    }
    if request.log_probs:
        arrays["return_log_probs"] = np.array([True])
    if isinstance(request.retention, Retention):
        inputs = retention_inputs(request.retention, ids.size)
        arrays |= {name: _int32(values) for name, values in inputs.items()}
    names = {
        ours: next((name for name in candidates if name in contract.inputs), ours)
        for ours, candidates in SAMPLING.items()
    }
    arrays |= _sampling(request.sampling, names)
    fitting = {name: array for name, array in arrays.items() if name in contract.inputs}
    return {name: array[None] for name, array in fitting.items()} if contract.batched else fitting


def truncation_inputs(token_ids: Sequence[int], keep_tokens: int, contract: Contract) -> Arrays:
    """What makes an engine that can be told so forget a sequence behind its first `keep_tokens`
    tokens."""
    arrays: Arrays = {
        "input_ids": _int32(token_ids),
        "input_lengths": _int32([len(token_ids)]),
        "request_output_len": _int32([1]),
        KEEP_INPUT: _int32([keep_tokens]),
    }
    return {name: array[None] for name, array in arrays.items()} if contract.batched else arrays


def llmapi_inputs(request: GenerateRequest) -> Arrays:
    """The request as the LLM API's model takes it: text only, no retention."""
    text = "".join(part.text for part in request.parts) or request.text or ""
    arrays: Arrays = {
        "text_input": _strings([text]),
        "sampling_param_max_tokens": _int32([request.max_tokens]),
        "sampling_param_return_perf_metrics": np.array([True]),
        "sampling_param_exclude_input_from_output": np.array([True]),
    }
    stop = request.sampling.stop_words
    plain = _sampling(msgspec.structs.replace(request.sampling, stop_words=()), {})
    arrays |= {f"sampling_param_{name}": array for name, array in plain.items()}
    return arrays | ({"sampling_param_stop": _strings(stop)} if stop else {})


def echoed_prompt(request: GenerateRequest, contract: Contract) -> tuple[int, ...]:
    """The prompt, where the model may repeat it before what it generates, and cannot be asked not
    to."""
    return () if EXCLUDES_PROMPT in contract.inputs else request.token_ids


def read_generated(
    arrays: Mapping[str, NDArray[Any]],
    prompt_tokens: int | None,
    latency_ms: float,
    echoed: Sequence[int] = (),
) -> Generated:
    """Read any model's outputs, behind the prompt that is `echoed`. The LLM API's model sends its
    numbers as text, so all are read leniently."""
    first = arrays.get("first_token_time_ns")
    output_ids = tuple(without_prompt(_output_ids(arrays), echoed))
    text = arrays.get("text_output")
    return Generated(
        text="" if text is None else _text(text),
        output_ids=output_ids,
        log_probs=tuple(arrays["output_log_probs"].reshape(-1)[: len(output_ids)].tolist())
        if "output_log_probs" in arrays
        else (),
        node=_text(arrays["charter_node"]) if "charter_node" in arrays else "",
        revision=_whole(arrays, "charter_revision"),
        prompt_tokens=_whole(arrays, "num_input_tokens", default=prompt_tokens),
        output_tokens=_whole(arrays, "num_output_tokens", default=len(output_ids) or None),
        reused_tokens=_whole(arrays, "kv_cache_reused_tokens"),
        reused_blocks=_whole(arrays, "kv_cache_reused_blocks", "kv_cache_reused_block"),
        missed_blocks=_whole(arrays, "kv_cache_missed_blocks", "kv_cache_missed_block"),
        alloc_new_blocks=_whole(arrays, "kv_cache_alloc_new_blocks"),
        alloc_total_blocks=_whole(arrays, "kv_cache_alloc_total_blocks"),
        queue_ms=_elapsed(arrays, "arrival_time_ns", "first_scheduled_time_ns"),
        ttft_ms=_elapsed(arrays, "arrival_time_ns", "first_token_time_ns")
        if first is not None
        else None,
        decode_ms=_elapsed(arrays, "first_token_time_ns", "last_token_time_ns"),
        latency_ms=latency_ms,
    )


def with_derived_reuse(generated: Generated, tokens_per_block: int | None) -> Generated:
    """The same with what can be derived of its reuse, where the server counts blocks only."""
    if (
        generated.reused_blocks is None
        or generated.prompt_tokens is None
        or not tokens_per_block
        or (generated.reused_tokens is not None and generated.missed_blocks is not None)
    ):
        return generated
    tokens, missed = derived_reuse(
        generated.reused_blocks, generated.prompt_tokens, tokens_per_block
    )
    return msgspec.structs.replace(
        generated,
        reused_tokens=tokens if generated.reused_tokens is None else generated.reused_tokens,
        missed_blocks=missed if generated.missed_blocks is None else generated.missed_blocks,
    )


def _sampling(sampling: Sampling, names: Mapping[str, str | None]) -> Arrays:
    kinds: dict[str, Any] = {
        "temperature": np.float32,
        "top_p": np.float32,
        "repetition_penalty": np.float32,
        "presence_penalty": np.float32,
        "frequency_penalty": np.float32,
        "seed": np.uint64,
    }
    arrays: Arrays = {}
    for field in Sampling.__struct_fields__:
        value = getattr(sampling, field)
        if value is not None and field != "stop_words":
            arrays[names.get(field) or field] = np.array([value], kinds.get(field, np.int32))
    if sampling.stop_words:
        arrays["stop_words"] = _strings(sampling.stop_words)
    return arrays


def _output_ids(arrays: Mapping[str, NDArray[Any]]) -> tuple[int, ...]:
    if "output_ids" not in arrays:
        return ()
    ids = arrays["output_ids"].reshape(-1)
    if "sequence_length" in arrays:
        ids = ids[: int(arrays["sequence_length"].reshape(-1)[0])]
    return tuple(ids.tolist())


def _whole(
    arrays: Mapping[str, NDArray[Any]], *names: str, default: int | None = None
) -> int | None:
    for name in names:
        if name in arrays and arrays[name].size:
            value = arrays[name].reshape(-1)[0]
            return int(float(value.decode() if isinstance(value, bytes) else value))
    return default


def _elapsed(arrays: Mapping[str, NDArray[Any]], start: str, end: str) -> float | None:
    first, last = _whole(arrays, start), _whole(arrays, end)
    return None if first is None or last is None else (last - first) / 1e6


def _text(array: NDArray[Any]) -> str:
    value = array.reshape(-1)[0] if array.size else b""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _int32(values: Sequence[int]) -> NDArray[Any]:
    return np.array(values, np.int32)


def _strings(values: Sequence[str]) -> NDArray[Any]:
    return np.array([value.encode() for value in values], dtype=np.object_)
