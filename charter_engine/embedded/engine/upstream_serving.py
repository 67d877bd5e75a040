"""The stock models in Triton's stub processes."""

import json
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils
from numpy.typing import NDArray

from charter_engine.bls.end_tokens import read_end_tokens
from charter_engine.embedded.engine.serving import response_of
from charter_engine.embedded.engine.tokenizer import engine_tokenizer
from charter_engine.embedded.engine.upstream import PASSED_ON, TEXT_OUTPUTS, words_list

ENGINE_MODEL = "tensorrt_llm"


class StockModel(ABC):
    """A model of the stock pipeline: its tokenizer, and one answer to one request."""

    def initialize(self, args: dict[str, str]) -> None:
        config = json.loads(args["model_config"])
        path = Path(config["parameters"]["tokenizer_dir"]["string_value"])
        self.tokenizer = engine_tokenizer(path)
        self.ends = read_end_tokens(path, self.tokenizer.token_to_id)

    @abstractmethod
    def answer(self, request: Any) -> Any:
        """The response to one request."""

    def end_arrays(self, request: Any, end: str, pad: str) -> dict[str, NDArray[Any]]:
        """`end_id` and `pad_id`: those of the request's inputs of these names, else the
        tokenizer's, else none, which is -1."""
        return {
            "end_id": _asked(request, end, self.ends.end_id),
            "pad_id": _asked(request, pad, self.ends.pad_id),
        }

    def execute(self, requests: list[Any]) -> list[Any]:
        return [self._answered(request) for request in requests]

    def _answered(self, request: Any) -> Any:
        try:
            return self.answer(request)
        except Exception as error:  # one bad request must not end the others
            return pb_utils.InferenceResponse(
                error=pb_utils.TritonError(f"the request cannot be read: {error!r}")
            )


class Preprocessing(StockModel):
    def answer(self, request: Any) -> Any:
        (prompt,) = _texts(request, "QUERY")
        length = pb_utils.get_input_tensor_by_name(request, "REQUEST_OUTPUT_LEN").as_numpy()
        ids = self.tokenizer.encode(prompt).ids
        ends = self.end_arrays(request, "END_ID", "PAD_ID")
        return response_of(
            {
                "INPUT_ID": np.array([ids], np.int32),
                "REQUEST_INPUT_LEN": np.array([[len(ids)]], np.int32),
                "REQUEST_OUTPUT_LEN": length,
                "BAD_WORDS_IDS": words_list(_texts(request, "BAD_WORDS_DICT"), self.tokenizer),
                "STOP_WORDS_IDS": words_list(_texts(request, "STOP_WORDS_DICT"), self.tokenizer),
                **{f"OUT_{name.upper()}": array for name, array in ends.items()},
            }
        )


class Postprocessing(StockModel):
    def answer(self, request: Any) -> Any:
        tokens = pb_utils.get_input_tensor_by_name(request, "TOKENS_BATCH").as_numpy()
        lengths = pb_utils.get_input_tensor_by_name(request, "SEQUENCE_LENGTH").as_numpy()
        return response_of({"OUTPUT": self._decoded(tokens, lengths)})

    def _decoded(self, tokens: NDArray[Any], lengths: NDArray[Any]) -> NDArray[Any]:
        beams = [row[:length] for row, length in zip(tokens[0], lengths[0], strict=True)]
        texts = [self.tokenizer.decode(beam.tolist(), skip_special_tokens=True) for beam in beams]
        return np.array([[text.encode() for text in texts]], dtype=object)


class StockBls(Postprocessing):
    """`tensorrt_llm_bls`: the whole pipeline in one model."""

    def answer(self, request: Any) -> Any:
        (prompt,) = _texts(request, "text_input")
        ids = self.tokenizer.encode(prompt).ids
        max_tokens = pb_utils.get_input_tensor_by_name(request, "max_tokens").as_numpy()
        tensors = {
            "input_ids": np.array([ids], np.int32),
            "input_lengths": np.array([[len(ids)]], np.int32),
            "request_output_len": max_tokens,
            "bad_words_list": words_list(_texts(request, "bad_words"), self.tokenizer),
            "stop_words_list": words_list(_texts(request, "stop_words"), self.tokenizer),
        }
        for outer, inner in PASSED_ON.items():
            tensor = pb_utils.get_input_tensor_by_name(request, outer)
            if tensor is not None:
                tensors[inner] = tensor.as_numpy()
        tensors |= self.end_arrays(request, "end_id", "pad_id")
        wanted = set(request.requested_output_names())
        passed_back = [tensor.name for tensor in TEXT_OUTPUTS[1:] if tensor.name in wanted]
        response = pb_utils.InferenceRequest(
            model_name=ENGINE_MODEL,
            inputs=[pb_utils.Tensor(name, value) for name, value in tensors.items()],
            requested_output_names=["output_ids", "sequence_length", *passed_back],
        ).exec()
        if response.has_error():
            return pb_utils.InferenceResponse(
                error=pb_utils.TritonError(response.error().message())
            )
        found = {tensor.name(): tensor.as_numpy() for tensor in response.output_tensors()}
        text = self._decoded(found.pop("output_ids"), found.pop("sequence_length"))
        return response_of({"text_output": text, **found})


def _asked(request: Any, name: str, otherwise: int | None) -> NDArray[Any]:
    tensor = pb_utils.get_input_tensor_by_name(request, name)
    if tensor is not None:
        found: NDArray[Any] = tensor.as_numpy()
        return found
    return np.array([[-1 if otherwise is None else otherwise]], np.int32)


def _texts(request: Any, name: str) -> list[str]:
    tensor = pb_utils.get_input_tensor_by_name(request, name)
    return (
        []
        if tensor is None
        else [value.decode("utf-8", "replace") for value in tensor.as_numpy().reshape(-1)]
    )
