"""The engine as a Triton Python-backend model: tensors in and out, metrics beside. Runs in Triton's stub process."""

import itertools
import json
import threading
import time
from collections import deque
from functools import partial
from pathlib import Path
from typing import Any

import triton_python_backend_utils as pb_utils

from charter_engine.embedded.engine import MEANINGLESS_TEXT_NOTICE
from charter_engine.embedded.engine.arrays import Array
from charter_engine.embedded.engine.contract import (
    DEFAULT_PROFILE,
    PERF_METRICS,
    PROFILE_PARAMETER,
    Version,
    profile_version,
)
from charter_engine.embedded.engine.decode import INPUT_NAMES, DecodedRequest, decode_request
from charter_engine.embedded.engine.encode import empty_response, encode_progress
from charter_engine.embedded.engine.engine import Engine
from charter_engine.embedded.engine.errors import EngineError, InvalidRequest
from charter_engine.embedded.engine.gauges import Gauges
from charter_engine.embedded.engine.requests import Progress
from charter_engine.embedded.engine.settings import engine_directory, parse_settings
from charter_engine.embedded.engine.spec import read_spec


class Answer:
    """Where the responses of one Triton request go: its rows' progress, until the last row has finished.

    The lock keeps the look for a cancellation apart from the last send: Triton 2.51 ends with a segmentation fault
    when a request is asked for its cancellation while, or after, it is completed.
    """

    def __init__(self, served: "TritonPythonModel", request: Any, sender: Any, decoded: DecodedRequest) -> None:
        self.served, self.sender, self.decoded = served, sender, decoded
        self.name = request.request_id()
        self.wanted = set(request.requested_output_names())
        self.unfinished = len(decoded.rows)
        self.lock = threading.Lock()
        exclude = decoded.exclude_input
        self.exclude_input = served.engine.settings.exclude_input_in_output if exclude is None else exclude

    def take(self, row: int, progress: Progress) -> None:
        """Send one progress; called from the engine's thread."""
        if progress.finish_reason == "error":
            response = pb_utils.InferenceResponse(error=pb_utils.TritonError(progress.error))
        else:
            tensors = encode_progress(self.decoded, row, progress, self.served.version, self.exclude_input)
            response = _response({name: value for name, value in tensors.items() if name in self.wanted})
        with self.lock:
            self.unfinished -= progress.finished
            last = self.unfinished == 0
            self.sender.send(response, flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL if last else 0)
        if last:
            self.served.forget(self)
        if progress.finished and progress.finish_reason != "error":
            self.served.lengths.append((len(self.decoded.rows[row].prompt), progress.total_tokens))

    def cancelled(self) -> bool:
        """Whether the client has gone, or withdrawn the request."""
        with self.lock:
            return self.unfinished > 0 and bool(self.sender.is_cancelled())


class TritonPythonModel:
    """What Triton's Python backend calls."""

    engine: Engine
    gauges: Gauges
    version: Version

    def initialize(self, args: dict[str, str]) -> None:
        """Load the engine; raising here makes Triton refuse the load, and the old model goes on serving."""
        config = json.loads(args["model_config"])
        parameters = {name: value["string_value"] for name, value in config["parameters"].items()}
        self.version = profile_version(parameters.get(PROFILE_PARAMETER) or DEFAULT_PROFILE)
        self.decoupled = pb_utils.using_decoupled_model_transaction_policy(config)
        log = pb_utils.Logger
        try:
            settings = parse_settings(parameters, log.log_warn, reuse_by_default=self.version >= PERF_METRICS)
            directory = engine_directory(settings, Path(args["model_repository"]))
            self.engine = Engine(read_spec(directory), directory, settings, log.log_warn)
        except EngineError as error:
            raise pb_utils.TritonModelException(str(error)) from error
        log.log_info(
            f"KV cache: {self.engine.pool.gpu_blocks} blocks of {self.engine.spec.tokens_per_block} tokens, "
            f"{self.engine.pool.gpu_bytes} bytes; host tier {self.engine.pool.host_blocks} blocks"
        )
        if self.engine.spec.reference_engine.weights is None:
            log.log_info(MEANINGLESS_TEXT_NOTICE)
        labels = {"model": args["model_name"], "version": args["model_version"]}
        self.gauges = Gauges(pb_utils, self.engine, self.version, labels)
        self.numbers = itertools.count()
        self.answers: set[Answer] = set()
        self.lengths: deque[tuple[int, int]] = deque()
        self.lock = threading.Lock()
        self.closing = threading.Event()
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
                _refuse(sender, str(error))
            except Exception as error:  # a malformed request must not take the others down with it
                _refuse(sender, f"the request cannot be read: {error!r}")

    def finalize(self) -> None:
        self.closing.set()
        self.engine.close()
        self.watcher.join()

    def forget(self, answer: Answer) -> None:
        with self.lock:
            self.answers.discard(answer)

    def _accept(self, request: Any, sender: Any) -> None:
        tensors = _tensors(request)
        key = str(next(self.numbers))
        decoded = decode_request(tensors, key)
        if decoded.stop:
            self._stop(request.request_id())
            sender.send(_response(empty_response(self.version)), flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
            return
        if not self.decoupled and (len(decoded.rows) > 1 or decoded.rows[0].streaming):
            raise InvalidRequest("streaming and several prompts in one request need model_transaction_policy.decoupled")
        answer = Answer(self, request, sender, decoded)
        with self.lock:
            self.answers.add(answer)
        try:
            self.engine.submit([(row, partial(answer.take, number)) for number, row in enumerate(decoded.rows)])
        except InvalidRequest:
            self.forget(answer)
            raise

    def _stop(self, request_id: str) -> None:
        with self.lock:
            named = [answer for answer in self.answers if answer.name == request_id and request_id]
        for answer in named:
            self._cancel(answer)

    def _cancel(self, answer: Answer) -> None:
        for row in answer.decoded.rows:
            self.engine.cancel(row.request_id)

    def _watch(self) -> None:
        """Refresh the metrics and look for clients that went away, each at its own period.

        Metrics are changed by this thread only: Triton 2.51 does not bear two.
        """
        settings = self.engine.settings
        tasks = (
            (self._show_metrics, settings.stats_check_period_ms / 1000),
            (self._look_for_cancellations, settings.cancellation_check_period_ms / 1000),
        )
        due = [0.0, 0.0]
        while not self.closing.wait(max(0.001, min(due) - time.monotonic())):
            for index, (task, period) in enumerate(tasks):
                if time.monotonic() >= due[index]:
                    task()
                    due[index] = time.monotonic() + period

    def _show_metrics(self) -> None:
        self.gauges.refresh()
        while self.lengths:
            self.gauges.observe_lengths(*self.lengths.popleft())

    def _look_for_cancellations(self) -> None:
        with self.lock:
            answers = list(self.answers)
        for answer in answers:
            if answer.cancelled():
                self._cancel(answer)


def _tensors(request: Any) -> dict[str, Array]:
    found = {name: pb_utils.get_input_tensor_by_name(request, name) for name in INPUT_NAMES}
    return {name: tensor.as_numpy() for name, tensor in found.items() if tensor is not None}


def _response(tensors: dict[str, Array]) -> Any:
    return pb_utils.InferenceResponse([pb_utils.Tensor(name, value) for name, value in tensors.items()])


def _refuse(sender: Any, message: str) -> None:
    sender.send(
        pb_utils.InferenceResponse(error=pb_utils.TritonError(message)),
        flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL,
    )
