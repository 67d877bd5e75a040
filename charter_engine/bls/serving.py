"""`charter_bls`: text in, the plan's retention added, `tensorrt_llm` called, text and KV counters
out.

Runs in the stub process of Triton's Python backend. Requests are answered from a pool of threads
through response senders, so that as many are in flight as the engine takes.
"""

import json
import os
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils

from .answer import WANTED, Answer, read_answer, without_prompt
from .checks import PlanError
from .contract import EXCLUDES_PROMPT, KEEP_INPUT, contract_from_config, contract_from_parameters
from .ended import EndedStreams
from .metrics import NodeMetrics
from .plan import parse_plan, read_plan
from .prompt import Arrival, Preparer, Prompt, RequestError
from .recent import DEFAULT_BYTES, QUERY, open_recent
from .refresh import DEFAULT_MOST, RetentionRefreshes
from .releases import SessionReleases
from .ring import open_ring
from .served import record_of
from .sessions import Sent, Sessions
from .tap import Tap, TapError
from .tensors import (
    answer_tensors,
    flag,
    inner_tensors,
    prompt_arrays,
    read_arrival,
    refresh_arrays,
    sampling_arrays,
    stop_arrays,
    tap_tensor,
    text_tensor,
    texts,
    truncation_arrays,
)
from .tokenizer import Tokenizer, TokenizerError

DEFAULT_IN_FLIGHT = 128
"""Assumed: more than an engine batches; each costs a thread that waits."""
PROMPTS_KEY = "CHARTER_PROMPTS_KEY_SHA256"
"""The environment variable that holds the SHA-256, in hexadecimal, of the key without which nobody
is told of recent prompts; without it, whoever may call the model is."""
CANCELLATION_CHECK_SECONDS = 0.1
"""Taken from TensorRT-LLM's `cancellation_check_period_ms`."""
PARTIAL_CHARACTER = "\N{REPLACEMENT CHARACTER}"


class InnerFailed(Exception):
    """The inner model refused or failed; the message is its own."""

    def __init__(self, error: Any) -> None:
        super().__init__(error.message())
        self.code = error.code()


