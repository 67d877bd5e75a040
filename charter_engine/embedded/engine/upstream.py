"""The models TensorRT-LLM ships around its engine.

They are `preprocessing`, `postprocessing`, `ensemble` and `tensorrt_llm_bls`.

Source: all_models/inflight_batcher_llm of triton-inference-server/tensorrtllm_backend. They take
text, and none of them ever passes retention on; that is what they are here for.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from charter_engine.embedded.engine.contract import (
    INPUTS,
    MAX_BATCH_SIZE,
    OUTPUTS,
    Tensor,
    declaration,
    profile_version,
)

if TYPE_CHECKING:
    from tokenizers import Tokenizer

STOCK_MODELS = ("preprocessing", "postprocessing", "ensemble", "tensorrt_llm_bls")

PASSED_ON = {
    "end_id": "end_id",
    "pad_id": "pad_id",
    "top_k": "runtime_top_k",
    "top_p": "runtime_top_p",
    "temperature": "temperature",
    "length_penalty": "len_penalty",
    "repetition_penalty": "repetition_penalty",
    "min_length": "min_length",
    "min_tokens": "min_tokens",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "random_seed": "random_seed",
    "seed": "seed",
    "return_log_probs": "return_log_probs",
    "return_context_logits": "return_context_logits",
    "return_generation_logits": "return_generation_logits",
    "num_return_sequences": "num_return_sequences",
    "beam_width": "beam_width",
    "stream": "streaming",
    "prompt_embedding_table": "prompt_embedding_table",
    "prompt_vocab_size": "prompt_vocab_size",
    "return_kv_cache_reuse_stats": "return_kv_cache_reuse_stats",
    "return_perf_metrics": "return_perf_metrics",
}
"""Inputs of the outer models and the engine's names for them; each is passed on as it comes."""

END_INPUTS = ("end_id", "pad_id")
"""Inputs that are the tokenizer's own where a request leaves them out."""

_ENGINE_INPUTS = {tensor.name: tensor for tensor in INPUTS}
TEXT_INPUTS = (
    Tensor("text_input", "STRING", optional=False),
    Tensor("max_tokens", "INT32", optional=False),
    Tensor("bad_words", "STRING", (-1,)),
    Tensor("stop_words", "STRING", (-1,)),
    *(replace(_ENGINE_INPUTS[inner], name=outer) for outer, inner in PASSED_ON.items()),
    Tensor("prompt_table_extra_id", "UINT64"),
)
_NOT_PASSED = ("output_ids", "sequence_length", "context_phase_params", "kv_cache_reused_tokens")
TEXT_OUTPUTS = (
    Tensor("text_output", "STRING", (-1,)),
    *(
        tensor
        for tensor in OUTPUTS
        if tensor.name not in _NOT_PASSED and not tensor.name.startswith("num_")
    ),
)

_PREPROCESSING = (
    Tensor("QUERY", "STRING", optional=False),
    Tensor("REQUEST_OUTPUT_LEN", "INT32", optional=False),
    Tensor("BAD_WORDS_DICT", "STRING", (-1,)),
    Tensor("STOP_WORDS_DICT", "STRING", (-1,)),
    Tensor("END_ID", "INT32"),
    Tensor("PAD_ID", "INT32"),
)
_PREPROCESSED = (
    Tensor("INPUT_ID", "INT32", (-1,)),
    Tensor("REQUEST_INPUT_LEN", "INT32"),
    Tensor("REQUEST_OUTPUT_LEN", "INT32"),
    Tensor("BAD_WORDS_IDS", "INT32", (2, -1)),
    Tensor("STOP_WORDS_IDS", "INT32", (2, -1)),
    Tensor("OUT_END_ID", "INT32"),
    Tensor("OUT_PAD_ID", "INT32"),
)
_POSTPROCESSING = (
    Tensor("TOKENS_BATCH", "INT32", (-1, -1), optional=False),
    Tensor("SEQUENCE_LENGTH", "INT32", (-1,), optional=False),
)
_POSTPROCESSED = (Tensor("OUTPUT", "STRING", (-1,)),)


