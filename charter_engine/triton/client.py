"""An async client of one Triton: what it serves, generating with it, and controlling its models."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import grpc
import numpy as np
from numpy.typing import NDArray
from tritonclient.grpc import InferInput
from tritonclient.grpc.aio import InferenceServerClient
from tritonclient.grpc.model_config_pb2 import ModelConfig
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from charter_engine.triton.breaker import CircuitBreaker
from charter_engine.triton.errors import (
    InvalidInput,
    ModelFailed,
    TritonError,
    TritonRefused,
    Unreachable,
)
from charter_engine.triton.model_config import config_json
from charter_engine.triton.request import (
    BLS_MODEL,
    ENGINE_MODEL,
    SOURCE,
    Contract,
    Generated,
    GenerateRequest,
    bls_inputs,
    echoed_prompt,
    engine_inputs,
    llmapi_inputs,
    read_generated,
)

CONTROL_SECONDS = 5.0
"""Assumed: Triton answers about itself in milliseconds, also under load."""
LOAD_SECONDS = 300.0
"""Assumed: an engine of a hundred GB comes from a disk of 1 GB/s in half of it."""
GENERATE_SECONDS = 900.0
"""The deadline of a request without one of its own: longer than any answer takes."""
RESTRICTED_WORDS = "is restricted, expecting header"
NO_CONTROL_WORDS = "explicit model load / unload is not allowed"
OPTIONS = [
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    # A server that comes back is seen at once, not after gRPC's default of up to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    # How long a connection may take to be made, whatever the name says: behind a slow line, or on
    # a busy machine, a server's first frame comes late.
    ("grpc.min_reconnect_backoff_ms", 5000),
]


@dataclass(frozen=True)
class Connection:
    """Where a Triton answers gRPC and how to speak to it. `headers` go with every call (restricted
    APIs, a proxy)."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    ssl: bool = False
    root_certificates: str | None = None
    private_key: str | None = None
    certificate_chain: str | None = None


@dataclass(frozen=True)
class ModelStatus:
    """One line of the repository index. A failed reload leaves the old version READY without a
    reason."""

    name: str
    version: str
    state: str
    reason: str


