"""The engine as a Triton Python-backend model: tensors in and out, metrics beside.

Runs in Triton's stub process.
"""

import itertools
import json
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import triton_python_backend_utils as pb_utils
from numpy.typing import NDArray

from charter_engine.embedded.engine import MEANINGLESS_TEXT_NOTICE
from charter_engine.embedded.engine.contract import (
    DEFAULT_PROFILE,
    INPUTS,
    PERF_METRICS,
    PROFILE_PARAMETER,
    Version,
    profile_version,
)
from charter_engine.embedded.engine.decode import DecodedRequest, decode_request
from charter_engine.embedded.engine.encode import encode_progress
from charter_engine.embedded.engine.engine import ReferenceEngine
from charter_engine.embedded.engine.errors import EngineError, InvalidRequest
from charter_engine.embedded.engine.gauges import Gauges
from charter_engine.embedded.engine.requests import (
    GenerationRequest,
    RequestProgress,
    Truncation,
)
from charter_engine.embedded.engine.settings import engine_directory, parse_settings
from charter_engine.embedded.engine.spec import read_spec

FINAL = pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL


class Decoded(Protocol):
    """What every contract's request tells.

    It is the sequences to generate, the wish to stop an earlier request, or sequences to forget.
    """

    @property
    def rows(self) -> tuple[GenerationRequest, ...]: ...

    @property
    def truncations(self) -> tuple[Truncation, ...]: ...

    @property
    def stop(self) -> bool: ...


class EngineAnswer:
    """Where the responses of one Triton request go.

    It sends its rows' progress, until the last row has finished.

    The lock keeps the look for a cancellation apart from the last send: Triton 2.51 ends with a
    segmentation fault when a request is asked for its cancellation while, or after, it is
    completed.
    """

    def __init__(self, served: "ServedEngine", request: Any, sender: Any, decoded: Decoded) -> None:
        self.served, self.sender, self.decoded = served, sender, decoded
        self.name = request.request_id()
        self.wanted = set(request.requested_output_names())
        self.unfinished = len(decoded.rows)
        self.lock = threading.Lock()

    def take(self, row: int, progress: RequestProgress) -> None:
        """Send one progress; called from the engine's thread."""
        if progress.finish_reason == "error":
            response = self.served.failure(progress.error)
        else:
            tensors = self.served.encode(self.decoded, row, progress)
            response = response_of(
                {name: value for name, value in tensors.items() if name in self.wanted}
            )
        with self.lock:
            self.unfinished -= progress.finished
            last = self.unfinished == 0
            self.sender.send(response, flags=FINAL if last else 0)
        if last:
            self.served.forget(self)
        if progress.finished and progress.finish_reason != "error":
            self.served.lengths.append((len(self.decoded.rows[row].prompt), progress.total_tokens))

    def cancelled(self) -> bool:
        """Whether the client has gone, or withdrawn the request."""
        with self.lock:
            return self.unfinished > 0 and bool(self.sender.is_cancelled())