class Answering:
    """A request on its way.

    `name` is its id at the engine: the run, the client's own id, and what tells it apart.
    `sent` is set where the past of its session decided what it asks for.
    `arrival`, `prompt`, `answer` and `error` are set as they become known, and `began` with the
    first piece of a stream.
    """

    def __init__(self, request: Any) -> None:
        self.request = request
        self.sender = request.get_response_sender()
        run = next(iter(texts(request, "charter_run", errors="replace")), "")
        self.name = "-".join(filter(None, (run, request.request_id(), uuid.uuid4().hex)))
        self.arrived_s = self.ended_s = time.monotonic()
        self.arrived_at = time.time()
        self.sent: Sent | None = None
        self.arrival = Arrival()
        self.prompt: Prompt | None = None
        self.answer: Answer | None = None
        self.error = ""
        self.began = False
        self._lock = threading.Lock()
        self._finished = self._cancelled = False

    def finish(self, response: Any) -> None:
        with self._lock:
            self._finished = True
            self.sender.send(response, flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
            self.ended_s = time.monotonic()

    def fail(self, message: str, code: Any) -> None:
        self.error = message
        self.finish(pb_utils.InferenceResponse(error=pb_utils.TritonError(message, code)))

    @property
    def cancelled(self) -> bool:
        """Whether the client is known to have gone away before its answer."""
        return self._cancelled

    @property
    def computed_tokens(self) -> int:
        """What the engine is known to have computed for it, prompt and answer."""
        if self.answer is None or self.answer.reused_tokens is None:
            return 0
        prompt_tokens = self.answer.prompt_tokens - self.answer.reused_tokens
        return prompt_tokens + len(self.answer.output_ids)

    def look(self) -> bool:
        """Ask Triton whether the client has gone away, unless that is known; whether it was asked.
        Triton 2.51 crashes if asked after the last send."""
        with self._lock:
            if self._finished or self._cancelled:
                return False
            self._cancelled = self.sender.is_cancelled()
            return True


class CharterBls:
    """One instance. A plan that cannot be used fails the load, and the instance before it goes on
    serving."""

    def initialize(self, args: dict[str, str]) -> None:
        config = json.loads(args["model_config"])
        parameters = {key: item["string_value"] for key, item in config["parameters"].items()}
        directory = Path(args["model_repository"])
        self.inner = parameters.get("inner_model") or "tensorrt_llm"
        self.tokens_per_block = int(parameters.get("tokens_per_block") or 0) or None
        self.decoupled: bool = pb_utils.using_decoupled_model_transaction_policy(config)
        try:
            inner_config = directory.parent / self.inner / "config.pbtxt"
            self.contract = contract_from_parameters(parameters) or contract_from_config(
                inner_config
            )
            given, stamped = parameters.get("charter_plan"), parameters.get("charter_revision")
            plan = (
                parse_plan(given)
                if given
                else read_plan(directory / args["model_version"] / "plan.json", stamped)
            )
            self.tokenizer = _tokenizer(parameters, directory)
            recent_bytes = int(parameters.get("recent_prompts_bytes") or DEFAULT_BYTES)
        except (ValueError, OSError) as error:
            raise pb_utils.TritonModelException(str(error)) from None
        self.wanted = [name for name in WANTED if name in self.contract.outputs]
        self.revision = plan.revision
        self.preparer = Preparer(plan, self.tokenizer, _instances(config))
        self.metrics = NodeMetrics(pb_utils, plan)
        self.sessions = Sessions(plan.reuse_times) if plan.reuse_times is not None else None
        self.in_flight: set[Answering] = set()
        self.refreshes = self.sessions and RetentionRefreshes(
            self.sessions,
            self._refresh,
            self.metrics.count_refresh,
            under_way=lambda: len(self.in_flight),
            most=int(parameters.get("max_restamps") or DEFAULT_MOST),
        )
        releases = plan.release != "never" and KEEP_INPUT in self.contract.inputs
        self.releases = SessionReleases(plan.release, self._truncate) if releases else None
        in_flight = int(parameters.get("max_in_flight") or DEFAULT_IN_FLIGHT)
        self.threads = ThreadPoolExecutor(in_flight, thread_name_prefix="request")
        self.tap, self.no_tap = _tap(args["model_name"], recent_bytes)
        # Apart from the requests, so that readers do not wait where as many are in flight as may.
        self.readers = ThreadPoolExecutor(1, thread_name_prefix="tap")
        self.ended = EndedStreams()
        self.lock = threading.Lock()
        self.closing = threading.Event()
        self.stirred = threading.Event()
        """There is something to watch, or the model is closing."""
        self.watcher = threading.Thread(target=self._watch, name="watch", daemon=True)
        self.watcher.start()

    def execute(self, requests: list[Any]) -> None:
        """Hand the requests to the threads and return."""
        for request in requests:
            cursor = texts(request, "charter_tap", errors="replace")
            if cursor:
                self.readers.submit(self._tell, request.get_response_sender(), cursor[0])
                continue
            answering = Answering(request)
            with self.lock:
                self.in_flight.add(answering)
            self.stirred.set()
            self.threads.submit(self._answer, answering)

    def finalize(self) -> None:
        self.closing.set()
        self.stirred.set()
        self.watcher.join()
        self.threads.shutdown(wait=True)
        if self.refreshes:
            self.refreshes.close()
        if self.releases:
            self.releases.close()
        self.readers.shutdown(wait=True)
        if self.tap:
            self.tap.close()
        self.metrics.close()

    def _tell(self, sender: Any, cursor: str) -> None:
        """Give a reader of the tap the records behind its cursor, or a recent prompt."""
        try:
            if self.tap is None:
                raise TapError(self.no_tap)
            parts = (
                self.tap.prompt(cursor, self._text)
                if cursor.startswith(QUERY)
                else self.tap.read(cursor)
            )
            response = pb_utils.InferenceResponse([tap_tensor(parts)])
        except TapError as error:
            refused = pb_utils.TritonError(str(error), pb_utils.TritonError.INVALID_ARG)
            response = pb_utils.InferenceResponse(error=refused)
        sender.send(response, flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)

    def _answer(self, answering: Answering) -> None:
        try:
            arrival = answering.arrival = read_arrival(answering.request)
            self._serve(answering, self.preparer.prepare(arrival))
        except (RequestError, PlanError, json.JSONDecodeError, UnicodeDecodeError) as error:
            answering.fail(str(error), pb_utils.TritonError.INVALID_ARG)
        except InnerFailed as error:
            answering.fail(str(error), error.code)
        except Exception as error:  # whatever else it is, the client must hear of it
            answering.fail(
                f"charter_bls: {type(error).__name__}: {error}", pb_utils.TritonError.INTERNAL
            )
        finally:
            with self.lock:
                self.in_flight.discard(answering)
            if self.refreshes:
                self.refreshes.answered(answering.computed_tokens)
            self._record(answering)

    def _serve(self, answering: Answering, prepared: Prompt) -> None:
        """Have the prompt answered. One that is longer for continuing a call may be too long for
        the engine: where it refuses, the prompt goes as it came."""
        try:
            self._send(answering, prepared)
        except InnerFailed:
            if prepared.laying.earlier is None or answering.began or answering.cancelled:
                raise
            self._send(answering, self.preparer.as_it_came(answering.arrival, prepared))

    def _send(self, answering: Answering, prepared: Prompt) -> None:
        # An array, which all that follows takes as it is.
        token_ids: Any = np.asarray(prepared.token_ids, np.int32)
        prepared = replace(prepared, token_ids=token_ids)
        prompt = self._by_session(answering, answering.arrival, prepared)
        answering.prompt = prompt
        if self.decoupled:
            self._stream(answering, prompt)
        else:
            response = self._call(answering, prompt).exec()
            self._finish(answering, prompt, self._outputs(response, prompt))

    def _record(self, answering: Answering) -> None:
        if self.tap is None:
            return
        token_ids: Any = answering.prompt.token_ids if answering.prompt else np.empty(0, np.int32)
        self.tap.add(
            record_of(
                answering.arrival,
                answering.prompt,
                answering.answer,
                error=answering.error,
                cancelled=answering.cancelled,
                at=answering.arrived_at,
                total_s=answering.ended_s - answering.arrived_s,
                revision=self.revision,
            ),
            token_ids,
            answering.answer.ids if answering.answer else (),
        )

    def _by_session(self, answering: Answering, arrival: Arrival, prompt: Prompt) -> Prompt:
        """The prompt with what its session's past asks for, unless the request itself says what it
        wants."""
        if self.sessions is None:
            return prompt
        explicit = arrival.retention is not None
        answering.sent = self.sessions.sent(
            arrival.session, prompt.token_ids, prompt.node, answering.arrived_s, explicit=explicit
        )
        retention = prompt.retention if explicit else self.sessions.asked(answering.sent)
        return replace(prompt, retention=retention)

    def _stream(self, answering: Answering, prompt: Prompt) -> None:
        """Each response holds the text since the one before; the counters and times come with the
        last."""
        wants_pieces = flag(answering.request, "stream")
        tokens: list[int] = []
        last: dict[str, Any] = {}
        said = ""
        for response in self._responses(self._call(answering, prompt)):
            arrays = self._outputs(response, prompt)
            if "output_ids" not in arrays:
                continue
            last = {**last, **arrays}
            tokens += read_answer(arrays, len(prompt.token_ids), None).output_ids
            text = self._decode(tokens)
            if wants_pieces and not text.endswith(PARTIAL_CHARACTER):
                answering.began = True
                answering.sender.send(
                    pb_utils.InferenceResponse([text_tensor("text_output", text[len(said) :])])
                )
                said = text
        whole = {
            "output_ids": np.array(tokens, np.int32),
            "sequence_length": np.array([len(tokens)], np.int32),
        }
        self._finish(answering, prompt, {**last, **whole}, said)

    def _responses(self, request: Any) -> Iterator[Any]:
        """A stream of the engine's, which is read to its end whatever becomes of its reader."""
        stream = request.exec(decoupled=True)
        try:
            yield from stream
        finally:
            while next(stream, None) is not None:
                pass
            self.ended.keep(stream)
            self.stirred.set()

    def _call(self, answering: Answering, prompt: Prompt) -> Any:
        request = answering.request
        arrays = prompt_arrays(request, prompt, stream=self.decoupled and flag(request, "stream"))
        arrays |= sampling_arrays(request, self.contract, self.tokenizer)
        return pb_utils.InferenceRequest(
            model_name=self.inner,
            request_id=answering.name,
            inputs=inner_tensors(arrays, self.contract),
            requested_output_names=self.wanted,
        )

    def _outputs(self, response: Any, prompt: Prompt) -> dict[str, Any]:
        if response.has_error():
            self.metrics.count(prompt.node, failures=1)
            raise InnerFailed(response.error())
        return {tensor.name(): tensor.as_numpy() for tensor in response.output_tensors()}

    def _finish(
        self, answering: Answering, prompt: Prompt, arrays: dict[str, Any], said: str = ""
    ) -> None:
        """Answer first and count then: nobody waits for the metrics."""
        if not said and EXCLUDES_PROMPT not in self.contract.inputs:
            arrays = _without_prompt(arrays, prompt)
        answer = read_answer(arrays, len(prompt.token_ids), self.tokens_per_block)
        answering.answer = answer
        text = self._decode(answer.output_ids)
        # Before the answer is sent: its reader may go on from it at once.
        self.preparer.answered(prompt, answering.arrival.session, answer.output_ids, text)
        rest = text[len(said) :]
        answering.finish(
            pb_utils.InferenceResponse(answer_tensors(answer, rest, prompt.node, self.revision))
        )
        self.metrics.count_layout(prompt.node, prompt.laying)
        self.metrics.count(
            prompt.node,
            requests=1,
            prompt_tokens=answer.prompt_tokens,
            reused_tokens=answer.reused_tokens,
            reused_blocks=answer.reused_blocks,
            missed_blocks=answer.missed_blocks,
            ttft_seconds=answer.ttft_seconds,
        )
        if self.sessions and self.refreshes and answering.sent and not answering.cancelled:
            level = self.sessions.answered(answering.sent, answer.output_ids, time.monotonic())
            if level is not None:
                self.refreshes.follow(answering.name, answering.sent, level, answer.output_ids)
        if self.releases:
            tokens = np.concatenate((prompt.token_ids, np.asarray(answer.output_ids, np.int32)))
            arrival = answering.arrival
            self.releases.answered(arrival.session, tokens, ends=arrival.ends_session)

    def _decode(self, token_ids: Sequence[int]) -> str:
        return self.tokenizer.decode(token_ids) if self.tokenizer else ""

    def _text(self, token_ids: Sequence[int]) -> str:
        return self.tokenizer.text(token_ids) if self.tokenizer else ""

    def _watch(self) -> None:
        """Stop the engine's work for clients that went away; nothing in Triton passes a
        cancellation on to BLS.

        The thread of Triton's that answers has done by then what it was told before, and so has
        forgotten the streams that had ended.
        """
        while not self.closing.wait(CANCELLATION_CHECK_SECONDS):
            ended = len(self.ended)
            with self.lock:
                in_flight = list(self.in_flight)
            for answering in in_flight:
                if answering.look():
                    self.ended.let_go(ended)
                    ended = 0
                    if answering.cancelled and "stop" in self.contract.inputs:
                        self.threads.submit(self._stop, answering.name)
            self.ended.let_go_of_old(time.monotonic())
            self._rest()

    def _rest(self) -> None:
        """Wait while there is nothing to watch."""
        self.stirred.clear()
        if not self.in_flight and not self.ended and not self.closing.is_set():
            self.stirred.wait()

    def _stop(self, name: str) -> None:
        self._exec(name, stop_arrays())

    def _refresh(self, name: str, token_ids: Any, retention: dict[str, list[int]]) -> int | None:
        """How many of the tokens were reused, where the engine tells."""
        arrays: dict[str, Any] = {}
        for response in self._exec(name, refresh_arrays(token_ids, retention)):
            if response.has_error():
                raise InnerFailed(response.error())
            arrays |= {tensor.name(): tensor.as_numpy() for tensor in response.output_tensors()}
        return read_answer(arrays, len(token_ids), self.tokens_per_block).reused_tokens

    def _truncate(self, token_ids: Any, keep_tokens: int) -> None:
        self._exec(uuid.uuid4().hex, truncation_arrays(token_ids, keep_tokens))

    def _exec(self, name: str, arrays: dict[str, Any]) -> list[Any]:
        """The responses to a request of our own, which nobody waits for."""
        request = pb_utils.InferenceRequest(
            model_name=self.inner,
            request_id=name,
            inputs=inner_tensors(arrays, self.contract),
            requested_output_names=self.wanted,
        )
        return list(self._responses(request)) if self.decoupled else [request.exec()]


def _without_prompt(arrays: dict[str, Any], prompt: Prompt) -> dict[str, Any]:
    """The outputs of an inner model that repeats the prompt before what it generates."""
    whole = read_answer(arrays, len(prompt.token_ids), None).ids
    ids = without_prompt(whole, prompt.token_ids)
    return {**arrays, "output_ids": ids, "sequence_length": np.array([len(ids)], np.int32)}


def _tap(model: str, recent_bytes: int) -> tuple[Tap | None, str]:
    """The tap, or why there is none: requests are served all the same."""
    try:
        recent = open_recent(model, recent_bytes, os.environ.get(PROMPTS_KEY, ""))
        return Tap(open_ring(model), recent), ""
    except OSError as error:
        return None, f"charter_tap: {error}"


def _instances(config: dict[str, Any]) -> int:
    """How many processes serve the model side by side."""
    groups: list[dict[str, Any]] = config.get("instance_group") or [{}]
    return sum(
        int(group.get("count") or 1) * max(1, len(group.get("gpus") or ())) for group in groups
    )


def _tokenizer(parameters: dict[str, str], directory: Path) -> Tokenizer | None:
    path = parameters.get("tokenizer_dir")
    if not path:
        return None
    special = parameters.get("add_special_tokens", "true").lower() == "true"
    try:
        return Tokenizer(directory / path, add_special_tokens=special)
    except TokenizerError as error:
        raise ValueError(f"parameter tokenizer_dir: {error}") from None