def stock_config_pbtxt(model: str, tokenizer_dir: str, profile: str) -> str:
    """The `config.pbtxt` of one of `STOCK_MODELS`. Raises KeyError for another name."""
    version = profile_version(profile)
    text = tuple(tensor for tensor in TEXT_INPUTS if tensor.belongs_to(version))
    answer = tuple(tensor for tensor in TEXT_OUTPUTS if tensor.belongs_to(version))
    if model == "ensemble":
        kind, tensors = (
            ['platform: "ensemble"', _steps(text, answer)],
            (_without_extra_id(text), answer),
        )
    else:
        kind = [
            'backend: "python"',
            f'parameters {{ key: "tokenizer_dir" value {{ string_value: "{tokenizer_dir}" }} }}',
        ]
        tensors = {
            "preprocessing": (_PREPROCESSING, _PREPROCESSED),
            "postprocessing": (_POSTPROCESSING, _POSTPROCESSED),
            "tensorrt_llm_bls": (text, answer),
        }[model]
    declared = [
        declaration(side, each)
        for side, group in zip(("input", "output"), tensors, strict=True)
        for each in group
    ]
    return (
        "\n".join([f'name: "{model}"', f"max_batch_size: {MAX_BATCH_SIZE}", *kind, *declared])
        + "\n"
    )


def _without_extra_id(inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Without an image encoder no prompt has the fake token ids an extra id would be for."""
    return tuple(tensor for tensor in inputs if tensor.name != "prompt_table_extra_id")


def _steps(inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> str:
    passed = {
        PASSED_ON[tensor.name]: tensor.name
        for tensor in inputs
        if tensor.name in PASSED_ON and tensor.name not in END_INPUTS
    }
    given_back = {tensor.name: tensor.name for tensor in outputs if tensor.name != "text_output"}
    return "\n".join(
        [
            "ensemble_scheduling { step [",
            _step(
                "preprocessing",
                {
                    "QUERY": "text_input",
                    "REQUEST_OUTPUT_LEN": "max_tokens",
                    "BAD_WORDS_DICT": "bad_words",
                    "STOP_WORDS_DICT": "stop_words",
                    **{name.upper(): name for name in END_INPUTS},
                },
                {tensor.name: f"_{tensor.name}" for tensor in _PREPROCESSED},
            ),
            ",",
            _step(
                "tensorrt_llm",
                {
                    "input_ids": "_INPUT_ID",
                    "input_lengths": "_REQUEST_INPUT_LEN",
                    "request_output_len": "_REQUEST_OUTPUT_LEN",
                    "bad_words_list": "_BAD_WORDS_IDS",
                    "stop_words_list": "_STOP_WORDS_IDS",
                    **{name: f"_OUT_{name.upper()}" for name in END_INPUTS},
                    **passed,
                },
                {
                    "output_ids": "_TOKENS_BATCH",
                    "sequence_length": "_SEQUENCE_LENGTH",
                    **given_back,
                },
            ),
            ",",
            _step(
                "postprocessing",
                {"TOKENS_BATCH": "_TOKENS_BATCH", "SEQUENCE_LENGTH": "_SEQUENCE_LENGTH"},
                {"OUTPUT": "text_output"},
            ),
            "] }",
        ]
    )


def _step(model: str, inputs: Mapping[str, str], outputs: Mapping[str, str]) -> str:
    maps = [
        f'{side}_map {{ key: "{key}" value: "{value}" }}'
        for side, mapping in (("input", inputs), ("output", outputs))
        for key, value in mapping.items()
    ]
    return "\n".join([f'{{ model_name: "{model}" model_version: -1', *maps, "}"])


def words_list(words: Sequence[str], tokenizer: "Tokenizer") -> NDArray[Any]:
    """Words as TensorRT-LLM packs them, of the shape (1, 2, n).

    A row of all their tokens, and a row of where each ends.
    """
    encoded = [tokenizer.encode(word, add_special_tokens=False).ids for word in words if word]
    tokens = [token for each in encoded for token in each] or [0]
    ends = np.cumsum([len(each) for each in encoded], dtype=np.int32).tolist()
    return np.array([[tokens, ends + [-1] * (len(tokens) - len(ends))]], np.int32)