class TritonClient:
    """An async context manager. Every call raises `Unreachable`, `TritonRefused` or
    `ModelFailed`."""

    def __init__(self, connection: Connection | str, breaker: CircuitBreaker | None = None) -> None:
        """`breaker` keeps calls from a server that does not answer; without one all are made."""
        self.connection = Connection(connection) if isinstance(connection, str) else connection
        self._breaker = breaker
        self._client: Any = InferenceServerClient(
            self.connection.url,
            ssl=self.connection.ssl,
            root_certificates=self.connection.root_certificates,
            private_key=self.connection.private_key,
            certificate_chain=self.connection.certificate_chain,
            channel_args=OPTIONS,
        )
        # gRPC refuses a name in upper case, and quotes the value while doing so.
        given = self.connection.headers.items()
        self._headers = {name.lower(): value for name, value in given} or None
        self._contracts: dict[str, Contract] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._client.close()

    async def is_ready(self, seconds: float = CONTROL_SECONDS) -> bool:
        """Whether the server and all its models are ready. Raises only what is not an answer."""
        with self._errors("health"):
            return bool(
                await self._client.is_server_ready(headers=self._headers, client_timeout=seconds)
            )

    async def is_model_ready(self, model: str, seconds: float = CONTROL_SECONDS) -> bool:
        with self._errors(model):
            return bool(
                await self._client.is_model_ready(
                    model, headers=self._headers, client_timeout=seconds
                )
            )

    async def server_version(self, seconds: float = CONTROL_SECONDS) -> str:
        with self._errors("server metadata"):
            metadata = await self._client.get_server_metadata(
                headers=self._headers, client_timeout=seconds
            )
        return str(metadata.version)

    async def index(self, seconds: float = CONTROL_SECONDS) -> tuple[ModelStatus, ...]:
        """Every model in the repository with its state."""
        with self._errors("repository index"):
            answer = await self._client.get_model_repository_index(
                headers=self._headers, client_timeout=seconds
            )
        return tuple(
            ModelStatus(item.name, item.version, item.state, item.reason) for item in answer.models
        )

    async def contract(
        self, model: str, *, fresh: bool = False, seconds: float = CONTROL_SECONDS
    ) -> Contract:
        """The model's inputs and outputs as it declares them now; remembered until a load through
        this client."""
        if fresh or model not in self._contracts:
            config = await self.config(model, seconds)
            self._contracts[model] = contract_of(config)
        return self._contracts[model]

    async def config(self, model: str, seconds: float = CONTROL_SECONDS) -> Any:
        """The live `inference.ModelConfig`."""
        with self._errors(model):
            answer = await self._client.get_model_config(
                model, headers=self._headers, client_timeout=seconds
            )
        return answer.config

    async def statistics(self, model: str, seconds: float = CONTROL_SECONDS) -> Any:
        """Triton's `ModelStatistics` of a model: counts and nanoseconds since it was loaded."""
        with self._errors(model):
            answer = await self._client.get_inference_statistics(
                model, headers=self._headers, client_timeout=seconds
            )
        return answer.model_stats[0]

    async def load(
        self, model: str, config: Any | None = None, seconds: float = LOAD_SECONDS
    ) -> None:
        """Load or reload. `config` overrides the one on disk and must be complete: an override
        never merges.

        A reply is no proof of a change (Triton skips what it takes for unchanged): read the
        configuration back.
        """
        override = None
        if config is not None:
            if not config.input or not config.output:
                raise InvalidInput(
                    f"a configuration of {model} without inputs would load and serve nothing"
                )
            override = config_json(config)
        self._contracts.pop(model, None)
        with self._errors(model):
            await self._client.load_model(
                model, headers=self._headers, config=override, client_timeout=seconds
            )

    async def unload(self, model: str, seconds: float = CONTROL_SECONDS) -> None:
        """Unload; Triton answers before the model is gone."""
        self._contracts.pop(model, None)
        with self._errors(model):
            await self._client.unload_model(model, headers=self._headers, client_timeout=seconds)

    async def generate(
        self, request: GenerateRequest, *, model: str = BLS_MODEL, seconds: float = GENERATE_SECONDS
    ) -> Generated:
        """Complete a prompt by `charter_bls`, the engine's own model, or the LLM API's model.

        Cancelling the awaiting task cancels the request.
        """
        contract = await self.contract(model)
        arrays = inputs_for(request, contract)
        started = time.perf_counter()
        outputs = await self._infer(contract, arrays, request, seconds)
        latency_ms = (time.perf_counter() - started) * 1000
        echoed = echoed_prompt(request, contract) if model == ENGINE_MODEL else ()
        return read_generated(outputs, len(request.token_ids) or None, latency_ms, echoed)

    async def stream(
        self, request: GenerateRequest, *, model: str = BLS_MODEL, seconds: float = GENERATE_SECONDS
    ) -> AsyncGenerator[Generated]:
        """Like `generate`, piece by piece; needs a decoupled model. The last piece holds the
        counters and times. Closing it cancels the request."""
        contract = await self.contract(model)
        if not contract.decoupled:
            raise InvalidInput(
                f"{model} does not stream",
                remedy=(
                    "set model_transaction_policy.decoupled in its config.pbtxt, or generate "
                    "without streaming"
                ),
            )
        arrays = {
            **inputs_for(request, contract),
            **({"stream": np.array([True])} if model == BLS_MODEL else {}),
        }
        started = time.perf_counter()
        async with contextlib.aclosing(
            self._responses(contract, arrays, request, seconds)
        ) as responses:
            async for outputs in responses:
                yield read_generated(outputs, None, (time.perf_counter() - started) * 1000)

    async def infer(
        self,
        model: str,
        arrays: Mapping[str, NDArray[Any]],
        *,
        seconds: float = GENERATE_SECONDS,
    ) -> dict[str, NDArray[Any]]:
        """The outputs that any model gives for these inputs."""
        return await self._infer(await self.contract(model), arrays, None, seconds)

    async def _infer(
        self,
        contract: Contract,
        arrays: Mapping[str, NDArray[Any]],
        request: GenerateRequest | None,
        seconds: float,
    ) -> dict[str, NDArray[Any]]:
        if contract.decoupled:
            merged: dict[str, NDArray[Any]] = {}
            async for outputs in self._responses(contract, arrays, request, seconds):
                merged |= outputs
            return merged
        with self._errors(contract.model):
            result = await self._client.infer(
                contract.model,
                [_tensor(name, array) for name, array in arrays.items()],
                request_id=request.request_id if request else "",
                headers=self._headers_of(request),
                client_timeout=seconds,
            )
        return _outputs(result)

    def _headers_of(self, request: GenerateRequest | None) -> dict[str, str] | None:
        """Those of every call, and the request's own."""
        own = request.headers if request else {}
        return {**(self._headers or {}), **own} or None

    async def _responses(
        self,
        contract: Contract,
        arrays: Mapping[str, NDArray[Any]],
        request: GenerateRequest | None,
        seconds: float,
    ) -> AsyncGenerator[dict[str, NDArray[Any]]]:
        async def one_request() -> AsyncIterator[dict[str, Any]]:
            yield {
                "model_name": contract.model,
                "inputs": [_tensor(name, array) for name, array in arrays.items()],
                "request_id": request.request_id if request else "",
                "enable_empty_final_response": True,
            }

        with self._errors(contract.model):
            responses = self._client.stream_infer(
                one_request(), stream_timeout=seconds, headers=self._headers_of(request)
            )
            try:
                async for result, error in responses:
                    if error is not None:
                        raise error
                    response = result.get_response()
                    if response.outputs:
                        yield _outputs(result)
                    if response.parameters["triton_final_response"].bool_param:
                        return
            finally:
                responses.cancel()

    @contextlib.contextmanager
    def _errors(self, subject: str) -> Iterator[None]:
        breaker = self._breaker
        if breaker is None:
            with self._typed_errors(subject):
                yield
            return
        if not breaker.admits():
            raise Unreachable(
                f"{self.connection.url} did not answer and is asked again in "
                f"{breaker.seconds_left:.1f} s",
                remedy=_UNREACHABLE_REMEDY,
            )
        try:
            with self._typed_errors(subject):
                yield
        except Unreachable as error:
            breaker.failed(error.message)
            raise
        except TritonError:
            breaker.answered()
            raise
        breaker.answered()

    @contextlib.contextmanager
    def _typed_errors(self, subject: str) -> Iterator[None]:
        try:
            yield
        except InferenceServerException as error:
            raise typed_error(error, subject, self.connection.url) from None
        except grpc.aio.AioRpcError as error:
            raise Unreachable(
                f"{self.connection.url}: {subject}: {error.details() or error.code().name}",
                remedy=_UNREACHABLE_REMEDY,
            ) from None
        except asyncio.CancelledError:
            # The gRPC client reports a server that vanishes in mid-call as a cancellation too.
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise Unreachable(
                f"{self.connection.url} ended the call to {subject}", remedy=_UNREACHABLE_REMEDY
            ) from None


