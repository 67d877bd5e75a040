"""From the engine's progress to the tensors of a Triton response."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from charter_engine.embedded.engine.contract import OUTPUTS, Version
from charter_engine.embedded.engine.decode import DecodedRequest
from charter_engine.embedded.engine.requests import GenerationRequest, RequestProgress

_DTYPES = {"INT32": np.int32, "INT64": np.int64, "FP32": np.float32}


def encode_progress(
    decoded: DecodedRequest,
    row: int,
    progress: RequestProgress,
    version: Version,
    exclude_input: bool,
) -> dict[str, NDArray[Any]]:
    """The outputs one response carries, by name, with a leading batch dimension of 1.

    Without streaming `output_ids` begins with the prompt unless it is excluded; with streaming it
    holds what is new. KV counters and times come only when asked for, as in TensorRT-LLM's backend.
    """
    request = decoded.rows[row]
    tokens = progress.tokens
    if not request.streaming and not exclude_input:
        tokens = request.prompt + tokens
    values: dict[str, NDArray[Any]] = {
        "output_ids": np.array([[tokens]]).reshape(1, 1, len(tokens)),
        "sequence_length": np.array([[len(tokens)]]),
        "batch_index": np.array([[row]]),
        "sequence_index": np.array([[0]]),
        **_scores(request, progress),
    }
    if decoded.return_perf_metrics:
        counters, times = progress.counters, progress.times
        numbers = {
            "kv_cache_alloc_new_blocks": counters.allocated_new,
            "kv_cache_reused_blocks": counters.reused,
            "kv_cache_alloc_total_blocks": counters.allocated_total,
            "kv_cache_reused_tokens": counters.reused_tokens,
            "arrival_time_ns": times.arrival,
            "first_scheduled_time_ns": times.first_scheduled,
            "first_token_time_ns": times.first_token,
            "last_token_time_ns": times.last_token,
            "acceptance_rate": 0.0,
            "total_accepted_draft_tokens": 0,
            "total_draft_tokens": 0,
        }
        values.update({name: np.array([[number]]) for name, number in numbers.items()})
    if decoded.return_num_input_tokens:
        values["num_input_tokens"] = np.array([[len(request.prompt)]])
    if decoded.return_num_output_tokens:
        values["num_output_tokens"] = np.array([[progress.total_tokens]])
    return {
        tensor.name: values[tensor.name].astype(_DTYPES[tensor.dtype])
        for tensor in OUTPUTS
        if tensor.name in values and tensor.belongs_to(version)
    }


def _scores(request: GenerationRequest, progress: RequestProgress) -> dict[str, NDArray[Any]]:
    values: dict[str, NDArray[Any]] = {}
    if request.return_log_probs:
        values["output_log_probs"] = np.array(progress.log_probs).reshape(1, 1, -1)
        values["cum_log_probs"] = np.array([[sum(progress.log_probs)]])
    if request.return_logits and progress.logits:
        values["generation_logits"] = np.stack(progress.logits)[None, None]
    return values