class ServedEngine(ABC):
    """What Triton's Python backend calls, whatever the contract.

    A contract says how to `load`, what a request asks for (`decode`) and how it is answered
    (`encode`, `failure`).
    """

    input_names: tuple[str, ...]

    @abstractmethod
    def load(self, args: dict[str, str], config: dict[str, Any]) -> ReferenceEngine: ...

    @abstractmethod
    def decode(self, tensors: dict[str, NDArray[Any]], key: str) -> Decoded: ...

    @abstractmethod
    def encode(
        self, decoded: Any, row: int, progress: RequestProgress
    ) -> dict[str, NDArray[Any]]: ...

    def failure(self, message: str) -> Any:
        return pb_utils.InferenceResponse(error=pb_utils.TritonError(message))

    def show_metrics(self) -> None:
        self.lengths.clear()

    def initialize(self, args: dict[str, str]) -> None:
        """Load the engine.

        Raising here makes Triton refuse the load, and the old model goes on serving.
        """
        config = json.loads(args["model_config"])
        self.decoupled = pb_utils.using_decoupled_model_transaction_policy(config)
        self.numbers = itertools.count()
        self.answers: set[EngineAnswer] = set()
        self.lengths: deque[tuple[int, int]] = deque()
        self.lock = threading.Lock()
        self.closing = threading.Event()
        try:
            self.engine = self.load(args, config)
        except EngineError as error:
            raise pb_utils.TritonModelException(str(error)) from error
        log, pool = pb_utils.Logger, self.engine.pool
        log.log_info(
            f"KV cache: {pool.gpu_blocks} blocks of {self.engine.spec.tokens_per_block} tokens, "
            f"{pool.gpu_bytes} bytes; host tier {pool.host_blocks} blocks"
        )
        if self.engine.spec.reference_engine.weights is None:
            log.log_info(MEANINGLESS_TEXT_NOTICE)
        self.engine.start()
        self.watcher = threading.Thread(target=self._watch, name="watch", daemon=True)
        self.watcher.start()

    def execute(self, requests: list[Any]) -> None:
        """Hand the requests to the engine and return; responses are sent as they come."""
        for request in requests:
            sender = request.get_response_sender()
            try:
                self._accept(request, sender)
            except EngineError as error:
                sender.send(self.failure(str(error)), flags=FINAL)
            except Exception as error:  # a malformed request must not take the others down with it
                sender.send(self.failure(f"the request cannot be read: {error!r}"), flags=FINAL)

    def finalize(self) -> None:
        self.closing.set()
        self.engine.close()
        self.watcher.join()

    def forget(self, answer: EngineAnswer) -> None:
        with self.lock:
            self.answers.discard(answer)

    def _accept(self, request: Any, sender: Any) -> None:
        found = {
            name: pb_utils.get_input_tensor_by_name(request, name) for name in self.input_names
        }
        tensors = {name: tensor.as_numpy() for name, tensor in found.items() if tensor is not None}
        decoded = self.decode(tensors, str(next(self.numbers)))
        if decoded.stop:
            self._stop(request.request_id())
            sender.send(response_of({}), flags=FINAL)
            return
        if decoded.truncations:
            self.engine.truncate(decoded.truncations)
            sender.send(response_of({}), flags=FINAL)
            return
        if not self.decoupled and (len(decoded.rows) > 1 or decoded.rows[0].streaming):
            raise InvalidRequest(
                "streaming and several prompts in one request need "
                "model_transaction_policy.decoupled"
            )
        answer = EngineAnswer(self, request, sender, decoded)
        with self.lock:
            self.answers.add(answer)
        try:
            self.engine.submit(
                [(row, partial(answer.take, number)) for number, row in enumerate(decoded.rows)]
            )
        except InvalidRequest:
            self.forget(answer)
            raise

    def _stop(self, request_id: str) -> None:
        with self.lock:
            named = [answer for answer in self.answers if answer.name == request_id and request_id]
        for answer in named:
            self._cancel(answer)

    def _cancel(self, answer: EngineAnswer) -> None:
        for row in answer.decoded.rows:
            self.engine.cancel(row.request_id)

    def _watch(self) -> None:
        """Refresh the metrics and look for clients that went away, each at its own period.

        Metrics are changed by this thread only: Triton 2.51 does not bear two.
        """
        settings = self.engine.settings
        tasks = (
            (self.show_metrics, settings.stats_check_period_ms / 1000),
            (self._look_for_cancellations, settings.cancellation_check_period_ms / 1000),
        )
        due = [0.0, 0.0]
        while not self.closing.wait(max(0.001, min(due) - time.monotonic())):
            for index, (task, period) in enumerate(tasks):
                if time.monotonic() >= due[index]:
                    task()
                    due[index] = time.monotonic() + period

    def _look_for_cancellations(self) -> None:
        with self.lock:
            answers = list(self.answers)
        for answer in answers:
            if answer.cancelled():
                self._cancel(answer)


class EngineModel(ServedEngine):
    """The engine model's contract.

    Token ids in and out, KV counters, times, `nv_trt_llm_*` metrics.
    """

    input_names = tuple(tensor.name for tensor in INPUTS)
    gauges: Gauges
    version: Version

    def load(self, args: dict[str, str], config: dict[str, Any]) -> ReferenceEngine:
        parameters = {
            name: value["string_value"] for name, value in config.get("parameters", {}).items()
        }
        self.version = profile_version(parameters.get(PROFILE_PARAMETER) or DEFAULT_PROFILE)
        warn = pb_utils.Logger.log_warn
        settings = parse_settings(parameters, warn, reuse_by_default=self.version >= PERF_METRICS)
        directory = engine_directory(settings, Path(args["model_repository"]))
        engine = ReferenceEngine(read_spec(directory), directory, settings, warn)
        labels = {"model": args["model_name"], "version": args["model_version"]}
        self.gauges = Gauges(pb_utils, engine, self.version, labels)
        return engine

    def decode(self, tensors: dict[str, NDArray[Any]], key: str) -> DecodedRequest:
        return decode_request(tensors, key)

    def encode(
        self, decoded: DecodedRequest, row: int, progress: RequestProgress
    ) -> dict[str, NDArray[Any]]:
        exclude = decoded.exclude_input
        if exclude is None:
            exclude = self.engine.settings.exclude_input_in_output
        return encode_progress(decoded, row, progress, self.version, exclude)

    def show_metrics(self) -> None:
        self.gauges.refresh()
        while self.lengths:
            self.gauges.observe_lengths(*self.lengths.popleft())


TritonPythonModel = EngineModel
"""Under the name that Triton's Python backend looks for: a repository's `model.py` imports it."""


def response_of(tensors: dict[str, NDArray[Any]]) -> Any:
    return pb_utils.InferenceResponse(
        [pb_utils.Tensor(name, value) for name, value in tensors.items()]
    )
