"""Triton's tensors in and out: what a request carries, and what a response says."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils

from .answer import COUNTERS, TIMES, Answer
from .contract import EXCLUDES_PROMPT, KEEP_INPUT, SAMPLING, InnerContract
from .end_tokens import EndTokens
from .plan import parse_retention
from .prompt import Arrival, Prompt, RequestError
from .reuse_times import UNMATCHED
from .tokenizer import Tokenizer
from .words import word_list

LONGEST_ID = 128
"""Characters of a request's id that a record holds."""


def read_arrival(request: Any) -> Arrival:
    """The prompt a request carries. Raises `RequestError`, or `ValueError` for what is no text or
    JSON."""
    token_ids = _array(request, "input_ids")
    retention = texts(request, "charter_retention")
    run = next(iter(texts(request, "charter_run")), "")
    arrival = Arrival(
        text=next(iter(texts(request, "text_input")), None),
        segments=texts(request, "segments"),
        positions=_integers(request, "segment_positions"),
        known_ids=_known_ids(
            _integers(request, "segment_token_counts"), _integers(request, "segment_token_ids")
        ),
        token_ids=token_ids,
        node=next(iter(texts(request, "charter_node")), ""),
        retention=parse_retention(json.loads(retention[0]), "charter_retention")
        if retention
        else None,
        session=next(filter(None, (*texts(request, "charter_session"), run)), ""),
        ends_session=flag(request, "charter_session_ends"),
        agent=next(iter(texts(request, "charter_agent")), ""),
        run=run,
        source=next(iter(texts(request, "charter_source")), ""),
        request_id=request.request_id()[:LONGEST_ID],
        max_tokens=next(iter(_integers(request, "max_tokens")), 0),
    )
    if arrival.text is None and not arrival.segments and token_ids is None:
        raise RequestError("send one of text_input, segments, input_ids")
    return arrival


def sampling_arrays(
    request: Any, contract: InnerContract, tokenizer: Tokenizer | None
) -> dict[str, Any]:
    """What the request says on sampling, under the inner model's names, and what ends its text: as
    it says, else as the model's settings do. Raises `RequestError` for what the inner model
    lacks."""
    arrays: dict[str, Any] = {}
    for name, inner_names in SAMPLING.items():
        array = _array(request, name)
        if array is not None:
            inner = next((inner for inner in inner_names if inner in contract.inputs), None)
            if inner is None:
                raise RequestError(f"the inner model takes no {name}")
            arrays[inner] = array
    ends = EndTokens() if tokenizer is None or "end_id" in arrays else tokenizer.ends
    for name, token in (("end_id", ends.end_id), ("pad_id", ends.pad_id)):
        if token is not None:
            arrays.setdefault(name, np.array([token], np.int32))
    words = [*_stop_words(request, tokenizer), *([token] for token in ends.others)]
    if words:
        arrays["stop_words_list"] = np.array(word_list(words), np.int32)
    return arrays


def _stop_words(request: Any, tokenizer: Tokenizer | None) -> list[list[int]]:
    """The tokens of each word that the request names."""
    stop_words = texts(request, "stop_words")
    if stop_words and tokenizer is None:
        raise RequestError("stop_words need a tokenizer: set the parameter tokenizer_dir")
    return [tokenizer.encode(word, begins_prompt=False)[0] for word in stop_words if tokenizer]


def prompt_arrays(request: Any, prompt: Prompt, *, stream: bool) -> dict[str, Any]:
    """The prompt, its length limit and its retention, under the inner model's names; old and new
    flags for counters."""
    ids = np.asarray(prompt.token_ids, np.int32)
    return {
        "input_ids": ids,
        "input_lengths": np.array([ids.size], np.int32),
        "request_output_len": _array(request, "max_tokens"),
        EXCLUDES_PROMPT: np.array([True]),
        "return_perf_metrics": np.array([True]),
        "return_kv_cache_reuse_stats": np.array([True]),
        "streaming": np.array([stream]),
        **{name: np.array(values, np.int32) for name, values in prompt.retention.items()},
    }