_UNREACHABLE_REMEDY = "is Triton up, and is this its gRPC port? `charter-engine triton status`"


def contract_of(config: Any) -> Contract:
    """The contract in a live `inference.ModelConfig`."""
    return Contract(
        model=config.name,
        inputs={item.name: _type_name(item.data_type) for item in config.input},
        outputs={item.name: _type_name(item.data_type) for item in config.output},
        batched=config.max_batch_size > 0,
        decoupled=config.model_transaction_policy.decoupled,
    )


def inputs_for(request: GenerateRequest, contract: Contract) -> dict[str, NDArray[Any]]:
    """The request in the shape this model takes. Raises `InvalidInput` where it cannot be put
    so."""
    if contract.model == BLS_MODEL:
        arrays = bls_inputs(request)
        if SOURCE not in contract.inputs:
            arrays.pop(SOURCE, None)
        return arrays
    if "input_ids" in contract.inputs:
        if not request.token_ids:
            raise InvalidInput(
                f"{contract.model} takes token ids only",
                remedy="give token_ids, or go through charter_bls",
            )
        return engine_inputs(request, contract)
    if "sampling_param_max_tokens" in contract.inputs:
        return {
            name: array for name, array in llmapi_inputs(request).items() if name in contract.inputs
        }
    raise InvalidInput(f"{contract.model} is neither charter_bls nor a TensorRT-LLM model")


HTTP_WORDS = "http1.x server"
"""In what gRPC says of a server that answers it by HTTP/1."""


def typed_error(error: InferenceServerException, subject: str, url: str) -> TritonError:
    """Sort an error by what can be done about it, by its text where its status misleads.

    A restricted protocol answers UNAVAILABLE, as an outage does; a failed load INTERNAL or
    INVALID_ARGUMENT.
    """
    message = _without_traceback(error.message() or "no reason given")
    status = str(error.status() or "").rpartition(".")[2]
    if RESTRICTED_WORDS in message:
        return TritonRefused(
            f"{url}: {message}", remedy="give the header with --triton-header NAME=@FILE"
        )
    if NO_CONTROL_WORDS in message:
        return TritonRefused(
            f"{url}: {message}", remedy="start tritonserver with --model-control-mode=explicit"
        )
    if HTTP_WORDS in message:
        return Unreachable(
            f"{url}: {subject}: what answers there speaks HTTP, and not Triton's gRPC",
            remedy=f"charter-engine profile {url} tells what it is; vLLM, SGLang and trtllm-serve "
            "are run and measured on by --server URL",
        )
    if (
        status in {"UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED", "UNKNOWN"}
        and "model" not in message
    ):
        return Unreachable(f"{url}: {subject}: {message}", remedy=_UNREACHABLE_REMEDY)
    if status in {
        "INVALID_ARGUMENT",
        "NOT_FOUND",
        "UNIMPLEMENTED",
        "FAILED_PRECONDITION",
        "PERMISSION_DENIED",
        "UNAUTHENTICATED",
    }:
        return TritonRefused(f"{subject}: {message}")
    return ModelFailed(f"{subject}: {message}")


def _without_traceback(message: str) -> str:
    """Triton's words without the Python traceback that the backend appends to a model's own."""
    return message.partition("\n\nAt:")[0].rstrip(";\n ")


def _type_name(data_type: int) -> str:
    from tritonclient.grpc.model_config_pb2 import DataType

    return str(DataType.Name(data_type)).removeprefix("TYPE_")


def _tensor(name: str, array: NDArray[Any]) -> InferInput:
    tensor = InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
    tensor.set_data_from_numpy(array)
    return tensor


def _outputs(result: Any) -> dict[str, NDArray[Any]]:
    return {output.name: result.as_numpy(output.name) for output in result.get_response().outputs}


__all__ = ["BLS_MODEL", "ENGINE_MODEL", "Connection", "ModelConfig", "ModelStatus", "TritonClient"]
