"""The llmapi model in Triton's stub process."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils
from numpy.typing import NDArray

from charter_engine.embedded.engine.engine import ReferenceEngine
from charter_engine.embedded.engine.llmapi import (
    INPUTS,
    TextRequest,
    decode_text_request,
    encode_text,
    engine_of,
    read_model_yaml,
)
from charter_engine.embedded.engine.requests import RequestProgress
from charter_engine.embedded.engine.serving import ServedEngine
from charter_engine.embedded.engine.spec import TOKENIZER_FILE
from charter_engine.embedded.engine.tokenizer import engine_tokenizer

CONFIG_VARIABLE = "LLM_CONFIG_PATH"


class LlmapiModel(ServedEngine):
    """Text in, text out, numbers as strings."""

    input_names = tuple(tensor.name for tensor in INPUTS)

    def load(self, args: dict[str, str], config: dict[str, Any]) -> ReferenceEngine:
        del config
        version = Path(args["model_repository"]) / args["model_version"]
        model = read_model_yaml(Path(os.environ.get(CONFIG_VARIABLE) or version / "model.yaml"))
        spec, directory, settings = engine_of(model)
        self.tokenizer = engine_tokenizer(directory / TOKENIZER_FILE)
        return ReferenceEngine(spec, directory, settings, pb_utils.Logger.log_warn)

    def decode(self, tensors: dict[str, NDArray[Any]], key: str) -> TextRequest:
        return decode_text_request(tensors, key, self.tokenizer, self.engine.spec.own_end_id)

    def encode(
        self, decoded: TextRequest, row: int, progress: RequestProgress
    ) -> dict[str, NDArray[Any]]:
        del row
        return encode_text(decoded, progress, self.tokenizer)

    def failure(self, message: str) -> Any:
        error = pb_utils.TritonError(f"Error generating request: {message}")
        text = pb_utils.Tensor("text_output", np.array(["N/A"], dtype=object))
        return pb_utils.InferenceResponse([text], error=error)
