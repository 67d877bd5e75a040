"""The engine: checks requests, and runs the scheduler in a thread of its own."""

import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from charter_engine.embedded.engine.errors import InvalidRequest
from charter_engine.embedded.engine.event_file import event_file
from charter_engine.embedded.engine.loading import load_scheduler, memory_use
from charter_engine.embedded.engine.requests import (
    GenerationRequest,
    RequestProgress,
    Sink,
    Truncation,
)
from charter_engine.embedded.engine.scheduler import IterationStats
from charter_engine.embedded.engine.settings import EngineSettings, Warn
from charter_engine.embedded.engine.spec import EngineSpec

T = TypeVar("T")


class ReferenceEngine:
    """A loaded engine.

    `submit` and `cancel` may be called from any thread; sinks are called from the engine's own.
    """

    def __init__(
        self,
        spec: EngineSpec,
        directory: Path,
        settings: EngineSettings,
        warn: Warn = lambda _: None,
    ) -> None:
        """Loads everything; raises `EngineConfigError`. Call `start` to begin serving."""
        self.spec, self.settings = spec, settings
        self._events = event_file(warn)
        self._scheduler = load_scheduler(
            spec, directory, settings, warn, events=self._events is not None
        )
        self.manager, self.pool = self._scheduler.manager, self._scheduler.pool
        self.memory = memory_use(self._scheduler)
        self._warn = warn
        self._wake = threading.Condition()
        self._arrivals: deque[tuple[GenerationRequest, Sink, int]] = deque()
        self._withdrawals: deque[str] = deque()
        self._truncations: deque[Truncation] = deque()
        self._known: set[str] = set()
        self._stopped = ""
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    @property
    def stats(self) -> IterationStats:
        """What the last iteration left."""
        return self._scheduler.stats

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """End all requests with an error and stop the thread."""
        with self._wake:
            self._stopped = self._stopped or "the engine is shutting down"
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join()
        if self._events is not None:
            self._events.close()

    def submit(self, batch: Sequence[tuple[GenerationRequest, Sink]]) -> None:
        """Queue requests, all or none. Raises `InvalidRequest` if one of them can never run."""
        arrival = time.time_ns()
        checked = [(self._checked(request), sink) for request, sink in batch]
        with self._wake:
            if self._stopped:
                raise InvalidRequest(self._stopped)
            for request, _ in checked:
                if request.request_id in self._known:
                    raise InvalidRequest(
                        f"request id {request.request_id} is already running: use another one"
                    )
            for request, sink in checked:
                self._known.add(request.request_id)
                self._arrivals.append((request, self._guarded(request.request_id, sink), arrival))
            self._wake.notify()

    def cancel(self, request_id: str) -> None:
        """Withdraw a request; without effect when it is not running."""
        with self._wake:
            self._withdrawals.append(request_id)
            self._wake.notify()

    def truncate(self, truncations: Sequence[Truncation]) -> None:
        """Forget the ends of sequences, before anything that is submitted later is admitted."""
        with self._wake:
            self._truncations.extend(truncations)
            self._wake.notify()

    def _guarded(self, request_id: str, sink: Sink) -> Sink:
        """The sink, kept from harming the engine.

        A client that is gone must not end the others' requests.
        """

        def report(progress: RequestProgress) -> None:
            if progress.finished:
                with self._wake:
                    self._known.discard(request_id)
            try:
                sink(progress)
            except Exception as error:  # whatever a transport raises
                self._warn(f"request {request_id}: its answer could not be delivered: {error!r}")

        return report

    def _checked(self, request: GenerationRequest) -> GenerationRequest:
        """The request, its output no longer than the longest sequence the engine was built for.

        TensorRT-LLM shortens it, too.
        """
        build, shape = self.spec.build_config, self.spec.pretrained_config
        length = len(request.prompt)
        if length == 0:
            raise InvalidRequest("the prompt is empty: input_ids needs at least one token")
        if request.max_tokens < 1:
            raise InvalidRequest(f"request_output_len must be at least 1, not {request.max_tokens}")
        if not 0 <= min(request.prompt) <= max(request.prompt) < shape.vocab_size:
            raise InvalidRequest(
                f"input_ids must lie in 0..{shape.vocab_size - 1} (the engine's vocabulary)"
            )
        if length >= build.max_seq_len:
            raise InvalidRequest(
                f"Prompt length ({length}) leaves no room for output: "
                f"max_seq_len is {build.max_seq_len}"
            )
        if length > build.max_num_tokens and not self.settings.enable_chunked_context:
            raise InvalidRequest(
                f"Prompt length ({length}) exceeds max_num_tokens ({build.max_num_tokens}): "
                "shorten it or set enable_chunked_context"
            )
        if length + request.max_tokens > build.max_seq_len:
            self._warn(
                f"request_output_len reduced to {build.max_seq_len - length}: "
                f"max_seq_len is {build.max_seq_len}"
            )
            request = replace(request, max_tokens=build.max_seq_len - length)
        blocks = self._scheduler.blocks_for(length + request.max_tokens)
        if blocks > self.pool.gpu_blocks:
            raise InvalidRequest(
                f"the request needs {blocks} KV cache blocks and the pool has "
                f"{self.pool.gpu_blocks}: shorten it or raise max_tokens_in_paged_kv_cache"
            )
        return request

    def _asked_for_anything(self) -> bool:
        return bool(self._arrivals or self._withdrawals or self._truncations or self._stopped)

    def _run(self) -> None:
        scheduler = self._scheduler
        while True:
            with self._wake:
                while scheduler.idle and not self._asked_for_anything():
                    self._wake.wait()
                arrivals = _drained(self._arrivals)
                withdrawals = _drained(self._withdrawals)
                truncations = _drained(self._truncations)
                stopped = self._stopped
            for request, sink, arrival in arrivals:
                scheduler.submit(request, sink, arrival)
            for request_id in withdrawals:
                scheduler.cancel(request_id)
            for truncation in truncations:
                self.manager.truncate(truncation.tokens, truncation.keep_tokens)
            if stopped:
                scheduler.fail_all(stopped)
                return
            try:
                scheduler.step(time.monotonic() * 1e3)
                if self._events is not None:
                    self._events.write(self.manager.drain_events())
            except (
                Exception
            ) as error:  # its state can no longer be trusted: say so to all, now and later
                with self._wake:
                    self._stopped = f"the engine failed and must be reloaded: {error!r}"
                self._warn(self._stopped)


def _drained(queue: deque[T]) -> list[T]:
    """All that is queued, which is not queued any more."""
    items = list(queue)
    queue.clear()
    return items