def refresh_arrays(token_ids: Any, retention: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    """What asks for one token behind tokens that are there already: their blocks get this
    retention."""
    ids = np.asarray(token_ids, np.int32)
    return {
        "return_perf_metrics": np.array([True]),
        "return_kv_cache_reuse_stats": np.array([True]),
        "input_ids": ids,
        "input_lengths": np.array([ids.size], np.int32),
        "request_output_len": np.ones(1, np.int32),
        "streaming": np.array([False]),
        **{name: np.array(values, np.int32) for name, values in retention.items()},
    }


def stop_arrays() -> dict[str, Any]:
    """What makes the inner model give up the request of the same id."""
    one = np.ones(1, np.int32)
    return {
        "input_ids": one,
        "input_lengths": one,
        "request_output_len": one,
        "stop": np.array([True]),
    }


def truncation_arrays(token_ids: Any, keep_tokens: int) -> dict[str, Any]:
    """What makes the inner model forget a sequence behind its first `keep_tokens` tokens."""
    return {
        "input_ids": np.asarray(token_ids, np.int32),
        "input_lengths": np.array([len(token_ids)], np.int32),
        "request_output_len": np.ones(1, np.int32),
        KEEP_INPUT: np.array([keep_tokens], np.int32),
    }


def inner_tensors(arrays: Mapping[str, Any], contract: InnerContract) -> list[Any]:
    """Those arrays that the inner model takes, in the shape it takes them."""
    return [
        pb_utils.Tensor(name, array[None] if contract.batched else array)
        for name, array in arrays.items()
        if name in contract.inputs
    ]


def answer_tensors(answer: Answer, text: str, node: str, revision: int) -> list[Any]:
    """Our outputs; those that the engine gives no number for are left out."""
    numbers = {
        "charter_revision": revision,
        "num_input_tokens": answer.prompt_tokens,
        "num_output_tokens": len(answer.output_ids),
        "kv_cache_reused_tokens": answer.reused_tokens,
        "kv_cache_missed_blocks": answer.missed_blocks,
        **{name: answer.numbers.get(name) for name in COUNTERS},
    }
    return [
        text_tensor("text_output", text),
        text_tensor("charter_node", "" if node == UNMATCHED else node),
        pb_utils.Tensor("output_ids", answer.ids),
        *_number_tensors(numbers, np.int32),
        *_number_tensors({name: answer.numbers.get(name) for name in TIMES}, np.int64),
    ]


def tap_tensor(parts: Sequence[bytes]) -> Any:
    """What a reader of the tap gets."""
    return pb_utils.Tensor("charter_tap", np.array(parts, dtype=object))


def text_tensor(name: str, text: str) -> Any:
    return pb_utils.Tensor(name, np.array([text.encode()], dtype=object))


def texts(request: Any, name: str, errors: str = "strict") -> tuple[str, ...]:
    """An input of strings; empty where it was not sent."""
    array = _array(request, name)
    return () if array is None else tuple(item.decode(errors=errors) for item in array)


def flag(request: Any, name: str) -> bool:
    """An optional boolean input; False where it was not sent."""
    array = _array(request, name)
    return array is not None and bool(array[0])


def _array(request: Any, name: str) -> Any:
    tensor = pb_utils.get_input_tensor_by_name(request, name)
    return None if tensor is None else tensor.as_numpy().reshape(-1)


def _integers(request: Any, name: str) -> tuple[int, ...]:
    array = _array(request, name)
    return () if array is None else tuple(array.tolist())


def _known_ids(counts: Sequence[int], token_ids: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    if sum(counts) != len(token_ids) or min(counts, default=0) < 0:
        raise RequestError(
            f"segment_token_counts add up to {sum(counts)}, and {len(token_ids)} ids were sent"
        )
    found, start = [], 0
    for count in counts:
        found.append(tuple(token_ids[start : start + count]))
        start += count
    return tuple(found)


def _number_tensors(numbers: Mapping[str, int | None], kind: Any) -> list[Any]:
    return [
        pb_utils.Tensor(name, np.array([value], kind))
        for name, value in numbers.items()
        if value is not None
    ]
