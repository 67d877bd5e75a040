"""A real Triton with given models, and plain calls to it."""

import asyncio
import urllib.request
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tritonclient.grpc.aio as grpc
from tritonclient.utils import np_to_triton_dtype

from charter_engine.embedded.build import build_engine
from charter_engine.embedded.engine.blas import blas_environment
from charter_engine.embedded.engine.spec import EngineSpec
from charter_engine.embedded.server import EmbeddedTriton

Outputs = dict[str, Any]


@dataclass
class Serving:
    """`client` is tritonclient's; `call` sends one request and returns its outputs as lists."""

    server: EmbeddedTriton
    client: Any

    async def call(self, model: str, request_id: str = "", **tensors: Any) -> Outputs:
        result = await self.client.infer(model, inputs_of(tensors), request_id=request_id)
        return outputs_of(result)

    async def stream(self, model: str, request_id: str = "", **tensors: Any) -> list[Outputs]:
        """All responses of one request to a decoupled model."""

        async def one() -> AsyncIterator[Mapping[str, Any]]:
            yield {
                "model_name": model,
                "inputs": inputs_of(tensors),
                "request_id": request_id,
                "enable_empty_final_response": True,
            }

        answers = []
        async for result, error in self.client.stream_infer(one()):
            if error is not None:
                raise error
            answers.append(outputs_of(result))
            if result.get_response().parameters["triton_final_response"].bool_param:
                break
        return answers

    async def metrics(self) -> dict[str, float]:
        """The metrics page, `family{labels}` → value."""
        page = await asyncio.to_thread(
            lambda: urllib.request.urlopen(self.server.state.metrics_url).read().decode()
        )
        lines = (line.rpartition(" ") for line in page.splitlines() if line and line[0] != "#")
        return {name: float(value) for name, _, value in lines}

    async def settled(self) -> dict[str, float]:
        """The metrics page once nothing is on its way to it any more."""
        before = await self.metrics()
        while True:
            await asyncio.sleep(0.2)
            if (page := await self.metrics()) == before:
                return page
            before = page

    def gauge(self, page: Mapping[str, float], family: str, label: str) -> float:
        (found,) = (
            value
            for name, value in page.items()
            if name.startswith(family) and f'"{label}"' in name
        )
        return found


@asynccontextmanager
async def serving(
    directory: Path, files: Mapping[str, bytes], *models: str
) -> AsyncIterator[Serving]:
    for name, content in files.items():
        path = directory / "models" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    async with EmbeddedTriton(
        directory / "models", models, environment=blas_environment()
    ) as server:
        client = grpc.InferenceServerClient(server.state.grpc_url)
        try:
            yield Serving(server, client)
        finally:
            await client.close()


def engine_directory(directory: Path, tokens_per_block: int = 32) -> Path:
    return build_engine(directory / "engine", EngineSpec().with_tokens_per_block(tokens_per_block))


def prompt(ids: list[int], max_tokens: int = 4) -> dict[str, Any]:
    """The required inputs of the engine model for one prompt."""
    return {
        "input_ids": np.array([ids], np.int32),
        "input_lengths": np.array([[len(ids)]], np.int32),
        "request_output_len": np.array([[max_tokens]], np.int32),
    }


YES = np.array([[True]])


def inputs_of(tensors: Mapping[str, Any]) -> list[Any]:
    made = []
    for name, value in tensors.items():
        tensor = grpc.InferInput(name, list(value.shape), np_to_triton_dtype(value.dtype))
        tensor.set_data_from_numpy(value)
        made.append(tensor)
    return made


def outputs_of(result: Any) -> Outputs:
    return {
        output.name: result.as_numpy(output.name).tolist()
        for output in result.get_response().outputs
    }
